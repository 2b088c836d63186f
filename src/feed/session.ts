import { createHash, timingSafeEqual } from 'node:crypto';
import type { Socket } from 'node:net';
import { Announcements } from './announcements.ts';
import { documents } from './answer.ts';
import { Lines } from './lines.ts';
import { CLIENT_LINE, encoded, fromClient, PROTOCOL, type FromClient } from './protocol.ts';
import type { Reads } from './reads.ts';
import type { FeedLog, FeedSource } from './source.ts';

/** What all sessions of a server share. */
export interface Host {
  readonly source: FeedSource;
  readonly reads: Reads;
  readonly log: FeedLog;
  /** SHA-256 of the token that clients must show; null: none. */
  readonly tokenHash: Buffer | null;
  /** Everything up to it has been given to `announce` of every session. */
  readonly revision: number;
  /** What holds for all, as JSON text, as of `revision`; null: it has changed, and could not be read yet. */
  readonly world: string | null;
  /** Resolves when `revision` is that which the store has now, or later. */
  caughtUp(): Promise<void>;
}

/** A client as `GET /api/v1/sidecars` shows it. */
export interface Sidecar {
  readonly name: string;
  readonly region: string;
  readonly version: string;
  /** Its number, where it is one of several processes of a machine. */
  readonly worker: number | null;
  /** Address and port, or `unix`. */
  readonly address: string;
  /** Applied by it, by its own word. */
  readonly revision: number;
  /** `milliseconds` since the oldest announcement that it has not acknowledged was made, 0 when there is none. */
  readonly lag: { readonly revisions: number; readonly milliseconds: number };
  /** What it refused and has not taken since, with the revision that it kept. */
  readonly refused: { readonly revision: number; readonly error: string } | null;
  /** Milliseconds since the epoch. */
  readonly connectedAt: number;
}

/** Announcements that are on their way at once; beyond, they wait. */
const UNACKNOWLEDGED = 256;
/** Tenants and grants that are being answered at once; beyond, the client is not read. */
const ANSWERING = 2000;
type Hello = Extract<FromClient, { type: 'hello' }>;

/** One client, as the server has it. */
export class Session {
  readonly #socket: Socket;
  readonly #host: Host;
  readonly #ended: () => void;
  readonly #lines = new Lines(CLIENT_LINE);
  readonly #announcements = new Announcements();
  readonly #address: string;
  readonly connectedAt = Date.now();
  /** On the monotonic clock. */
  readonly openedAt = performance.now();
  #heardAt = performance.now();
  #hello: Hello | null = null;
  #state: 'opening' | 'resuming' | 'live' | 'over' = 'opening';
  #worldDue = true;
  /** A beat that is to follow what there is to tell: its `now`. */
  #beatDue: { readonly now: number | null } | null = null;
  #answering = 0;
  #nonce = 0;
  /** Announcements not yet acknowledged, oldest first, and when they were made. */
  #unacknowledged: readonly { readonly nonce: number; readonly at: number }[] = [];
  #applied = 0;
  #refused: Sidecar['refused'] = null;
  #refusedNonce = 0;

