import type { TenantDocument, WorldDocument } from '../../src/feed/documents.ts';
import type { FeedSource, GrantCount } from '../../src/feed/source.ts';
import type { Grant, Policy } from '../../src/policy/model.ts';

export function policy(tenant: string, over: Partial<Policy> = {}): Policy {
  return {
    id: `${tenant}-policy`,
    name: null,
    tenantId: tenant,
    subjectId: null,
    mode: 'client-owned',
    policyType: 'mandatory',
    primaryRegion: 'eu-west',
    allowedRegions: ['eu-central'],
    secondaryRegions: [],
    prohibitedRegions: [],
    classifications: [],
    complianceFrameworks: [],
    allowCrossRegionFailover: true,
    crossBorder: {},
    emergencyOverride: 'allowed',
    dataRetentionDays: null,
    emergencyContact: null,
    enabled: true,
    resources: { storage: [], search: [], inference: [] },
    transferEvidence: [],
    revision: 1,
    ...over,
  };
}

export function grant(tenant: string, id: string): Grant {
  return {
    id,
    tenantId: tenant,
    subjects: [],
    userId: 'ana',
    classifications: [],
    verbs: ['access'],
    resource: null,
    fromRegion: 'us-east',
    toRegion: 'eu-west',
    notBefore: 0,
    notAfter: Number.MAX_SAFE_INTEGER,
    maxUses: 1,
    reason: 'support',
    approvedBy: ['bo'],
  };
}

/** A store in memory: policies and grants by tenant, the outbox, the world. */
export class MemorySource implements FeedSource {
  at = 1;
  readonly policies = new Map<string, Policy>();
  readonly grants = new Map<string, Grant>();
  readonly used = new Map<string, number>();
  readonly outbox: { revision: number; tenant: string }[] = [];
  /** Oldest revision that the outbox reaches back to. */
  reachesTo = 0;
  status: 'active' | 'inactive' = 'active';
  presignKey = 'c2VjcmV0';
  /** Not null: every question is refused with it. */
  down: Error | null = null;
  /** Added to the clock of this machine. */
  ahead = 0;
  /** Calls of `bundles`, and tenants asked for in them. */
  readonly reads: string[][] = [];
  /** Awaited between reading a revision and its rows. */
  pause: () => Promise<void> = () => Promise.resolve();
  readonly #listeners = new Set<(revision: number) => void>();

  /** One change, told at once. */
  change(tenant: string, mutate: () => void = () => {}): number {
    mutate();
    this.at++;
    this.outbox.push({ revision: this.at, tenant });
    for (const listener of this.#listeners) listener(this.at);
    return this.at;
  }

  pin(tenant: string, primaryRegion: string): number {
    return this.change(tenant, () =>
      this.policies.set(tenant, policy(tenant, { primaryRegion, revision: this.at + 1 })),
    );
  }

  give(tenant: string, id: string): number {
    return this.change(tenant, () => this.grants.set(id, grant(tenant, id)));
  }

  revoke(id: string): number {
    const { tenantId } = this.grants.get(id)!;
    return this.change(tenantId, () => this.grants.delete(id));
  }

  document(tenant: string): TenantDocument {
    return { tenant, revision: this.at, ...this.#policies(tenant) };
  }

  revision(): Promise<number> {
    return this.#answer(() => this.at);
  }

  world(): Promise<WorldDocument> {
    return this.#answer(() => ({
      revision: this.at,
      regions: [{ id: 'eu-west', status: this.status, source: 'file', entry: { name: 'Ireland' } }],
      regimes: [],
      presignKey: this.presignKey,
      policies: this.policies.size,
    }));
  }

  async bundles(tenants: readonly string[]): Promise<readonly TenantDocument[]> {
    this.reads.push([...tenants]);
    const revision = await this.#answer(() => this.at);
    await this.pause();
    return tenants.map((tenant) => ({ tenant, revision, ...this.#policies(tenant) }));
  }

  touchedSince(revision: number): ReturnType<FeedSource['touchedSince']> {
    return this.#answer(() => {
      if (revision < this.reachesTo) return null;
      const later = this.outbox.slice(this.#firstAfter(revision));
      return { revision: this.at, tenants: [...new Set(later.map(({ tenant }) => tenant))] };
    });
  }

  onRevision(listener: (revision: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  take(grants: readonly string[]): ReturnType<FeedSource['take']> {
    return this.#answer(() => {
      const left = (id: string) => (this.grants.get(id)?.maxUses ?? 0) - (this.used.get(id) ?? 0);
      const taken = grants.every((id) => left(id) > 0);
      if (taken) for (const id of grants) this.used.set(id, (this.used.get(id) ?? 0) + 1);
      return { taken, counts: grants.map((id) => [id, this.used.get(id) ?? 0] as const) };
    });
  }

  addUses(counts: readonly GrantCount[]): Promise<void> {
    return this.#answer(() => {
      for (const [id, uses] of counts) this.used.set(id, (this.used.get(id) ?? 0) + uses);
    });
  }

  now(): Promise<number> {
    return this.#answer(() => Date.now() + this.ahead);
  }

  #policies(tenant: string): Pick<TenantDocument, 'policies'> {
    const own = this.policies.get(tenant);
    if (own === undefined) return { policies: null };
    const grants = [...this.grants.values()].filter(({ tenantId }) => tenantId === tenant);
    return { policies: { tenant, policies: [own], grants, overrides: [], records: [['bucket/key', 'identity']] } };
  }

  #firstAfter(revision: number): number {
    let low = 0;
    let high = this.outbox.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.outbox[middle]!.revision <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  async #answer<T>(answer: () => T): Promise<T> {
    await new Promise<void>((resolve) => queueMicrotask(resolve));
    if (this.down !== null) throw this.down;
    return answer();
  }
}
