import { Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { HANDLE, NOT_OFFERED, OFFERED, TAKEN, WAITING, write } from './direct.ts';
import { SLAB, SLAB_BYTES } from './llhttp.ts';

/** Told what happens on a connection. None of these may throw. */
export interface LinkOwner {
  /** `SLAB[0, length)` came in. It is valid during the call alone. */
  received(length: number): void;
  /** The other side has ended its direction: nothing more will come. */
  ended(): void;
  /** What was sent is not being taken: hold back until `drained`. Told where `text` or `bytes` could not tell yet. */
  blocked(): void;
  /** What was blocked has gone out. */
  drained(): void;
  /** Broken, or closed in order (null). Once, and the last of all. */
  closed(error: Error | null): void;
}

/** Above this many bytes text and bytes are joined in a buffer; below, as text, which costs one call less. */
const TEXT_BYTES = 98_304;
/** So much text waits at most for the end of a turn: the answers to many requests that came in one read. */
const OUTGOING_BYTES = 131_072;
/** Head and one whole read. */
const SCRATCH_BYTES = SLAB_BYTES + 32_768;

/**
 * Where messages are put together that are too large for text. A plain socket has most often taken them when `write`
 * returns; if not, they belong to the socket and a new place is made.
 */
let scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);

let posted: Link[] = [];

/**
 * What is to be sent goes out together at the end of the turn. A turn of the event loop takes in what many connections
 * have sent; to do all of our own work first and all of the kernel's after it keeps the code of both in the caches.
 */
function post(link: Link): void {
  if (posted.push(link) === 1) setImmediate(sendPosted);
}

function sendPosted(): void {
  const due = posted;
  posted = [];
  for (let i = 0; i < due.length; i++) due[i]!.sendOutgoing();
}

/**
 * One connection, either side. It reads into one buffer that all connections share, and writes each message as one, so
 * that a connection at rest holds no buffer.
 */
export class Link {
  readonly socket: Socket;
  readonly #owner: LinkOwner;
  /** Whether bytes given to `write` are taken (or copied) within the call. */
  readonly #plain: boolean;
  /** Direct writes that the system has not taken whole. */
  #waiting = 0;
  readonly #written: (status: number) => void;
  #blocked = false;
  /** Messages that have been handed to the system. */
  writes = 0;
  /** What goes out at the end of this turn of the event loop: text, and bytes behind it. */
  #outgoing = '';
  #tail: Buffer | null = null;
  #closed = false;

