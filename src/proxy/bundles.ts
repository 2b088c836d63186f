import { LRUCache } from 'lru-cache';
import { detached } from '../core/text.ts';
import { compileTenant, type Bundle } from '../policy/compile.ts';
import type { Regime, RegionTable, TenantPolicies } from '../policy/model.ts';

/** Where bundles come from: all that decides about a tenant, or null when it has no policy and there is no default. */
export interface TenantSource {
  /** What is here; undefined: it has to be fetched. */
  get(tenant: string): TenantPolicies | null | undefined;
  /** Calls `done` once, perhaps within the call; with an Error when it cannot be had now. */
  fetch(tenant: string, done: (policies: TenantPolicies | null | Error) => void): void;
}

/** Tenants without a policy that are remembered at once. */
const UNKNOWN_TENANTS = 10_000;

export interface BundleCounts {
  hit: number;
  miss: number;
  negative: number;
}

/**
 * Compiled bundles, bounded. A tenant without any policy is remembered too, briefly, so that a flood of unknown tenants
 * costs one look-up each and cannot push out the known ones: those have a cache of their own.
 */
export class Bundles {
  readonly #source: TenantSource;
  readonly #table: RegionTable;
  readonly #regimes: readonly Regime[];
  readonly #known: LRUCache<string, Bundle>;
  readonly #unknown: LRUCache<string, true>;
  readonly #counts: BundleCounts;
  #looks = 0;

  /** @param counts outlive this cache, which is made anew at every reload */
  constructor(
    source: TenantSource,
    table: RegionTable,
    regimes: readonly Regime[],
    options: { readonly bundles: number; readonly negativeTtl: number },
    counts: BundleCounts,
  ) {
    this.#source = source;
    this.#table = table;
    this.#regimes = regimes;
    this.#known = new LRUCache({ max: options.bundles });
    this.#unknown = new LRUCache({ max: UNKNOWN_TENANTS, ttl: options.negativeTtl });
    this.#counts = counts;
  }

  /**
   * The bundle, null for a tenant without any, undefined where it has to be fetched.
   * @throws what compiling throws: the request is then refused
   */
  get(tenant: string): Bundle | null | undefined {
    // To note a use moves it to the front, which touches its neighbours too: once in eight is order enough.
    const known = (++this.#looks & 7) === 0 ? this.#known.get(tenant) : this.#known.peek(tenant);
    if (known !== undefined) {
      this.#counts.hit++;
      return known;
    }
    if (this.#unknown.has(tenant)) {
      this.#counts.negative++;
      return null;
    }
    this.#counts.miss++;
    const policies = this.#source.get(tenant);
    return policies === undefined ? undefined : this.#keep(tenant, policies);
  }

  /** Calls `done` once: with the bundle, null, or why there is none to decide by. */
  fetch(tenant: string, done: (bundle: Bundle | null | Error) => void): void {
    this.#source.fetch(tenant, (policies) => {
      let bundle: Bundle | null | Error;
      try {
        bundle = policies instanceof Error ? policies : this.#keep(tenant, policies);
      } catch (error) {
        bundle = error as Error;
      }
      done(bundle);
    });
  }

  /** Forgets a tenant, whose policies have changed. */
  drop(tenant: string): void {
    this.#known.delete(tenant);
    this.#unknown.delete(tenant);
  }

  dropAll(): void {
    this.#known.clear();
    this.#unknown.clear();
  }

  #keep(tenant: string, policies: TenantPolicies | null): Bundle | null {
    if (policies === null) {
      this.#unknown.set(detached(tenant), true);
      return null;
    }
    const bundle = compileTenant(policies, this.#table, this.#regimes);
    this.#known.set(detached(tenant), bundle);
    return bundle;
  }
}
