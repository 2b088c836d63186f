import { FeedClient, type FeedClientState } from '../feed/client.ts';
import type { TenantDocument, WorldDocument } from '../feed/documents.ts';
import { LEASE } from '../feed/protocol.ts';
import { LastGood } from '../feed/last-good.ts';
import type { ClientTls } from '../feed/target.ts';
import type { TenantPolicies } from '../policy/model.ts';
import type { TenantSource } from '../proxy/bundles.ts';
import type { TakenGrant, Uses } from '../proxy/uses.ts';
import type { Log } from '../telemetry/log.ts';
import type { Loaded } from './data-plane.ts';
import { overlay, sameWorld, type Overlaid } from './overlay.ts';
import type { Ground, Policies, PolicyListener } from './policies.ts';
import { FEED_BOUND } from './running.ts';

/** Where a process fetches its policies. Structured-cloneable: workers are told it. */
export interface FeedAddress {
  /** `unix:/path`, or `https://host:port`. */
  readonly url: string;
  readonly token: string | null;
  readonly tls: ClientTls;
  /** Folder in which what restricts outlives the process; null: the control plane is on this machine, and starts first. */
  readonly lastGood: string | null;
}

export interface FedOptions {
  readonly feed: FeedAddress;
  readonly loaded: Loaded;
  readonly version: string;
  /** Number of this process, where several serve together. */
  readonly worker: number | null;
  readonly log: Log;
}

/** Milliseconds that a distant control plane has, at the start, to say what has changed: a beat. */
const HEARD_BOUND = 2000;

/** Policies that a control plane feeds. Until it has said what holds for all, nothing is decided. */
export class FedPolicies implements Policies {
  readonly uses: Uses;
  readonly #client: FeedClient;
  readonly #tenants: TenantSource;
  /** A control plane of this machine has read the same files. */
  readonly #files: 'same' | 'others';
  #loaded: Loaded;
  #listener: PolicyListener | null = null;
  /** In force, and what came of it with the files. */
  #world: WorldDocument | null = null;
  #told: () => void = () => {};
  #current: () => void = () => {};

