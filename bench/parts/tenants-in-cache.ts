/**
 * The decision with its bundle, which is looked up among `TENANTS` in the cache: `node bench/parts/tenants-in-cache.ts
 * TENANTS ROUNDS` prints `{"everyone": […], "few": […]}`, microseconds of CPU time for each round. A process of its own: a million
 * bundles need a heap of gigabytes.
 */
import type { Facts } from '../../src/policy/model.ts';
import { decide } from '../../src/policy/decide.ts';
import { Bundles } from '../../src/proxy/bundles.ts';
import { cpuSince } from '../rows.ts';
import { POLICY, TABLE, WORLD } from './world.ts';

const FEW = 1000;
const OPS = 1 << 18;
const WARM_UPS = 3;

/** In microseconds, a value for each round. */
export interface InCache {
  /** Each request is of any tenant in the cache, with equal chance: most look-ups meet cold memory. */
  readonly everyone: readonly number[];
  /** Each request is of any of a thousand tenants, the others idle. */
  readonly few: readonly number[];
}

function measure(tenants: number, rounds: number): InCache {
  const bundles = new Bundles(
    {
      get: (tenant) => ({ tenant, policies: [{ ...POLICY, tenantId: tenant }], grants: [], overrides: [] }),
      fetch: () => {
        throw new Error('everything is here');
      },
    },
    TABLE,
    [],
    { bundles: tenants, negativeTtl: 1000 },
    { hit: 0, miss: 0, negative: 0 },
  );
  for (let i = 0; i < tenants; i++) bundles.get(nameOf(i));
  return {
    everyone: runs(bundles, tenants, tenants, rounds),
    few: runs(bundles, tenants, Math.min(FEW, tenants), rounds),
  };
}

function runs(bundles: Bundles, tenants: number, active: number, rounds: number): number[] {
  // Made from bytes, as a header's value is: the cache has to compare it, and may not take it for its own key.
  const spread = Math.floor(tenants / active);
  const names = Array.from({ length: active }, (_, i) => Buffer.from(nameOf(i * spread)).toString('latin1'));
  const order = Uint32Array.from({ length: OPS }, () => Math.floor(Math.random() * active));
  const facts: { -readonly [K in keyof Facts]: Facts[K] } = {
    tenant: '',
    subject: null,
    user: 'user-1',
    classification: 'identity',
    verb: 'access',
    service: 'storage',
    dialect: 's3',
    naming: 'named',
    resources: ['invoices/2026/november.pdf'],
    requestedRegion: -1,
    callerRegion: 0,
    grant: null,
  };
  const all: number[] = [];
  for (let round = -WARM_UPS; round < rounds; round++) {
    const before = process.cpuUsage();
    for (let i = 0; i < OPS; i++) {
      facts.tenant = names[order[i]!]!;
      if (!decide(bundles.get(facts.tenant) ?? null, facts, WORLD).allowed)
        throw new Error(`${facts.tenant} was refused`);
    }
    if (round >= 0) all.push(cpuSince(before) / OPS);
  }
  return all;
}

function nameOf(i: number): string {
  return `tenant-${i}`;
}

if (import.meta.main) console.log(JSON.stringify(measure(Number(process.argv[2]), Number(process.argv[3]))));