  private constructor(owner: LinkOwner, plain: boolean, make: (received: (length: number) => boolean) => Socket) {
    this.#owner = owner;
    this.#plain = plain;
    const socket = (this.socket = make((length) => this.#received(length)));
    this.#written = (status) => this.#taken(status);
    socket.on('error', (error) => this.#over(error));
    socket.on('close', () => this.#over(null));
    socket.on('end', () => {
      if (!this.#closed) owner.ended();
    });
    socket.on('drain', () => this.#unblock());
  }

  /**
   * Takes over a connection that a server accepted, before anything was read from it. A plain one gets a new socket
   * around the same handle, since that is how Node reads into a buffer of ours (`onread`), which it offers for outgoing
   * sockets only; without a handle to take, the socket stays as it is.
   */
  static accept(accepted: Socket, owner: LinkOwner): Link {
    const carrier = accepted as Socket & { [HANDLE]?: unknown; readonly encrypted?: boolean };
    const handle = carrier[HANDLE];
    if (carrier.encrypted === true || handle === null || handle === undefined) return Link.wrap(accepted, owner);
    carrier[HANDLE] = null;
    carrier.destroy();
    const link = new Link(owner, true, (received) => {
      const options = { handle, allowHalfOpen: true, onread: { buffer: SLAB, callback: received } };
      return new Socket(options as object);
    });
    link.socket.resume();
    return link;
  }

  /**
   * An outgoing connection. `connect` is given the `onread` option to make it with.
   * @param plain false: of TLS, which keeps what is written until it has gone out
   */
  static open(
    owner: LinkOwner,
    connect: (onread: { buffer: Buffer; callback: (n: number) => boolean }) => Socket,
    plain = true,
  ): Link {
    return new Link(owner, plain, (callback) => connect({ buffer: SLAB, callback }));
  }

  /** A connection that gives buffers of its own, such as TLS. */
  static wrap(socket: Socket, owner: LinkOwner): Link {
    const link = new Link(owner, false, () => socket);
    socket.on('data', (chunk: Buffer) => link.feed(chunk));
    socket.resume(); // it may have been held back while its first bytes were looked at
    return link;
  }

  /** Bytes that were read elsewhere, as if they had just come in. */
  feed(chunk: Buffer): void {
    for (let at = 0; at < chunk.length && !this.#closed; at += SLAB_BYTES) {
      this.#received(chunk.copy(SLAB, 0, at, at + SLAB_BYTES));
    }
  }

  /** Whether what was written has not all gone out. */
  get blocked(): boolean {
    return this.#blocked;
  }

  /** Whether anything that was written waits. */
  get pending(): boolean {
    return this.#outgoing !== '' || this.#tail !== null || this.#waiting > 0 || this.socket.writableLength > 0;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Sends latin1 text. False: hold back until `drained`. */
  text(text: string): boolean {
    return this.#send(text);
  }

  /** Sends latin1 text, bytes, and latin1 text again, as one. The bytes are sent or copied within the call. */
  bytes(before: string, bytes: Buffer, from: number, to: number, after: string): boolean {
    if (before.length + to - from + after.length <= TEXT_BYTES)
      return this.#send(before + bytes.latin1Slice(from, to) + after);
    this.sendOutgoing();
    return this.#sendJoined(before, bytes, from, to, after);
  }

  /** Sends latin1 text and, behind it, a buffer that nobody changes until it has gone out: it is copied once less. */
  owned(before: string, bytes: Buffer): boolean {
    if (this.#blocked || this.#tail !== null || before.length + bytes.length > SCRATCH_BYTES)
      return this.bytes(before, bytes, 0, bytes.length, '');
    if (this.#closed) return true;
    if (this.#outgoing === '') post(this);
    this.#outgoing += before;
    this.#tail = bytes;
    return true;
  }

  #send(message: string): boolean {
    if (this.#closed) return true;
    if (this.#blocked || this.#tail !== null) {
      this.sendOutgoing();
      return this.#sendNow(message);
    }
    if (this.#outgoing === '') post(this);
    this.#outgoing += message;
    if (this.#outgoing.length < OUTGOING_BYTES) return true;
    this.sendOutgoing();
    return !this.#blocked;
  }

  /** Sends what waits for the end of this turn of the event loop. */
  sendOutgoing(): void {
    const text = this.#outgoing;
    const tail = this.#tail;
    if (text === '' && tail === null) return;
    this.#outgoing = '';
    this.#tail = null;
    const flows = tail === null ? this.#sendNow(text) : this.#sendJoined(text, tail, 0, tail.length, '');
    if (!flows) this.#owner.blocked();
  }

  #sendJoined(before: string, bytes: Buffer, from: number, to: number, after: string): boolean {
    const end = before.length + to - from;
    const size = end + after.length;
    const borrowed = this.#plain && size <= SCRATCH_BYTES;
    const joined = borrowed ? scratch : Buffer.allocUnsafe(size);
    if (before !== '') joined.latin1Write(before, 0);
    bytes.copy(joined, before.length, from, to);
    if (after !== '') joined.latin1Write(after, end);
    const flows = this.#sendNow(joined.length === size ? joined : joined.subarray(0, size));
    if (borrowed && this.pending) scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
    return flows;
  }

  #sendNow(message: string | Buffer): boolean {
    if (this.#closed) return true;
    this.writes++;
    const { socket } = this;
    // Nothing may wait in the socket's own queue, or this would overtake it.
    if (OFFERED && this.#plain && socket.writableLength === 0 && !socket.connecting && !socket.writableEnded) {
      const result = write(socket, message, this.#written);
      if (result === TAKEN) return true;
      if (result === WAITING) {
        this.#waiting++;
        this.#blocked = true;
        return false;
      }
      if (result !== NOT_OFFERED) {
        this.#broken(result);
        return true;
      }
    }
    const flows = typeof message === 'string' ? socket.write(message, 'latin1') : socket.write(message);
    // It answers false for each message of some size; what counts is whether anything waits.
    if (flows || socket.writableLength === 0) return true;
    this.#blocked = true;
    return false;
  }

  /** A direct write that waited has ended. */
  #taken(status: number): void {
    this.#waiting--;
    if (status < 0) this.#broken(status);
    else this.#unblock();
  }

  #unblock(): void {
    if (!this.#blocked || this.pending) return;
    this.#blocked = false;
    if (!this.#closed) this.#owner.drained();
  }

  /** As Node does it: the socket tells of it in its own time. */
  #broken(status: number): void {
    const name = getSystemErrorName(status);
    this.socket.destroy(Object.assign(new Error(`write ${name}`), { code: name, syscall: 'write', errno: status }));
  }

  /** Stops reading. The end of the other side is not noticed either. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    if (!this.#closed) this.socket.resume();
  }

  /** Ends our side when all is sent. The other side may still end its own. */
  end(): void {
    this.sendOutgoing();
    this.socket.end();
  }

  /** Ends the connection at once. A TCP peer sees a reset, so that nothing it received looks whole. */
  reset(): void {
    const { socket } = this;
    // While it ends in order Node cannot reset it, and would lose the descriptor in trying.
    const ending = socket.writableEnded && !socket.writableFinished;
    // Only TCP can be reset: a Unix socket has no family.
    if (this.#plain && !ending && !socket.destroyed && !socket.connecting && socket.remoteFamily !== undefined)
      socket.resetAndDestroy();
    else socket.destroy();
    this.#over(null);
  }

  /** Ends the connection in order, both sides at once. */
  destroy(): void {
    this.sendOutgoing();
    this.socket.destroy();
    this.#over(null);
  }

  #received(length: number): boolean {
    if (!this.#closed) this.#owner.received(length);
    return true;
  }

  #over(error: Error | null): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#owner.closed(error);
  }
}
