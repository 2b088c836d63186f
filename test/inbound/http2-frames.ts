import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const DATA = 0;
export const HEADERS = 1;
export const PRIORITY = 2;
export const RST_STREAM = 3;
export const SETTINGS = 4;
export const PING = 6;
export const GOAWAY = 7;
export const WINDOW_UPDATE = 8;
export const CONTINUATION = 9;

export const END_STREAM = 1;
export const END_HEADERS = 4;

export type Fields = readonly (readonly [name: string, value: string])[];

export const GET: Fields = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':authority', 'search'],
  [':path', '/'],
];
export const POST: Fields = [[':method', 'POST'], ...GET.slice(1)];

/** A frame of RFC 9113, section 4.1. */
export function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Fields as literals without indexing and without Huffman coding (RFC 7541, section 6.2.2). */
export function block(list: Fields): Buffer {
  return Buffer.concat(list.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

/** A string literal; its length in the way of RFC 7541, section 5.1. */
function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  const length: number[] = [];
  if (bytes.length < 127) length.push(bytes.length);
  else {
    length.push(127);
    let rest = bytes.length - 127;
    for (; rest >= 128; rest >>>= 7) length.push((rest & 127) | 128);
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}

export const headers = (stream: number, list: Fields, flags = END_HEADERS) =>
  frame(HEADERS, flags, stream, block(list));
export const data = (stream: number, bytes: string | Buffer, flags = 0) =>
  frame(DATA, flags, stream, Buffer.from(bytes));
export const number32 = (value: number) =>
  Buffer.from([value >>> 24, value >>> 16, value >>> 8, value].map((b) => b & 255));
export const reset = (stream: number, code: number) => frame(RST_STREAM, 0, stream, number32(code));

export interface Received {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** A connection whose frames are written by hand. Bytes that come are taken apart and kept. */
export class RawClient {
  readonly socket: Socket;
  readonly frames: Received[] = [];
  /** The server has ended its side, or the connection is gone. */
  ended = false;
  #rest: Buffer = Buffer.alloc(0);
  #marks = 0;
  #waiting: (() => void)[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => undefined); // to be cut off is what many tests wait for
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('end', () => this.#end());
    socket.on('close', () => this.#end());
  }

  /** @param preface whether to begin as RFC 9113, section 3.4, wants it */
  static async open(port: number, preface = true): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    const client = new RawClient(socket);
    if (preface) client.send(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(SETTINGS, 0, 0));
    return client;
  }

  send(...frames: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  /** The first frame of a type that has come, or comes; of one stream, where that is given. */
  async next(type: number, stream?: number): Promise<Received> {
    await this.#until(() => this.find(type, stream) !== undefined, `a frame of type ${type}`);
    return this.find(type, stream)!;
  }

  find(type: number, stream?: number): Received | undefined {
    return this.frames.find((seen) => seen.type === type && (stream === undefined || seen.stream === stream));
  }

  /** Bytes of DATA that have come on a stream. */
  bodyOf(stream: number): Buffer {
    return Buffer.concat(this.frames.filter((f) => f.type === DATA && f.stream === stream).map((f) => f.payload));
  }

  /** Bytes that the server has granted a stream beyond the first window. */
  creditOf(stream: number): number {
    const updates = this.frames.filter((f) => f.type === WINDOW_UPDATE && f.stream === stream);
    return updates.reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0);
  }

  /** Waits until what was sent has been taken in: the server answers a PING in its turn. */
  async settled(): Promise<void> {
    const mark = Buffer.alloc(8);
    mark.writeUInt32BE(++this.#marks, 4);
    this.send(frame(PING, 0, 0, mark));
    const answered = () => this.frames.some((f) => f.type === PING && f.flags === 1 && f.payload.equals(mark));
    await this.#until(answered, 'the answer to a ping');
  }

  /** Resolves when the server has closed its side. */
  gone(): Promise<void> {
    return this.#until(() => this.ended, 'its end');
  }

  close(): void {
    this.socket.destroy();
  }

  async #until(holds: () => boolean, what: string): Promise<void> {
    while (!holds()) {
      if (this.ended) throw new Error(`the connection ended before ${what}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #tell(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  #end(): void {
    this.ended = true;
    this.#tell();
  }

  #take(chunk: Buffer): void {
    let rest = Buffer.concat([this.#rest, chunk]);
    while (rest.length >= 9) {
      const length = rest.readUIntBE(0, 3);
      if (rest.length < 9 + length) break;
      const stream = rest.readUInt32BE(5);
      this.frames.push({ type: rest[3]!, flags: rest[4]!, stream, payload: rest.subarray(9, 9 + length) });
      rest = rest.subarray(9 + length);
    }
    this.#rest = rest;
    this.#tell();
  }
}

/** Error code of a RST_STREAM frame, or of a GOAWAY. */
export function codeOf({ type, payload }: Received): number {
  return payload.readUInt32BE(type === GOAWAY ? 4 : 0);
}