  /** @param ended told once, when it is over */
  constructor(socket: Socket, host: Host, ended: () => void) {
    this.#socket = socket;
    this.#host = host;
    this.#ended = ended;
    this.#address = socket.remoteAddress === undefined ? 'unix' : `${socket.remoteAddress}:${socket.remotePort}`;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('drain', () => this.#flowing());
    socket.on('error', (error) => this.#over(error.message));
    socket.on('close', () => this.#over(null));
  }

  /** Null until it has said who it is. */
  get sidecar(): Sidecar | null {
    if (this.#hello === null || this.#state === 'over') return null;
    const { name, region, version, worker } = this.#hello;
    const oldest = this.#unacknowledged[0];
    const waiting = oldest !== undefined || !this.#announcements.empty;
    return {
      name,
      region,
      version,
      worker,
      address: this.#address,
      revision: this.#applied,
      lag: {
        revisions: waiting ? Math.max(0, this.#host.revision - this.#applied) : 0,
        milliseconds: oldest === undefined ? 0 : Math.round(performance.now() - oldest.at),
      },
      refused: this.#refused,
      connectedAt: this.connectedAt,
    };
  }

  /** Milliseconds since it was heard. */
  get silence(): number {
    return performance.now() - this.#heardAt;
  }

  get greeted(): boolean {
    return this.#state === 'live';
  }

  /** Tells of changes, as soon as it can be told. @param tenants as `Announcements.add` takes them */
  announce(tenants: readonly string[] | null): void {
    if (this.#state !== 'live' && this.#state !== 'resuming') return;
    this.#announcements.add(tenants);
    this.flush();
  }

  /** That is all there was at `now`; null: the store does not answer. */
  beat(now: number | null): void {
    this.#beatDue = { now };
    this.flush();
  }

  /** Says why, and closes. */
  refuse(reason: string): void {
    if (this.#state === 'over') return;
    this.#host.log.warn('a client of the feed is turned away', {
      reason,
      address: this.#address,
      sidecar: this.#hello?.name ?? null,
    });
    this.#socket.end(encoded({ type: 'refused', reason }));
    // Whoever does not read it is not waited for.
    const socket = this.#socket;
    setTimeout(() => socket.destroy(), 1000).unref();
    this.#over(null);
  }

  close(): void {
    this.#socket.destroy();
    this.#over(null);
  }

  /** Says what there is to say, unless what was said before is still on its way: then it is said later, as one. */
  flush(): void {
    while (this.#state === 'live' && !this.#behind) {
      if (!this.#announcements.empty) {
        const { tenants, world } = this.#announcements.take();
        this.#worldDue ||= world;
        const nonce = this.#acknowledgeable();
        this.#send(encoded({ type: 'changed', nonce, revision: this.#host.revision, tenants, world }));
      } else if (this.#worldDue && this.#host.world !== null) {
        this.#worldDue = false;
        const nonce = this.#acknowledgeable();
        const about = `{"type":"world","nonce":${nonce},"revision":${this.#host.revision}`;
        this.#send(`${about},"world":${this.#host.world}}\n`);
      } else if (this.#beatDue !== null) {
        const now = this.#worldDue ? null : this.#beatDue.now;
        this.#beatDue = null;
        this.#send(encoded({ type: 'beat', revision: this.#host.revision, now }));
      } else return;
    }
  }

  get #behind(): boolean {
    return this.#socket.writableNeedDrain || this.#unacknowledged.length >= UNACKNOWLEDGED;
  }

  #acknowledgeable(): number {
    const nonce = ++this.#nonce;
    this.#unacknowledged = [...this.#unacknowledged, { nonce, at: performance.now() }];
    return nonce;
  }

  #send(text: string): void {
    if (this.#state !== 'over') this.#socket.write(text);
  }

  #read(chunk: Buffer): void {
    if (this.#isOver) return;
    this.#heardAt = performance.now();
    try {
      this.#lines.take(chunk, (line) => {
        this.#take(fromClient(line));
        return this.#state !== 'over';
      });
    } catch (error) {
      this.refuse((error as Error).message);
    }
    if (this.#socket.writableNeedDrain || this.#answering >= ANSWERING) this.#socket.pause();
  }

  /** It reads again what it is sent, and may be heard again. */
  #flowing(): void {
    this.#heardAt = performance.now();
    if (this.#answering < ANSWERING && !this.#socket.writableNeedDrain) this.#socket.resume();
    this.flush();
  }

  #take(message: FromClient): void {
    if ((message.type === 'hello') !== (this.#hello === null))
      return this.refuse(`a client says hello first of all, and once; this was ${message.type}`);
    if (this.#state !== 'opening' && (message.type === 'hold' || message.type === 'resume'))
      return this.refuse(`${message.type} comes once, before anything is asked`);
    if (this.#state === 'opening' && ASKING.has(message.type)) return this.refuse(`${message.type} comes after resume`);
    switch (message.type) {
      case 'hello':
        return this.#greet(message);
      case 'hold':
        return this.#announcements.concern(message.tenants);
      case 'resume':
        return void this.#resume(message.revision);
      case 'get':
        return void this.#answer(message.tenants.length, () => this.#get(message));
      case 'take':
        return void this.#answer(1, () => this.#takeGrants(message));
      case 'uses':
        return void this.#answer(1, () => this.#addUses(message.counts));
      case 'ack':
        this.#applied = message.revision;
        if (message.nonce === this.#refusedNonce) this.#refused = null;
        this.#acknowledged((nonce) => nonce <= message.nonce);
        return this.flush();
      case 'nack':
        this.#refused = { revision: message.revision, error: message.error };
        this.#refusedNonce = message.nonce;
        this.#host.log.warn('a sidecar refused what it was sent', { sidecar: this.#hello?.name, why: message.error });
        this.#acknowledged((nonce) => nonce === message.nonce);
        return this.flush();
      case 'beat':
        this.#applied = message.revision;
    }
  }

  #greet(hello: Hello): void {
    if (hello.protocol !== PROTOCOL)
      return this.refuse(
        `protocol ${hello.protocol} is not spoken here, but ${PROTOCOL}: run the same version of both`,
      );
    if (!shows(hello.token, this.#host.tokenHash))
      return this.refuse('the token is wrong: give the feed.token of the control plane');
    this.#hello = { ...hello, token: null };
  }

  /** From now on announcements are kept for it; what was touched before is looked up, and then all of it goes out. */
  async #resume(revision: number): Promise<void> {
    const host = this.#host;
    this.#state = 'resuming';
    try {
      const now = await host.source.now();
      await host.caughtUp();
      if (revision > host.revision)
        return this.refuse(`the client knows revision ${revision}, and this control plane only ${host.revision}`);
      if (revision > 0) {
        const touched = await host.source.touchedSince(revision);
        this.#announcements.add(touched?.tenants ?? null);
      }
      if (this.#isOver) return;
      this.#state = 'live';
      this.#applied = revision;
      host.log.info('a sidecar is connected', { sidecar: this.#hello?.name, address: this.#address, revision });
      this.beat(now);
    } catch (error) {
      host.log.error('a sidecar cannot be served: the store does not answer', { sidecar: this.#hello?.name, error });
      this.refuse('the store of the control plane does not answer');
    }
  }

  get #isOver(): boolean {
    return this.#state === 'over';
  }

  /** Counts what is being answered, so that a client cannot ask for more than is sent. */
  async #answer(weight: number, work: () => Promise<void>): Promise<void> {
    this.#answering += weight;
    await work();
    this.#answering -= weight;
    if (this.#answering < ANSWERING && !this.#socket.writableNeedDrain && !this.#isOver) this.#socket.resume();
  }

  async #get({ id, tenants }: Extract<FromClient, { type: 'get' }>): Promise<void> {
    this.#announcements.concern(tenants);
    const { parts, failed } = await documents(this.#host, tenants);
    for (const part of parts)
      this.#send(`{"type":"bundles","nonce":${++this.#nonce},"id":${id},"bundles":[${part.join(',')}]}\n`);
    const reason = 'the control plane cannot read it now';
    if (failed.length > 0) this.#send(encoded({ type: 'failed', id, tenants: failed, reason }));
  }

  async #takeGrants({ id, grants }: Extract<FromClient, { type: 'take' }>): Promise<void> {
    try {
      const { taken, counts } = await this.#host.source.take(grants);
      this.#send(encoded({ type: 'taken', id, taken, counts: counts.map(([grant, uses]) => [grant, uses]) }));
    } catch (error) {
      this.#host.log.error('the use of a grant cannot be noted', { grants, error });
      this.#send(encoded({ type: 'taken', id, taken: false, counts: [] }));
    }
  }

  async #addUses(counts: Extract<FromClient, { type: 'uses' }>['counts']): Promise<void> {
    try {
      await this.#host.source.addUses(counts);
    } catch (error) {
      this.#host.log.error('uses of grants and overrides are not counted: the store does not take them', {
        counts,
        error,
      });
    }
  }

  #acknowledged(is: (nonce: number) => boolean): void {
    this.#unacknowledged = this.#unacknowledged.filter(({ nonce }) => !is(nonce));
  }

  #over(error: string | null): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    if (this.#hello !== null)
      this.#host.log.info('a sidecar is gone', { sidecar: this.#hello.name, address: this.#address, why: error });
    this.#ended();
  }
}

/** What only makes sense to a client that has been told where it stands. */
const ASKING: ReadonlySet<string> = new Set(['get', 'ack', 'nack', 'take', 'beat']);

/** Compared as hashes, in a time that says nothing of where they differ. */
function shows(token: string | null, tokenHash: Buffer | null): boolean {
  if (tokenHash === null) return true;
  return timingSafeEqual(
    createHash('sha256')
      .update(token ?? '')
      .digest(),
    tokenHash,
  );
}
