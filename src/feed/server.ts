import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { bracketed, type Address } from '../wire/address.ts';
import { Door, type DoorOptions } from './door.ts';
import { BEAT, SILENCE } from './protocol.ts';
import { Reads } from './reads.ts';
import { Session, type Host, type Sidecar } from './session.ts';
import type { FeedLog, FeedSource } from './source.ts';

export interface FeedServerOptions {
  readonly source: FeedSource;
  readonly listen: Address;
  /** Path of a Unix socket beside it, for processes of this machine; null: they come in where all do. Default null. */
  readonly local?: string | null;
  /** As in `DoorOptions`; null: on a Unix socket only. */
  readonly tls: DoorOptions['tls'];
  /** What clients must show; null: none. */
  readonly token: string | null;
  readonly log: FeedLog;
  /** Connections at once; one more is closed as soon as it is accepted. Default 10,000. */
  readonly connections?: number;
  /** Milliseconds in which a client must have said where it stands and been told. Default 5,000. */
  readonly handshake?: number;
  /** Milliseconds after which a client that says nothing, or reads nothing, is dropped. Default 10,000. */
  readonly silence?: number;
}

/** Milliseconds after which what the source refused to tell is asked again. */
const AGAIN = 250;

/**
 * Tells workers and sidecars of every change, and answers what they ask. A change is announced as soon as the source tells
 * of it; changes that come while one is looked up, or while a client reads what it was told before, go out as one.
 */
export class FeedServer {
  readonly #options: FeedServerOptions;
  readonly #source: FeedSource;
  readonly #door: Door;
  readonly #localDoor: Door | null;
  readonly #sessions = new Set<Session>();
  /** Where processes of this machine find it; once it listens. */
  localUrl = '';
  readonly #host: Host;
  readonly #reads: Reads;
  #revision = 0;
  #world: string | null = null;
  /** Revision of the last change to the world. */
  #worldSince = 0;
  /** There may be changes that have not been looked up. */
  #changed = false;
  #looking = false;
  /** Those who wait until a revision has been announced. */
  #waiting: { readonly revision: number; resolve(): void; reject(error: unknown): void }[] = [];
  #beating = false;
  #failing = false;
  #timers: NodeJS.Timeout[] = [];
  #endChanges: () => void = () => {};
  #closed = false;

  /** @throws Error, in one line with what to do, when a network could reach it without proof or in the clear */
  constructor(options: FeedServerOptions) {
    const { source, listen, tls: texts, token } = options;
    if ('host' in listen) demandProof(listen, texts, token);
    if (token === '') throw new Error('feed.token is empty: give one that nobody can guess, or none.');
    this.#options = options;
    this.#source = source;
    this.#reads = new Reads((tenants) => source.bundles(tenants));
    this.#host = this.#hostOf(token === null ? null : createHash('sha256').update(token).digest());
    this.#door = this.#doorAt(listen, texts);
    this.#localDoor =
      options.local === undefined || options.local === null ? null : this.#doorAt({ path: options.local }, null);
  }

