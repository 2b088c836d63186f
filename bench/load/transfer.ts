import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { BULK_BYTES, GET_BULK, PUT_BULK } from '../requests.ts';
import { type AnswerHead, message, readHead } from './message.ts';

const PIECE = Buffer.alloc(1024 * 1024, 'domicile');

/**
 * One kept connection that carries 64 MB at a time, on a bare socket with one buffer that is read into, so that the
 * client is not the one who is waited for.
 */
export class Transfers {
  readonly #socket: Socket;
  readonly #host: string;
  #head: AnswerHead | null = null;
  #start: Buffer | null = null;
  #received = 0;
  #settle: ((error: Error | null) => void) | null = null;

  private constructor(url: URL) {
    this.#host = url.host;
    const callback = (length: number, buffer: Uint8Array) => this.#read(buffer, length);
    const onread = { buffer: Buffer.allocUnsafe(PIECE.length), callback };
    this.#socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true, onread });
    this.#socket.on('error', (error) => this.#settle?.(error));
    this.#socket.on('close', () => this.#settle?.(new Error(`${url.host} closed the connection`)));
  }

  static async open(url: string): Promise<Transfers> {
    const transfers = new Transfers(new URL(url));
    await once(transfers.#socket, 'connect');
    return transfers;
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Megabytes (10⁶ bytes) a second of one 64 MB GET. @throws Error when not all of it came */
  async download(): Promise<number> {
    const began = performance.now();
    const answered = this.#answer();
    this.#socket.write(message(GET_BULK, this.#host));
    const { status } = await answered;
    if (status !== 200 || this.#received !== BULK_BYTES)
      throw new Error(`${this.#host}: download ended with ${status} after ${this.#received} bytes`);
    return rate(began);
  }

  /** Megabytes (10⁶ bytes) a second of one 64 MB PUT. @throws Error when not all of it arrived */
  async upload(): Promise<number> {
    const began = performance.now();
    const answered = this.#answer();
    this.#socket.cork(); // one gathering write of all
    this.#socket.write(message(PUT_BULK, this.#host));
    for (let sent = 0; sent < BULK_BYTES; sent += PIECE.length) this.#socket.write(PIECE);
    this.#socket.uncork();
    const { status, etag } = await answered;
    if (status !== 200 || etag !== `"${BULK_BYTES}"`)
      throw new Error(`${this.#host}: upload ended with ${status}, ${etag}`);
    return rate(began);
  }

  /** Until the answer is whole. */
  async #answer(): Promise<AnswerHead> {
    this.#head = null;
    this.#received = 0;
    const error = await new Promise<Error | null>((resolve) => (this.#settle = resolve));
    this.#settle = null;
    if (error !== null) throw error;
    return this.#head!;
  }

  #read(buffer: Uint8Array, length: number): boolean {
    let body = length;
    if (this.#head === null) {
      const piece = Buffer.from(buffer.subarray(0, length)); // the next read overwrites it
      this.#start = this.#start === null ? piece : Buffer.concat([this.#start, piece]);
      this.#head = readHead(this.#start);
      if (this.#head === null) return true;
      body = this.#start.length - this.#head.headBytes;
      this.#start = null;
    }
    this.#received += body;
    if (this.#received >= this.#head.bodyBytes) this.#settle?.(null);
    return true;
  }
}

function rate(began: number): number {
  return BULK_BYTES / 1000 / (performance.now() - began);
}
