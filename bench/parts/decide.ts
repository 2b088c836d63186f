import {
  preparsePolicySet,
  statefulIsAuthorized,
  type StatefulAuthorizationCall,
} from '@cedar-policy/cedar-wasm/nodejs';
import type { Classification, Verb } from '../../src/core/vocabulary.ts';
import { compileTenant } from '../../src/policy/compile.ts';
import { decide } from '../../src/policy/decide.ts';
import type { Facts } from '../../src/policy/model.ts';
import { type Row, timed } from '../rows.ts';
import { POLICY, TABLE, WORLD } from './world.ts';

/** One decision: ours, and the same small policy in Cedar (WebAssembly, parsed beforehand). */
export function decisions(rounds: number): Row[] {
  const { ours, cedar } = prepare();
  for (let i = 0; i < CASES.length; i++) {
    const [expected, got, theirs] = [CASES[i]!.allowed, ours(i), cedar(i)];
    if (got !== expected || theirs !== expected)
      throw new Error(`case ${i} should be ${expected}: domicile says ${got}, cedar says ${theirs}`);
  }
  let i = 0;
  const next = () => (i = (i + 1) % CASES.length);
  return [
    timed('decide', rounds, () => ours(next())),
    timed('cedar-wasm, parsed beforehand', rounds, () => cedar(next())),
  ];
}

interface Case {
  readonly verb: Verb;
  readonly classification: Classification;
  /** Region asked for and region of the caller. */
  readonly region: string;
  readonly caller: string;
  readonly allowed: boolean;
}

const CASES: readonly Case[] = [
  { verb: 'access', classification: 'identity', region: 'eu-west', caller: 'eu-west', allowed: true },
  { verb: 'store', classification: 'transactional', region: 'eu-central', caller: 'eu-west', allowed: true },
  { verb: 'store', classification: 'identity', region: 'us-east', caller: 'eu-west', allowed: false },
  { verb: 'access', classification: 'content', region: 'eu-west', caller: 'ca-central', allowed: true },
  { verb: 'access', classification: 'identity', region: 'eu-west', caller: 'ca-central', allowed: false },
];

const CEDAR = `
permit (principal == Tenant::"acme", action, resource)
when { [Region::"eu-west", Region::"eu-central"].contains(resource) };
forbid (principal == Tenant::"acme", action, resource == Region::"us-east");
forbid (principal == Tenant::"acme", action in [Action::"access", Action::"process", Action::"admin"], resource)
when {
  ["identity", "transactional"].contains(context.classification) &&
  !["eu-west", "eu-central"].contains(context.caller)
};`;

function prepare(): { ours(i: number): boolean; cedar(i: number): boolean } {
  const bundle = compileTenant({ tenant: 'acme', policies: [POLICY], grants: [], overrides: [] }, TABLE, []);
  const facts = CASES.map(({ verb, classification, region, caller }): Facts => ({
    tenant: 'acme',
    subject: null,
    user: 'user-1',
    classification,
    verb,
    service: 'storage',
    dialect: 's3',
    naming: 'named',
    resources: ['invoices/2026/november.pdf'],
    requestedRegion: TABLE.find(region)!.index,
    callerRegion: TABLE.find(caller)!.index,
    grant: null,
  }));

  const parsed = preparsePolicySet('bench', { staticPolicies: CEDAR });
  if (parsed.type === 'failure') throw new Error(JSON.stringify(parsed.errors));
  const calls = CASES.map(({ verb, classification, region, caller }): StatefulAuthorizationCall => ({
    principal: { type: 'Tenant', id: 'acme' },
    action: { type: 'Action', id: verb },
    resource: { type: 'Region', id: region },
    context: { classification, caller },
    preparsedPolicySetId: 'bench',
    entities: [],
  }));

  return {
    ours: (i) => decide(bundle, facts[i]!, WORLD).allowed,
    cedar: (i) => {
      const answer = statefulIsAuthorized(calls[i]!);
      if (answer.type === 'failure') throw new Error(JSON.stringify(answer.errors));
      return answer.response.decision === 'allow';
    },
  };
}