  /**
   * Begins to serve, once the source has said where it stands.
   * @returns where clients find it, as `FeedClient` takes it
   * @throws Error in one line, with what to do; or what the source throws
   */
  async listen(): Promise<string> {
    this.#endChanges = this.#source.onRevision(() => this.#look());
    let url: string;
    try {
      this.#revision = await this.#source.revision();
      await this.#readWorld();
      url = await this.#door.open();
      this.localUrl = this.#localDoor === null ? url : await this.#localDoor.open();
    } catch (error) {
      await this.close();
      throw error;
    }
    const handshake = this.#options.handshake ?? 5000;
    const silence = this.#options.silence ?? SILENCE;
    this.#timers = [
      setInterval(() => void this.#beat(), BEAT),
      setInterval(() => this.#dropSilent(handshake, silence), Math.min(1000, handshake / 2, silence / 2)),
    ];
    return url;
  }

  /** Clients at this moment, in the order in which they came. */
  sidecars(): Sidecar[] {
    return [...this.#sessions].map(({ sidecar }) => sidecar).filter((sidecar) => sidecar !== null);
  }

  /** Everything up to it has been announced. */
  get revision(): number {
    return this.#revision;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#endChanges();
    for (const timer of this.#timers) clearInterval(timer);
    for (const session of this.#sessions) session.close();
    await Promise.all([this.#door.close(), this.#localDoor?.close()]);
  }

  #hostOf(tokenHash: Buffer | null): Host {
    const revision = () => this.#revision;
    const world = () => this.#world;
    return {
      source: this.#source,
      reads: this.#reads,
      log: this.#options.log,
      tokenHash,
      get revision() {
        return revision();
      },
      get world() {
        return world();
      },
      caughtUp: () => this.#caughtUp(),
    };
  }

  #doorAt(listen: Address, tls: FeedServerOptions['tls']): Door {
    const { log, connections = 10_000, handshake = 5000 } = this.#options;
    return new Door({ listen, tls, log, connections, handshake, accept: (socket) => this.#accept(socket) });
  }

  #accept(socket: Socket): void {
    const session: Session = new Session(socket, this.#host, () => this.#sessions.delete(session));
    this.#sessions.add(session);
  }

  /** Looks up what has changed, now or as soon as what is being looked up has been. */
  #look(): void {
    this.#changed = true;
    if (!this.#looking && !this.#closed) void this.#lookUp();
  }

  async #lookUp(): Promise<void> {
    this.#looking = true;
    try {
      while (this.#changed && !this.#closed) {
        this.#changed = false;
        await this.#announce();
      }
      this.#failing = false;
    } catch (error) {
      this.#fails(error);
      for (const { reject } of this.#waiting.splice(0)) reject(error);
      setTimeout(() => this.#look(), AGAIN).unref();
    } finally {
      this.#looking = false;
    }
  }

  async #announce(): Promise<void> {
    // Read first: where the outbox does not say, all up to here is told of as changed.
    const reached = await this.#source.revision();
    const touched = await this.#source.touchedSince(this.#revision);
    const tenants = touched?.tenants ?? null;
    const revision = Math.max(this.#revision, touched?.revision ?? reached);
    if (tenants === null || tenants.includes('*')) {
      // A client drops everything then, so it is told what holds in the same breath.
      this.#world = null;
      this.#worldSince = revision;
      await this.#readWorld();
    }
    // In one go: whoever sees this revision may take it that everybody has been told.
    this.#revision = revision;
    this.#reads.forget();
    for (const session of this.#sessions) session.announce(tenants);
    this.#waiting = this.#waiting.filter((waiting) => {
      if (waiting.revision <= revision) waiting.resolve();
      return waiting.revision > revision;
    });
  }

  /** What cannot be read is tried again with the next beat; meanwhile there is none. */
  async #readWorld(): Promise<void> {
    try {
      const world = await this.#source.world();
      if (world.revision < this.#worldSince) throw new Error(`the world was read as it was at ${world.revision}`);
      this.#world = JSON.stringify(world);
      for (const session of this.#sessions) session.flush();
    } catch (error) {
      this.#fails(error);
    }
  }

  async #caughtUp(): Promise<void> {
    const revision = await this.#source.revision();
    if (revision <= this.#revision) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ revision, resolve, reject });
    this.#look();
    await promise;
  }

  /**
   * A beat gives every client five more seconds to use its grants, so it is sent only by a server that knows of every
   * change up to the moment it names. One whose store is silent says no more than that it lives.
   */
  async #beat(): Promise<void> {
    if (this.#beating) return this.#beatAll(null);
    this.#beating = true;
    try {
      const now = await this.#source.now();
      await this.#caughtUp();
      if (this.#world === null) await this.#readWorld();
      this.#beatAll(now);
    } catch (error) {
      this.#fails(error);
      this.#beatAll(null);
    } finally {
      this.#beating = false;
    }
  }

  #beatAll(now: number | null): void {
    for (const session of this.#sessions) session.beat(now);
  }

  /** Told once, until it answers again. */
  #fails(error: unknown): void {
    if (!this.#failing) this.#options.log.error('the feed cannot read the store: leases lapse until it can', { error });
    this.#failing = true;
  }

  #dropSilent(handshake: number, silence: number): void {
    const now = performance.now();
    for (const session of this.#sessions) {
      if (!session.greeted && now - session.openedAt > handshake) session.refuse(`no handshake in ${handshake} ms`);
      else if (session.silence > silence) session.refuse(`nothing was heard in ${silence} ms`);
    }
  }
}

function demandProof(
  { host, port }: { readonly host: string; readonly port: number },
  texts: FeedServerOptions['tls'],
  token: string | null,
): void {
  const where = `feed.listen: ${bracketed(host)}:${port} can be reached by a network`;
  if (texts === null)
    throw new Error(`${where}, and is in the clear. Give feed.tls (cert and key), or listen on a Unix socket.`);
  if (texts.clientCa === null && token === null)
    throw new Error(
      `${where}, and asks nobody for proof. Give feed.token or feed.tls.client_ca, or listen on a Unix socket.`,
    );
}
