import { createHash } from 'node:crypto';
import { newRequestId } from '../core/ids.ts';
import type { Classification } from '../core/vocabulary.ts';
import type { TenantDocument, WorldDocument } from '../feed/documents.ts';
import type { Grant, Policy, TenantPolicies } from '../policy/model.ts';
import type { RegimeRecord } from '../policy/policy-set.ts';
import type { PolicyEntry } from '../policy/schema.ts';
import type { Catalogue } from '../region/catalogue.ts';
import type { RegionEntry } from '../region/schema.ts';
import { readTenants, type StoredTenant } from '../store/bundle.ts';
import { metaValue, secretUnder, setMetaValue } from '../store/meta.ts';
import { countPolicies, policyById, policyOf } from '../store/policies.ts';
import { listRegions } from '../store/regions.ts';
import type { Db, Store } from '../store/store.ts';
import { conflictsOf } from './conflicts.ts';
import { FileIndex, type FilesInForce } from './files.ts';
import { layRegions, regionDocument, type LaidRegions, type RegionInForce } from './laid-regions.ts';
import {
  checkPolicy,
  checkPolicyDeletion,
  checkRegion,
  namingRegion,
  type At,
  type WriteProblem,
} from './write-checks.ts';

/** Conflicts that a message tells of: one region gone may break every policy. */
const TOLD = 50;

/** Files and store contradict each other. Its message has a line for each conflict, up to the fiftieth. */
export class RegistryConflict extends Error {
  readonly conflicts: readonly string[];

  constructor(conflicts: readonly string[]) {
    const more = conflicts.length > TOLD ? [`and ${conflicts.length - TOLD} more`] : [];
    super(['the files and the store contradict each other:', ...conflicts.slice(0, TOLD), ...more].join('\n'));
    this.conflicts = conflicts;
  }
}

/** Where `reload` keeps what it has announced. */
const FILES_KEY = 'files';
const WORLD_KEY = 'files_world';
const PRESIGN_KEY = 'presign_key';

/** Everything that decides, of files and store together. */
export class Registry {
  readonly #store: Store;
  readonly #presignKey: string;
  #files: FileIndex;
  #laid: LaidRegions;
  /** Of the store, when the regions were laid. */
  #revision: number;
  /** Of the files that may be handed out: while others are put in force, of both. */
  #hashes: readonly string[] = [];

  private constructor(store: Store, presignKey: string, files: FileIndex, laid: LaidRegions, revision: number) {
    this.#store = store;
    this.#presignKey = presignKey;
    this.#files = files;
    this.#laid = laid;
    this.#revision = revision;
  }

  /** @throws RegistryConflict when files and store contradict each other */
  static async open(store: Store, files: FilesInForce): Promise<Registry> {
    const presignKey = await secretUnder(store, PRESIGN_KEY);
    const revision = await store.revision();
    const index = new FileIndex(files);
    const registry = new Registry(store, presignKey, index, await lay(store.db, files), revision);
    await registry.#putInForce(index);
    return registry;
  }

  /**
   * Puts other files in force, and tells every proxy where they say something else than the ones before, whichever
   * process had loaded those.
   * @throws RegistryConflict when they contradict the store: then nothing has changed
   */
  async reload(files: FilesInForce): Promise<void> {
    await this.#putInForce(new FileIndex(files));
  }

  get files(): FilesInForce {
    return this.#files.files;
  }

  /** By it URLs through Domicile are signed. Base64. */
  get presignKey(): string {
    return this.#presignKey;
  }

  /** As of the last `refresh`. */
  get catalogue(): Catalogue {
    return this.#laid.catalogue;
  }

  /** In catalogue order, as of the last `refresh`. */
  get regions(): readonly RegionInForce[] {
    return this.#laid.regions;
  }

  /** In catalogue order, as whoever changes them finds them. */
  async regionsAt(db: Db): Promise<readonly RegionInForce[]> {
    return (await lay(db, this.files)).regions;
  }

  get regimes(): readonly RegimeRecord[] {
    return this.files.policySet.regimes;
  }

  get aliases(): ReadonlyMap<string, Classification> {
    return this.files.aliases;
  }

