import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, expect, test } from 'vitest';
import { ChunkedDecoder, type ChunkSink } from '../../src/wire/chunked.ts';
import { CHUNKED } from '../../src/wire/framing.ts';
import { Link, type LinkOwner } from '../../src/wire/link.ts';
import { SLAB } from '../../src/wire/llhttp.ts';
import { ask, poolOf, Told } from './ask.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const SIZE = 64 << 20;
const MEGABYTE = 1 << 20;
/** What a body is made of, over and over: its length has no divisor in common with that of any buffer. */
const PATTERN = Buffer.from(Array.from({ length: 65_521 }, (_, i) => (i * 31 + (i >> 8)) & 255));
const TWICE = Buffer.concat([PATTERN, PATTERN]);

/** Takes a body in, and notes whether each byte is the one that is due. */
class Check {
  bytes = 0;
  exact = true;

  take(bytes: Buffer, from: number, to: number): void {
    for (let at = from; at < to;) {
      const due = this.bytes % PATTERN.length;
      const end = Math.min(to, at + PATTERN.length);
      if (bytes.compare(TWICE, due, due + end - at, at, end) !== 0) this.exact = false;
      this.bytes += end - at;
      at = end;
    }
  }
}

/** Memory that buffers hold, at its most, and how the process has grown, which is coarse: its heap comes and goes. */
class Memory {
  readonly #before: NodeJS.MemoryUsage;
  #most = 0;

  constructor() {
    collect();
    this.#before = process.memoryUsage();
  }

  look(): void {
    collect();
    this.#most = Math.max(this.#most, process.memoryUsage().arrayBuffers - this.#before.arrayBuffers);
  }

  get held(): number {
    return this.#most;
  }

  get grown(): number {
    collect();
    return process.memoryUsage().rss - this.#before.rss;
  }
}

const stops: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

async function listen(onSocket: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server: Server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stops.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Writes the pattern up to `SIZE` bytes as fast as it is taken. */
function pour(socket: Socket, chunked: boolean): void {
  let sent = 0;
  const more = () => {
    while (sent < SIZE) {
      const due = sent % PATTERN.length;
      const size = Math.min(SIZE - sent, PATTERN.length - due);
      sent += size;
      if (chunked) socket.write(`${size.toString(16)}\r\n`);
      const flows = socket.write(PATTERN.subarray(due, due + size));
      if (chunked) socket.write('\r\n');
      if (!flows) return void socket.once('drain', more);
    }
    if (chunked) socket.write('0\r\n\r\n');
  };
  more();
}

/** Reads slowly: after each read it holds back for a round of the event loop, now and then for longer. */
class Slow extends Told {
  readonly check = new Check();
  readonly memory = new Memory();
  #reads = 0;

  override data(bytes: Buffer, from: number, to: number): void {
    this.check.take(bytes, from, to);
  }

  override flush(): void {
    this.call!.pause();
    if (++this.#reads % 64 !== 0) return void setImmediate(() => this.call!.resume());
    setTimeout(() => {
      this.memory.look();
      this.call!.resume();
    }, 5);
  }
}

test.each([
  ['with a length', `Content-Length: ${SIZE}`, false],
  ['in chunks', 'Transfer-Encoding: chunked', true],
])('64 MB down, %s, to one who reads slowly hold less than 1 MB', async (_, field, chunked) => {
  const origin = await listen((socket) => {
    socket.on('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\n${field}\r\n\r\n`);
      pour(socket, chunked);
    });
  });
  const pool = poolOf(origin);
  stops.push(() => pool.close());
  for (const run of ['warm', 'measured']) {
    const told = await ask(pool, {}, new Slow()).over;
    expect(told.failure).toBeNull();
    expect(told.check).toMatchObject({ bytes: SIZE, exact: true });
    if (run === 'warm') continue;
    expect(told.memory.held).toBeLessThan(MEGABYTE);
    expect(told.memory.grown).toBeLessThan(SIZE / 2);
  }
});

/** Writes as fast as it is taken. */
class Pouring extends Told {
  #sent = 0;

  override writable(): void {
    this.#more();
  }

  override drained(): void {
    this.#more();
  }

  #more(): void {
    while (this.#sent < SIZE) {
      const due = this.#sent % PATTERN.length;
      const size = Math.min(SIZE - this.#sent, PATTERN.length - due);
      this.#sent += size;
      if (!this.call!.write(PATTERN, due, due + size)) return;
    }
    this.call!.end([]);
  }
}

/** An upstream that reads slowly, and holds nothing of what it reads. */
class SlowReader implements LinkOwner, ChunkSink {
  readonly #link: Link;
  readonly #chunked: boolean;
  readonly #now: () => [Check, Memory | null];
  #inBody = false;
  #decoder = new ChunkedDecoder(1000);
  #reads = 0;

  constructor(socket: Socket, chunked: boolean, now: () => [Check, Memory | null]) {
    this.#link = Link.accept(socket, this);
    this.#chunked = chunked;
    this.#now = now;
    stops.push(async () => this.#link.destroy());
  }

  blocked(): void {}

  received(length: number): void {
    const from = this.#inBody ? 0 : SLAB.indexOf('\r\n\r\n') + 4;
    this.#inBody = true;
    const [check, memory] = this.#now();
    if (this.#chunked) this.#decoder.decode(SLAB, from, length, this);
    else check.take(SLAB, from, length);
    if (++this.#reads % 64 === 0) {
      this.#link.pause();
      setTimeout(() => {
        memory?.look();
        this.#link.resume();
      }, 5);
    }
    if (this.#chunked ? !this.#decoder.done : check.bytes < SIZE) return;
    this.#inBody = false;
    this.#decoder = new ChunkedDecoder(1000);
    this.#link.text('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  }

  chunkData(bytes: Buffer, from: number, to: number): void {
    this.#now()[0].take(bytes, from, to);
  }

  ended(): void {
    this.#link.destroy();
  }

  drained(): void {}

  closed(): void {}
}

test.each([
  ['with a length', SIZE],
  ['in chunks', CHUNKED],
  ['at hand as a whole', 0],
])('64 MB up, %s, to an upstream that reads slowly hold less than 1 MB', async (_, length) => {
  let check = new Check();
  let memory: Memory | null = null;
  const origin = await listen((socket) => new SlowReader(socket, length === CHUNKED, () => [check, memory]));
  const pool = poolOf(origin);
  stops.push(() => pool.close());
  const body = length === 0 ? Buffer.alloc(SIZE, PATTERN) : null;
  for (const run of ['warm', 'measured']) {
    check = new Check();
    if (run === 'measured') memory = new Memory();
    const told = await ask(pool, { method: 'PUT', body, length }, new Pouring()).over;
    expect(told.failure).toBeNull();
    expect(check.bytes).toBe(SIZE);
    expect(check.exact).toBe(true);
  }
  expect(memory!.held).toBeLessThan(MEGABYTE);
  expect(memory!.grown).toBeLessThan(SIZE / 2);
});
