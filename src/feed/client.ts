import { isTenantId } from '../core/ids.ts';
import { Asks, type Answered } from './asks.ts';
import { Connection } from './connection.ts';
import type { TenantDocument, WorldDocument } from './documents.ts';
import { HeldWorld } from './held-world.ts';
import { Held } from './held.ts';
import type { LastGood, LastGoodState } from './last-good.ts';
import { BEAT, inLines, PROTOCOL, type FromServer } from './protocol.ts';
import type { FeedLog } from './source.ts';
import { StoreClock } from './store-clock.ts';
import { Takes, type Taken } from './takes.ts';
import type { ClientTls } from './target.ts';
import { UseCounts } from './use-counts.ts';

export interface FeedClientOptions {
  /** `unix:/path`, or `https://host:port`. */
  readonly url: string;
  /** For `https`. */
  readonly tls: ClientTls;
  /** Null: none. */
  readonly token: string | null;
  /** Of this sidecar, its region, and its version of Domicile. */
  readonly name: string;
  readonly region: string;
  readonly version: string;
  /** Number of this process, where several of a machine are fed. */
  readonly worker: number | null;
  /** Documents at most that are held. */
  readonly bundles: number;
  /** Milliseconds that a tenant without a policy is remembered. */
  readonly negativeTtl: number;
  /** Null: what is held does not outlive this process. */
  readonly lastGood: LastGood | null;
  readonly log: FeedLog;
  /** The document of a tenant, or with null every document, is held no more: drop what was made of it. */
  onDropped(tenant: string | null): void;
  /** This holds for all from now on. What it throws refuses it: `closedBy` it comes next, and else what held before holds. */
  onWorld(world: WorldDocument): void;
  /** Everything up to this moment has been told; with every beat that says so. */
  onCurrent?(): void;
}

/** How a client is, for `/config_dump`. */
export interface FeedClientState {
  readonly url: string;
  readonly connected: boolean;
  /** Milliseconds since the epoch since when it is, or is not. */
  readonly since: number;
  /** Everything up to it is applied; 0: nothing yet. */
  readonly revision: number;
  /** Last one that the control plane was told of. */
  readonly acknowledged: number;
  /** What went wrong last, or null. */
  readonly error: string | null;
  /** Why what holds for all is older than what the control plane says, or null. */
  readonly worldRefused: string | null;
  /** As `wideningUntil`. */
  readonly wideningUntil: number;
  /** Documents held. */
  readonly documents: number;
  readonly lastGood: LastGoodState | null;
}

/** Questions that may be open for documents to be asked for anew without anybody waiting. */
const REFRESHING = 200;

/**
 * What a proxy knows by its control plane. Documents are fetched as they are needed and held, bounded; whatever is
 * announced to have changed is not used from that moment on. What restricts stays in force without a connection, also
 * across restarts; what widens does until `wideningUntil`.
 */
export class FeedClient {
  readonly #options: FeedClientOptions;
  readonly #connection: Connection;
  readonly #held: Held;
  readonly #asks: Asks;
  readonly #takes: Takes;
  readonly #uses: UseCounts;
  readonly #clock = new StoreClock();
  /** Answers that came before what holds for all. */
  #early: Extract<FromServer, { type: 'bundles' }>[] = [];
  readonly #world: HeldWorld;
  /** Of a world, on this connection; 0: none. */
  #refusedNonce = 0;
  #revision = 0;
  /** Of the connection, when it began; of it, what came before is refused. */
  #resumed = 0;
  #acknowledged = 0;
  #connected = false;
  #since = Date.now();
  #error: string | null = null;
  #asked = 0;
  /** Counts connections: what is acknowledged late must not go to another server. */
  #generation = 0;
  #behind = false;
  #closing = false;
  #timer: NodeJS.Timeout | null = null;