  private constructor({ feed, loaded, version, worker, log }: FedOptions, lastGood: LastGood | null) {
    const { self, cache } = loaded.settings;
    this.#files = feed.lastGood === null ? 'same' : 'others';
    this.#loaded = loaded;
    this.#client = new FeedClient({
      ...feed,
      name: self.name,
      region: self.region,
      version,
      worker,
      bundles: cache.bundles,
      negativeTtl: cache.negativeTtlMs,
      lastGood,
      log,
      onDropped: (tenant) => {
        if (tenant === null) this.#listener?.droppedAll();
        else this.#listener?.dropped(tenant);
      },
      onWorld: (world) => this.#apply(world),
      onCurrent: () => this.#current(),
    });
    this.uses = new FedUses(this.#client);
    this.#tenants = tenantsOf(this.#client);
  }

  /**
   * Begins to connect, for as long as it takes, with what was last known to be good.
   * @throws Error, in one line, where the address is none of a feed or the folder cannot be used
   */
  static async open(options: FedOptions): Promise<FedPolicies> {
    const { feed, loaded, worker, log } = options;
    const { name } = loaded.settings.self;
    const lastGood =
      feed.lastGood === null
        ? null
        : await LastGood.open({
            path: `${feed.lastGood}/last-good${worker === null ? '' : `-${worker}`}`,
            token: feed.token,
            name,
            url: feed.url,
            log,
          });
    const policies = new FedPolicies(options, lastGood);
    policies.#client.start();
    return policies;
  }

  /**
   * Resolves when there is something to decide by. The control plane of this machine was there first, and must say what
   * holds. A distant one is given a moment to say what has changed since; where it is out, what was last known to be good
   * has to do.
   * @throws Error, in one line, when the one of this machine does not answer; everything is closed then
   */
  async settled(): Promise<void> {
    try {
      await (this.#files === 'same' ? this.#known(FEED_BOUND) : this.#heard(HEARD_BOUND));
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async #heard(within: number): Promise<void> {
    // Without anything known, nothing is decided before it is heard.
    if (this.#world === null) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#current = resolve;
    const late = setTimeout(resolve, within);
    await promise;
    clearTimeout(late);
  }

  async #known(within: number): Promise<void> {
    if (this.#world !== null) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#told = resolve;
    const late = setTimeout(() => {
      const { error } = this.#client.state();
      reject(new Error(`the control plane has not said what holds in ${within} ms: ${error ?? 'no answer'}`));
    }, within);
    await promise.finally(() => clearTimeout(late));
  }

  ground(loaded: Loaded): Ground {
    const { catalogue, regimes } = this.#settled(loaded);
    this.#loaded = loaded;
    const presignKey = this.#world === null ? null : Buffer.from(this.#world.presignKey, 'base64');
    return { catalogue, regimes, tenants: this.#tenants, presignKey };
  }

  now(): number {
    return this.#client.now();
  }

  wideningUntil(): number {
    return this.#client.wideningUntil;
  }

  notReady(): readonly string[] {
    const { lastGood, worldRefused } = this.#client.state();
    const reasons: string[] = [];
    if (worldRefused !== null) reasons.push('what the control plane says of regions contradicts the files here');
    else if (!this.#client.holds) reasons.push('no verified policies yet: the control plane has not been heard');
    if (lastGood !== null && lastGood.error !== null) reasons.push('what restricts cannot be kept on disk');
    return reasons;
  }

  revision(): number {
    return this.#client.state().revision;
  }

  count(): number {
    return this.#world?.policies ?? 0;
  }

  connected(): boolean {
    return this.#client.state().connected;
  }

  /** Since the last beat that said it had told of everything: a control plane whose store is silent says no such thing. */
  age(): number {
    const { wideningUntil, since } = this.#client.state();
    return wideningUntil === 0 ? Date.now() - since : Math.max(0, this.#client.now() - (wideningUntil - LEASE));
  }

  state(): FeedClientState {
    return this.#client.state();
  }

  attach(listener: PolicyListener): void {
    this.#listener = listener;
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  /** @throws Error when it cannot be put in force: what was stays */
  #apply(world: WorldDocument): void {
    const before = this.#world;
    if (before !== null && sameWorld(before, world)) {
      this.#world = world;
      return;
    }
    this.#world = world;
    try {
      this.#overlaid(this.#loaded, world);
      this.#listener?.replaced();
    } catch (error) {
      this.#world = before;
      throw error;
    }
    this.#told();
  }

  /** What was refused may hold with other files: these may have been put right. */
  #settled(loaded: Loaded): Overlaid {
    const refused = loaded === this.#loaded ? null : this.#client.refusedWorld;
    if (refused === null) return this.#overlaid(loaded, this.#world);
    let overlaid: Overlaid;
    try {
      overlaid = this.#overlaid(loaded, refused);
    } catch {
      return this.#overlaid(loaded, this.#world); // why, has been said when it came
    }
    this.#world = refused;
    this.#client.acceptWorld();
    return overlaid;
  }

  #overlaid({ catalogue, credentials }: Loaded, world: WorldDocument | null): Overlaid {
    if (world === null) return { catalogue, regimes: [] };
    return overlay(catalogue, world, credentials, this.#files);
  }
}

function policiesOf(document: TenantDocument | null): TenantPolicies | null {
  return document === null ? null : document.policies;
}

function tenantsOf(client: FeedClient): TenantSource {
  return {
    get: (tenant) => {
      const document = client.holds ? client.get(tenant) : undefined;
      return document === undefined ? undefined : policiesOf(document);
    },
    fetch: (tenant, done) =>
      client.fetch(tenant, (answer) => {
        if (answer instanceof Error) done(answer);
        else if (!client.holds) done(new Error('the control plane has not said what holds for all'));
        else done(policiesOf(answer));
      }),
  };
}

/** Uses counted by the control plane, for all proxies together. What it last told of a grant is remembered, bounded. */
class FedUses implements Uses {
  readonly #client: FeedClient;
  readonly #counts = new Map<string, number>();

  constructor(client: FeedClient) {
    this.#client = client;
  }

  of(grantId: string): number {
    return this.#counts.get(grantId) ?? 0;
  }

  take(grants: readonly TakenGrant[], done: (taken: boolean) => void): void {
    const counted = grants.filter(({ maxUses }) => maxUses !== null);
    if (counted.length === 0) return done(true);
    this.#client.take(
      counted.map(({ id }) => id),
      (taken, counts) => {
        for (const [id, uses] of counts) this.#remember(id, uses);
        done(taken);
      },
    );
  }

  note(id: string): void {
    this.#client.noteUse(id);
  }

  /** An older count never undoes a newer one. */
  #remember(id: string, uses: number): void {
    const known = this.of(id);
    this.#counts.delete(id);
    this.#counts.set(id, Math.max(known, uses));
    if (this.#counts.size <= REMEMBERED) return;
    const [oldest] = this.#counts.keys();
    this.#counts.delete(oldest!);
  }
}

/** Grants whose uses are remembered here: one that is not is asked about once more, and refused all the same. */
const REMEMBERED = 10_000;
