import { LRUCache } from 'lru-cache';
import type { Effect, Reason } from '../core/reasons.ts';
import { Refusal } from '../core/refusal.ts';
import { momentOf } from '../core/schema.ts';
import { DIALECTS_OF, SERVICES, VERBS, type DialectId, type Service, type Verb } from '../core/vocabulary.ts';
import { readClaims, type IdentityRules } from '../inbound/facts.ts';
import { compileTenant, type Bundle } from '../policy/compile.ts';
import { decide } from '../policy/decide.ts';
import type { Decision, Facts, Regime, TenantPolicies } from '../policy/model.ts';
import type { Trace } from '../policy/trace.ts';
import { secure, serving } from '../region/availability.ts';
import type { Catalogue } from '../region/catalogue.ts';

/** What `explain` answers for one set of facts, as printed. */
export interface Explanation {
  readonly allowed: boolean;
  readonly effect: Effect;
  readonly reason: Reason;
  readonly target_region: string | null;
  readonly policy: string | null;
  readonly grant: string | null;
  readonly override: string | null;
}

/** Facts as they are written: the keys of `explain --batch`. Every value is untrusted. */
export type WrittenFacts = Readonly<Record<string, unknown>>;

export const FACT_KEYS = [
  'tenant',
  'subject',
  'user',
  'classification',
  'verb',
  'service',
  'dialect',
  'resource',
  'region',
  'caller_region',
  'grant',
  'at',
] as const;

export interface ExplainerOptions {
  readonly catalogue: Catalogue;
  readonly regimes: readonly Regime[];
  readonly tenants: (tenant: string) => TenantPolicies | null;
  readonly rules: IdentityRules;
  /** Milliseconds since the epoch, for facts without `at`. */
  readonly now: () => number;
}

/** Tenants kept compiled: a batch may name any number of them. */
const BUNDLES = 10_000;

/**
 * Decides written facts exactly as the data plane would, by the same code, with every configured endpoint healthy and no
 * grant used up.
 */
export class Explainer {
  readonly #options: ExplainerOptions;
  readonly #rules: IdentityRules;
  readonly #bundles = new LRUCache<string, Bundle>({ max: BUNDLES });

  constructor(options: ExplainerOptions) {
    this.#options = options;
    this.#rules = { ...options.rules, headers: true, path: false, trustRegionHeader: true };
  }

  /** @param trace filled with the steps, or null */
  explain(written: WrittenFacts, trace: Trace | null = null): Explanation {
    const refused = (reason: Reason) => {
      trace?.steps.push({ step: 'facts', looked: 'the facts given', found: 'not valid', rule: reason });
      return denial(reason);
    };
    const shape = shapeOf(written);
    if (shape === null) return refused('request_malformed');
    const { catalogue, regimes, tenants } = this.#options;
    const claims = readClaims({ method: 'GET', target: '/', headers: headersOf(written) }, this.#rules, catalogue);
    if (claims instanceof Refusal) return refused(claims.reason);

    const { resources, naming } = resourcesOf(shape.service, text(written['resource']));
    const facts: Facts = {
      tenant: claims.tenant,
      subject: claims.subject,
      user: claims.user,
      classification: claims.classification,
      verb: shape.verb,
      service: shape.service,
      dialect: shape.dialect,
      naming,
      resources,
      requestedRegion: claims.requestedRegion,
      callerRegion: claims.callerRegion,
      grant: claims.grant,
    };
    trace?.steps.push({
      step: 'facts',
      looked: `tenant ${facts.tenant}, class ${facts.classification}, ${facts.verb} on ${facts.service} (${facts.dialect})`,
      found: 'valid',
      rule: 'conflict of sources, tenant, classification, region; the first that fails is named',
    });
    let bundle = this.#bundles.get(facts.tenant) ?? null;
    const policies = bundle === null ? tenants(facts.tenant) : null;
    if (policies !== null) {
      bundle = compileTenant(policies, catalogue, regimes);
      this.#bundles.set(facts.tenant, bundle);
    }
    const decision = decide(
      bundle,
      facts,
      {
        now: shape.at ?? this.#options.now(),
        selfRegion: this.#rules.selfRegion,
        available: serving(catalogue, facts.dialect, facts.verb),
        secure: secure(catalogue, facts.dialect),
        uses: () => 0,
      },
      trace,
    );
    return explained(decision, catalogue);
  }
}

function explained(decision: Decision, catalogue: Catalogue): Explanation {
  return {
    allowed: decision.allowed,
    effect: decision.effect,
    reason: decision.reason,
    target_region: catalogue.regions[decision.target]?.id ?? null,
    policy: decision.policy?.id ?? null,
    grant: decision.grant?.id ?? null,
    override: decision.override?.id ?? null,
  };
}

/** A refusal before any policy is looked at. */
export function denial(reason: Reason): Explanation {
  return { allowed: false, effect: 'deny', reason, target_region: null, policy: null, grant: null, override: null };
}

interface Shape {
  readonly verb: Verb;
  readonly service: Service;
  readonly dialect: DialectId;
  readonly at: number | null;
}

/** What comes before any fact: types, verb, service, dialect and time. Null when one of them is wrong. */
function shapeOf(written: WrittenFacts): Shape | null {
  for (const key of FACT_KEYS) {
    const value = written[key];
    if (value !== undefined && value !== null && typeof value !== 'string') return null;
  }
  const verb = VERBS.find((known) => known === written['verb']);
  const service = SERVICES.find((known) => known === written['service']);
  if (verb === undefined || service === undefined) return null;
  const asked = text(written['dialect']);
  const dialects = DIALECTS_OF[service];
  const dialect =
    asked === null ? (dialects.length === 1 ? dialects[0] : undefined) : dialects.find((known) => known === asked);
  if (dialect === undefined) return null;
  const moment = text(written['at']);
  const at = moment === null ? null : momentOf(moment);
  if (moment !== null && at === null) return null;
  return { verb, service, dialect, at };
}

const HEADER_OF: readonly (readonly [string, string])[] = [
  ['tenant', 'x-tenant-id'],
  ['classification', 'x-data-classification'],
  ['subject', 'x-subject-id'],
  ['user', 'x-user-id'],
  ['region', 'x-requested-region'],
  ['caller_region', 'x-region'],
  ['grant', 'x-residency-grant'],
];

/** The facts as the headers that would carry them, so that they are judged by the same code, in the same order. */
function headersOf(written: WrittenFacts): string[] {
  const headers: string[] = [];
  for (const [key, name] of HEADER_OF) {
    const value = text(written[key]);
    if (value !== null) headers.push(name, value);
  }
  return headers;
}

/** An empty value is an absent one. */
function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** An index expression is its elements, the exclusions left out; any other resource is one. */
function resourcesOf(service: Service, resource: string | null): { resources: string[]; naming: 'named' | 'none' } {
  if (resource === null) return { resources: [], naming: 'none' };
  const all = service === 'search' ? resource.split(',') : [resource];
  const resources = service === 'search' ? all.filter((element) => !element.startsWith('-')) : all;
  return { resources, naming: resources.length === 0 ? 'none' : 'named' };
}