  /** @throws Error in one line, where `url` is none of a feed */
  constructor(options: FeedClientOptions) {
    this.#options = options;
    this.#world = new HeldWorld(options.onWorld, options.log);
    this.#held = new Held(options.bundles, options.negativeTtl, (tenant) => this.#evicted(tenant));
    this.#asks = new Asks((tenants) => this.#ask(tenants));
    this.#connection = new Connection({
      url: options.url,
      tls: options.tls,
      onOpen: () => this.#greet(),
      onMessage: (message) => this.#take(message),
      onLost: (error) => this.#lost(error),
    });
    this.#takes = new Takes((message) => this.#connected && this.#connection.send(message));
    this.#uses = new UseCounts((message) => this.#connected && this.#connection.send(message));
  }

  /** Puts in force what was last known to be good, and connects; for as long as it takes. */
  start(): void {
    const { lastGood } = this.#options;
    if (lastGood !== null) {
      this.#restore(lastGood);
      lastGood.attach(() => ({
        revision: this.#revision,
        world: this.#world.kept,
        documents: this.#held.documents(),
        stale: [...this.#held.stale],
      }));
    }
    this.#timer = setInterval(() => this.#beat(), BEAT);
    this.#connection.start();
  }

  /** What holds for all. Null: not known, or announced to be outdated; then nothing may be decided. */
  get world(): WorldDocument | null {
    return this.#world.current;
  }

  /** Whether it may be decided by. */
  get holds(): boolean {
    return this.#world.holds;
  }

  /** What the control plane says holds for all, where that could not be put in force here; else null. */
  get refusedWorld(): WorldDocument | null {
    return this.#world.refused?.world ?? null;
  }

  /** It could be after all. */
  acceptWorld(): void {
    this.#world.accepted();
    this.#keepWorld();
    this.#acknowledgeRefused();
  }

  /** Null: it has no policy, and there is no default. Undefined: not here; `fetch` it. */
  get(tenant: string): TenantDocument | null | undefined {
    return this.#held.get(tenant);
  }

  /** Calls `done` once: perhaps within the call, and within a second in any case. Not connected, it is an Error at once. */
  fetch(tenant: string, done: Answered): void {
    const here = this.#held.get(tenant);
    if (here !== undefined) return done(here);
    if (!this.#connected) return done(new Error('the control plane is not connected'));
    // The server would end the connection, for all.
    if (!isTenantId(tenant)) return done(new TypeError('not the id of a tenant'));
    this.#asks.ask(tenant, this.#revision, done);
  }

  /** Milliseconds since the epoch, by the store's clock as far as it is known. Never set back by a clock of this machine. */
  now(): number {
    return this.#clock.now();
  }

  /** Grants and overrides are in force while `now()` is before it; 0: none is. */
  get wideningUntil(): number {
    return this.#clock.leaseUntil;
  }

  /** Uses each of these grants once, or none. Calls `done` once, perhaps within the call; without an answer in a second: not taken. */
  take(grants: readonly string[], done: Taken): void {
    this.#takes.take(grants, done);
  }

  /** Counts a use of an override, or of a grant without limit; told with the next beat. */
  noteUse(id: string): void {
    this.#uses.note(id);
  }

  state(): FeedClientState {
    return {
      url: this.#options.url,
      connected: this.#connected,
      since: this.#since,
      revision: this.#revision,
      acknowledged: this.#acknowledged,
      error: this.#error,
      worldRefused: this.#world.refused?.why ?? null,
      wideningUntil: this.wideningUntil,
      documents: this.#held.size,
      lastGood: this.#options.lastGood?.state() ?? null,
    };
  }

  /** Tells of the last uses, and ends. What was held is written first, where it outlives this process. */
  async close(): Promise<void> {
    this.#closing = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#uses.send();
    await this.#connection.close();
    await this.#options.lastGood?.close();
  }

  #restore({ found }: LastGood): void {
    const { revision, world, documents, stale } = found;
    this.#revision = revision;
    for (const document of documents) this.#held.put(document);
    this.#held.wish(stale);
    if (world !== null) this.#world.restore(world.world, world.revision);
  }

  #greet(): void {
    const { name, region, version, worker, token } = this.#options;
    this.#generation++;
    this.#refusedNonce = 0;
    this.#resumed = this.#revision;
    this.#behind = false;
    this.#connection.send({ type: 'hello', protocol: PROTOCOL, name, region, version, worker, token });
    for (const tenants of inLines(this.#held.tenants())) this.#connection.send({ type: 'hold', tenants: [...tenants] });
    this.#connection.send({ type: 'resume', revision: this.#revision });
  }

  #take(message: FromServer): void {
    switch (message.type) {
      case 'changed':
        return this.#changed(message);
      case 'world':
        return this.#newWorld(message);
      case 'bundles':
        return this.#answered(message);
      case 'failed':
        return this.#failed(message);
      case 'taken':
        return this.#takes.answered(message);
      case 'beat':
        return this.#heard(message);
      case 'refused':
        return this.#connection.drop(`it refused: ${message.reason}`);
    }
  }

  #changed({ nonce, revision, tenants, world }: Extract<FromServer, { type: 'changed' }>): void {
    if (revision < this.#revision) {
      this.#refuse(nonce, `it announced revision ${revision}, and ${this.#revision} is known here`);
      // Of such a server it cannot be known what else it will not tell.
      return this.#connection.drop(`it is at revision ${revision}, behind ${this.#revision}`);
    }
    this.#revision = revision;
    if (world) this.#world.outdate(revision);
    this.#asks.raise(tenants, revision);
    const used = this.#held.outdate(tenants);
    this.#options.lastGood?.outdated(revision, used, tenants === null, world);
    if (tenants === null) this.#options.onDropped(null);
    else for (const tenant of tenants) this.#options.onDropped(tenant);
    this.#refresh();
    this.#acknowledge(nonce);
  }

  #newWorld({ nonce, revision, world }: Extract<FromServer, { type: 'world' }>): void {
    const floor = Math.max(this.#world.floor, this.#resumed);
    if (revision < floor)
      return this.#refuse(nonce, `it sent a world of revision ${revision}, and ${floor} is known here`);
    const refusal = this.#world.offer(world, revision);
    this.#keepWorld();
    if (refusal === null) {
      this.#acknowledgeRefused();
      this.#acknowledge(nonce);
    } else {
      this.#refusedNonce = nonce;
      this.#refuse(nonce, refusal);
    }
    const early = this.#early;
    this.#early = [];
    for (const message of early) this.#answered(message);
  }

  /** What was refused is no longer: the control plane need not show it any more. */
  #acknowledgeRefused(): void {
    const nonce = this.#refusedNonce;
    this.#refusedNonce = 0;
    if (nonce !== 0) this.#acknowledge(nonce);
  }

  #keepWorld(): void {
    const { kept } = this.#world;
    if (kept !== null) this.#options.lastGood?.world(kept.revision, kept.world);
  }

  #answered(message: Extract<FromServer, { type: 'bundles' }>): void {
    // To decide takes both.
    if (this.world === null) return void this.#early.push(message);
    for (const document of message.bundles) {
      const { tenant } = document;
      // An outdated one was on its way when its tenant changed; it is asked for again.
      if (this.#asks.admits(document) !== 'yes') continue;
      if (this.#held.put(document)) this.#options.lastGood?.document(document);
      else this.#options.lastGood?.gone(tenant);
      this.#asks.settle(tenant, this.#held.get(tenant) ?? null);
    }
    this.#refresh();
  }

  #failed({ tenants, reason }: Extract<FromServer, { type: 'failed' }>): void {
    for (const tenant of tenants) this.#asks.settle(tenant, new Error(reason));
  }

  #heard({ revision, now }: Extract<FromServer, { type: 'beat' }>): void {
    if (!this.#connected) {
      this.#connected = true;
      this.#since = Date.now();
      this.#connection.settled();
      this.#options.log.info('connected to the control plane', { url: this.#options.url, revision });
    }
    if (revision < this.#revision) {
      if (!this.#behind)
        this.#options.log.warn(
          'the control plane is behind what is known here: grants and overrides lapse until it is not',
          {
            revision,
            known: this.#revision,
          },
        );
      this.#behind = true;
      return;
    }
    if (revision > this.#revision) this.#options.lastGood?.at(revision);
    this.#revision = revision;
    if (now !== null) {
      this.#clock.beat(now);
      this.#options.onCurrent?.();
    }
    this.#refresh();
  }

  #lost(error: string): void {
    if (!this.#closing && (this.#connected || this.#error !== error))
      this.#options.log.warn('the control plane is not connected', { url: this.#options.url, why: error });
    if (this.#connected) this.#since = Date.now();
    this.#connected = false;
    this.#error = error;
    this.#early = [];
    this.#takes.fail();
    this.#asks.fail(new Error('the control plane is not connected'));
  }

  #evicted(tenant: string): void {
    this.#options.lastGood?.gone(tenant);
    this.#options.onDropped(tenant);
  }

  /** Asks anew for what was in use when it was outdated, a part at a time: whoever waits for one asks at once. */
  #refresh(): void {
    if (!this.#connected) return;
    for (const tenant of this.#held.stale) {
      if (this.#asks.size >= REFRESHING) return;
      if (!this.#asks.has(tenant)) this.#asks.ask(tenant, this.#revision, null);
    }
  }

  #ask(tenants: readonly string[]): void {
    for (const some of inLines(tenants)) this.#connection.send({ type: 'get', id: ++this.#asked, tenants: [...some] });
  }

  /** Once it is on disk that what was announced is outdated: from then on not even a restart brings it back. */
  #acknowledge(nonce: number): void {
    const { lastGood } = this.#options;
    const generation = this.#generation;
    const revision = this.#revision;
    const send = () => {
      if (generation !== this.#generation) return;
      if (this.#connection.send({ type: 'ack', nonce, revision })) this.#acknowledged = revision;
    };
    if (lastGood === null) return send();
    lastGood.flush().then(send, (error: Error) => {
      if (generation === this.#generation) this.#refuse(nonce, `it cannot be written here: ${error.message}`);
    });
  }

  #refuse(nonce: number, error: string): void {
    this.#error = error;
    this.#options.log.warn('what the control plane sent is refused', { why: error });
    this.#connection.send({ type: 'nack', nonce, revision: this.#revision, error: error.slice(0, 2000) });
  }

  #beat(): void {
    if (!this.#connected) return;
    this.#uses.send();
    this.#connection.send({ type: 'beat', revision: this.#revision });
  }
}
