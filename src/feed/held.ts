import { LRUCache } from 'lru-cache';
import type { TenantDocument } from './documents.ts';

/** Tenants without a policy that are remembered at once. */
const UNKNOWN = 10_000;

/**
 * The documents that a client has, bounded: the ones used last. A tenant without any policy is remembered too, briefly and
 * apart, so that a flood of unknown ones cannot push out the known. What has been announced to be outdated is no more
 * held; of what was in use it is kept that it should be asked for again.
 */
export class Held {
  readonly #known: LRUCache<string, TenantDocument>;
  readonly #unknown: LRUCache<string, true>;
  readonly #stale = new Set<string>();
  readonly #bundles: number;

  /**
   * @param bundles documents at most
   * @param negativeTtl milliseconds that a tenant without a policy is remembered
   * @param onEvicted told of a document that made room for another
   */
  constructor(bundles: number, negativeTtl: number, onEvicted: (tenant: string) => void) {
    this.#bundles = bundles;
    this.#known = new LRUCache({
      max: bundles,
      dispose: (_, tenant, reason) => {
        if (reason === 'evict') onEvicted(tenant);
      },
    });
    this.#unknown = new LRUCache({ max: UNKNOWN, ttl: negativeTtl });
  }

  /** Null: it has no policy. Undefined: not here. */
  get(tenant: string): TenantDocument | null | undefined {
    return this.#known.get(tenant) ?? (this.#unknown.has(tenant) ? null : undefined);
  }

  /** @returns whether there is a document of it now: one that says that it has no policy is none */
  put(document: TenantDocument): boolean {
    const { tenant } = document;
    this.#stale.delete(tenant);
    if (document.policies === null) {
      this.#known.delete(tenant);
      this.#unknown.set(tenant, true);
      return false;
    }
    this.#unknown.delete(tenant);
    this.#known.set(tenant, document);
    return true;
  }

  /** Outdates these, or all. Returns which of them there was a document of. */
  outdate(tenants: readonly string[] | null): readonly string[] {
    const used = tenants === null ? [...this.#known.keys()] : tenants.filter((tenant) => this.#known.has(tenant));
    if (tenants === null) {
      this.#known.clear();
      this.#unknown.clear();
    } else
      for (const tenant of tenants) {
        this.#known.delete(tenant);
        this.#unknown.delete(tenant);
      }
    this.wish(used);
    return used;
  }

  /** These should be asked for again. */
  wish(tenants: Iterable<string>): void {
    for (const tenant of tenants) if (this.#stale.size < this.#bundles) this.#stale.add(tenant);
  }

  /** In use before they were outdated. */
  get stale(): ReadonlySet<string> {
    return this.#stale;
  }

  get size(): number {
    return this.#known.size;
  }

  /** Most recently used last. */
  documents(): TenantDocument[] {
    return [...this.#known.rvalues()].filter((document) => document !== undefined);
  }

  /** All that a change would make invalid. */
  tenants(): string[] {
    return [...this.#known.keys(), ...this.#unknown.keys()];
  }
}
