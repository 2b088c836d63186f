import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { Http1Connection, type Http1Options } from '../../src/inbound/http1/connection.ts';
import type { Wheel } from '../../src/wire/wheel.ts';
import { describer, type Temper } from './describer.ts';
import type { Bounds, Seen } from './reference.ts';

/** What was said on one connection, and what the handler was given. */
export interface Conversation {
  readonly accepted: readonly Seen[];
  readonly said: Buffer;
  /** The engine ended its side before the client did. */
  readonly first: boolean;
  /** The engine let go of the connection, within bounds. */
  readonly ended: boolean;
}

export interface Manner extends Temper {
  /** The client ends its side with the last piece, before any answer that is given later; else when all is quiet. */
  readonly hasty: boolean;
  /** The client takes each write only a turn later. */
  readonly slow: boolean;
}

/** Turns of the event loop in which a conversation must come to its end. */
const TURNS = 1000;
/** Turns in which an answer that is due has begun. */
const QUIET_TURNS = 6;

/** No deadline falls due: what hangs must be seen to hang. */
const wheel = { now: 0, set() {}, clear() {}, close() {} } as unknown as Wheel;

let next: Promise<void> | null = null;

/** The next turn of the event loop: the same for all who wait for it. */
function turn(): Promise<void> {
  next ??= new Promise((resolve) => {
    setImmediate(() => {
      next = null;
      resolve();
    });
  });
  return next;
}

/** Gives the pieces, one read each, to a connection of the engine that is on no network. */
export async function converse(pieces: readonly Buffer[], bounds: Bounds, manner: Manner): Promise<Conversation> {
  const socket = new FakeSocket(manner.slow);
  const accepted: Seen[] = [];
  let ended = false;
  const options: Http1Options = {
    wheel,
    requestHeadTimeout: Infinity,
    idleTimeout: Infinity,
    keepAliveTimeout: Infinity,
    ...bounds,
    keepAliveLines: '\r\n',
    onRequest: describer(bounds, manner, (seen) => accepted.push(seen)),
    refused: () => 'an-id',
    gone: () => void (ended = true),
  };
  new Http1Connection(socket as unknown as Socket, options);
  for (const [i, piece] of pieces.entries()) {
    if (i > 0) await turn();
    socket.push(piece);
  }
  if (!manner.hasty) await quiet(socket);
  const first = socket.ended;
  socket.push(null);
  for (let i = 0; i < TURNS; i++) {
    if (ended) break;
    await turn();
  }
  if (!ended) socket.destroy();
  return { accepted, said: Buffer.concat(socket.said), first, ended };
}

/** Waits until the engine has no more to say. */
async function quiet(socket: FakeSocket): Promise<void> {
  for (let before = -1; before !== socket.said.length;) {
    before = socket.said.length;
    for (let i = 0; i < QUIET_TURNS; i++) await turn();
  }
}

/** As much of a socket as the engine uses, without a handle. */
class FakeSocket extends EventEmitter {
  readonly said: Buffer[] = [];
  readonly connecting = false;
  destroyed = false;
  ended = false;
  writableLength = 0;
  readonly #slow: boolean;
  readonly #coming: (Buffer | null)[] = [];
  #paused = false;
  #heard = false;

  constructor(slow: boolean) {
    super();
    this.#slow = slow;
  }

  /** The client says something, or null: that it will say no more. */
  push(piece: Buffer | null): void {
    this.#coming.push(piece);
    this.#deliver();
  }

  write(data: string | Buffer, encoding: BufferEncoding = 'latin1'): boolean {
    if (this.ended || this.destroyed) throw new Error('written after the end');
    this.said.push(typeof data === 'string' ? Buffer.from(data, encoding) : Buffer.from(data));
    if (!this.#slow) return true;
    this.writableLength += data.length;
    setImmediate(() => {
      if (this.writableLength === 0 || this.destroyed) return;
      this.writableLength = 0;
      this.emit('drain');
      this.#closeIfOver();
    });
    return false;
  }

  end(): void {
    this.ended = true;
    this.#closeIfOver();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    setImmediate(() => this.#deliver());
  }

  resetAndDestroy(): void {
    this.destroy();
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    setImmediate(() => this.emit('close'));
  }

  #deliver(): void {
    while (!this.#paused && !this.destroyed && this.#coming.length > 0) {
      const piece = this.#coming.shift()!;
      if (piece !== null) this.emit('data', piece);
      else {
        this.#heard = true;
        this.emit('end');
        this.#closeIfOver();
      }
    }
  }

  #closeIfOver(): void {
    if (this.ended && this.#heard && this.writableLength === 0) this.destroy();
  }
}