  /** Brings catalogue and regions up to every change that was committed before the call. */
  async refresh(): Promise<void> {
    const revision = await this.#store.revision();
    if (revision <= this.#revision) return;
    const { files } = this;
    const laid = await lay(this.#store.db, files);
    if (files !== this.files) return this.refresh();
    if (revision <= this.#revision) return;
    this.#laid = laid;
    this.#revision = revision;
  }

  /** The grant of a file, or null. */
  fileGrant(id: string): Grant | null {
    return this.#files.grantsById.get(id) ?? null;
  }

  /** The policy of a file, or null. */
  filePolicy(id: string): Policy | null {
    return this.#files.byId.get(id) ?? null;
  }

  /** A tenant's own policies, of files first; none where only the default policy holds. */
  async policiesOf(tenant: string): Promise<readonly Policy[]> {
    const found = await readTenants(this.#store.db, [tenant], await this.#store.now());
    return this.#policiesOf(tenant, found.get(tenant) as StoredTenant);
  }

  async tenantDocument(tenant: string): Promise<TenantDocument> {
    const [document] = await this.tenantDocuments([tenant]);
    return document as TenantDocument;
  }

  /** In the order asked for, a tenant that is unknown too. */
  async tenantDocuments(tenants: readonly string[]): Promise<TenantDocument[]> {
    // Before everything else, so that whatever changes meanwhile is announced with a higher one.
    const { db } = this.#store;
    const [revision, now] = await Promise.all([this.#store.revision(), this.#store.now()]);
    const [found, fallback] = await Promise.all([
      readTenants(db, tenants, now),
      this.#defaultPolicy(db),
      this.mustBeCurrent(),
    ]);
    return tenants.map((tenant) => {
      const policies = this.#everythingOf(tenant, found.get(tenant) as StoredTenant, fallback);
      return { tenant, revision, policies };
    });
  }

  async worldDocument(): Promise<WorldDocument> {
    const revision = await this.#store.revision();
    await this.mustBeCurrent();
    await this.refresh();
    return {
      revision,
      regions: this.regions.map(regionDocument),
      regimes: this.regimes,
      presignKey: this.#presignKey,
      policies: this.files.policySet.policies.length + (await countPolicies(this.#store.db)),
    };
  }

  /**
   * Of several control planes on one store, the one that loaded files last says which ones hold. The others have older
   * ones, perhaps looser: until they have loaded the same, they hand nothing out.
   * @throws Error when this is one of them
   */
  async mustBeCurrent(): Promise<void> {
    const inForce = await metaValue(this.#store.db, FILES_KEY);
    if (inForce === null || this.#hashes.includes(inForce)) return;
    throw new Error('another control plane has loaded other files since: load the same ones here');
  }

  /**
   * Everything against writing a policy: itself, the tenant's other policies of files and store, regions, regimes.
   * Within a change nothing can come between what is checked and what is written.
   * @param before id of the stored policy in whose place it comes, or null for a new one
   */
  async check(at: At, entry: PolicyEntry, before: string | null): Promise<WriteProblem[]> {
    const { catalogue } = await lay(at.db, this.files);
    return checkPolicy(at, entry, before, { index: this.#files, catalogue });
  }

  /** Everything against taking a stored policy away. */
  checkDeletion(id: string): WriteProblem[] {
    return checkPolicyDeletion(id, this.files);
  }

  /**
   * Everything against writing a region of the API's: itself, names that others have, policies that it would break.
   * @param before id of the stored region in whose place it comes, or null for a new one
   */
  async checkRegion(at: At, entry: RegionEntry, before: string | null): Promise<WriteProblem[]> {
    const laid = await lay(at.db, this.files);
    return checkRegion(at, entry, before, { files: this.files, laid });
  }

  /** What in files and store names a region, for people: `policy acme-eu`. While there is any, it cannot go. */
  namingRegion(db: Db, region: { readonly id: string; readonly cloudRegion: string }): Promise<string[]> {
    return namingRegion(db, region);
  }

  async #putInForce(index: FileIndex): Promise<void> {
    const { files } = index;
    const hash = hashOf(files);
    const before = { index: this.#files, laid: this.#laid };
    if ((await metaValue(this.#store.db, FILES_KEY)) === hash.all) {
      this.#set(index, await conformLaid(this.#store.db, index, false, await this.#store.now()));
      this.#hashes = [hash.all];
      return;
    }
    const hashes = this.#hashes;
    try {
      await this.#store.change({ actor: 'domicile', requestId: newRequestId() }, async (change) => {
        const worldChanged = (await metaValue(change.db, WORLD_KEY)) !== hash.world;
        const laid = await conformLaid(change.db, index, worldChanged, change.now);
        await setMetaValue(change.db, FILES_KEY, hash.all);
        await setMetaValue(change.db, WORLD_KEY, hash.world);
        const { policies, grants, overrides, regimes } = files.policySet;
        const counts = { policies, grants, overrides, regimes, regions: files.catalogue.regions };
        const told = Object.fromEntries(Object.entries(counts).map(([key, list]) => [key, list.length] as const));
        await change.history('files', FILES_KEY, null, 'loaded', { hash: hash.all, ...told });
        change.touch('*');
        // Before the commit: who hears of its revision must find these files.
        this.#hashes = [...hashes, hash.all];
        this.#set(index, laid);
      });
      this.#hashes = [hash.all];
    } catch (error) {
      this.#hashes = hashes;
      this.#set(before.index, before.laid);
      throw error;
    }
  }

  #set(index: FileIndex, laid: LaidRegions): void {
    this.#files = index;
    this.#laid = laid;
    // A refresh may have seen a later revision than these regions: the next one lays them anew.
    this.#revision = 0;
  }

  #policiesOf(tenant: string, stored: StoredTenant): readonly Policy[] {
    return [...(this.#files.policies.get(tenant) ?? []), ...stored.policies.map(policyOf)];
  }

  #everythingOf(tenant: string, stored: StoredTenant, fallback: Policy | null): TenantPolicies | null {
    let policies = this.#policiesOf(tenant, stored);
    if (policies.length === 0) {
      if (fallback === null) return null;
      policies = [fallback];
    }
    return {
      tenant,
      policies,
      grants: [...(this.#files.grants.get(tenant) ?? []), ...stored.grants],
      overrides: [...(this.#files.overrides.get(tenant) ?? []), ...stored.overrides],
      records: stored.records,
    };
  }

  async #defaultPolicy(db: Db): Promise<Policy | null> {
    const { defaultPolicy, policySet } = this.files;
    if (defaultPolicy === null || policySet.defaultPolicy !== null) return policySet.defaultPolicy;
    const stored = await policyById(db, defaultPolicy);
    return stored === null || stored.entry.tenant_id !== null ? null : policyOf(stored);
  }
}

async function lay(db: Db, { catalogue, credentials }: FilesInForce): Promise<LaidRegions> {
  return layRegions(catalogue, credentials, await listRegions(db));
}

async function conformLaid(db: Db, index: FileIndex, everything: boolean, now: number): Promise<LaidRegions> {
  const laid = await lay(db, index.files);
  const conflicts = [...laid.problems, ...(await conflictsOf(db, index, laid.catalogue, { everything, now }))];
  if (conflicts.length > 0) throw new RegistryConflict(conflicts);
  return laid;
}

/** Of what the files say to proxies, and of that part of it against which stored policies have been checked. */
function hashOf({ catalogue, policySet, defaultPolicy }: FilesInForce): {
  readonly all: string;
  readonly world: string;
} {
  const regions = catalogue.regions.map((region) => {
    const { status, ...document } = regionDocument({ region, source: 'file', entry: null, revision: 0 });
    return { document, status };
  });
  const world = createHash('sha256');
  for (const { document } of regions) world.update(JSON.stringify(document));
  for (const regime of policySet.regimes) world.update(JSON.stringify(regime));
  const all = world.copy();
  all.update(JSON.stringify([defaultPolicy, ...regions.map(({ status }) => status)]));
  // One by one: together they may be more than one string can hold.
  for (const list of [policySet.policies, policySet.grants, policySet.overrides])
    for (const entry of list) all.update(JSON.stringify(entry));
  return { all: all.digest('hex'), world: world.digest('hex') };
}
