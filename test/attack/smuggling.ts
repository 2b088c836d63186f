import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, expect } from 'vitest';
import { HOP_BY_HOP } from '../../src/inbound/framing.ts';
import { IDENTITY_HEADERS } from '../../src/core/http.ts';
import type { StandIn } from '../../src/standin/standin.ts';
import { fieldOf, parseAnswers, type Answer } from './answers.ts';
import { startWorld, type Service, type World } from './world.ts';

/** Stands in the target of the request that an attack hides: it must not be in any head that reaches a region. */
const MARK = 'smuggled';
/** For a tenant of another region. Served in its own right it is refused: 403, `cross_border_restricted`. */
export const HIDDEN = [
  `GET /${MARK}/key HTTP/1.1`,
  'Host: 127.0.0.1',
  'X-Tenant-ID: globex',
  'X-Data-Classification: identity',
  '\r\n',
].join('\r\n');

/** Milliseconds that a connection may stand still. */
const BOUND = 4000;

/** A request as the strict reader finds it in what an upstream was sent. */
interface Recorded {
  readonly method: string;
  readonly target: string;
  /** Names as they came. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  /** False: its bytes end before it does. */
  readonly whole: boolean;
}

interface Connection {
  readonly socket: Socket;
  bytes: string;
  /** What of it has been answered. */
  at: number;
  /** Something was answered before it was whole. */
  early: boolean;
  over: boolean;
}

/**
 * An upstream that takes anything for a request and answers 200, as old and lenient ones do, and records every byte of
 * every connection.
 */
export class Recorder implements StandIn {
  readonly url: string;
  readonly port: number;
  readonly lastRequest = null;
  requests = 0;
  bytes = 0;
  /** Answers at the head, and reads what follows as nothing at all. */
  early = false;
  /** What is answered to the next request, in the place of an honest answer: one write each, a turn between them. */
  readonly says: (readonly string[])[] = [];
  readonly connections: Connection[] = [];
  /** The connection that the last answer was given on. */
  lastAnswered: Connection | null = null;
  readonly #server;

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    this.url = `http://127.0.0.1:${this.port}`;
    server.on('connection', (socket: Socket) => this.#accept(socket));
  }

  static async start(): Promise<Recorder> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Recorder(server);
  }

  /** Every request that came, by connection: what cannot be read strictly throws. */
  recorded(): Recorded[] {
    return this.connections.flatMap((connection) => {
      const requests = readStrictly(connection.bytes);
      const cut = requests.findIndex(({ whole }) => !whole);
      expect([-1, requests.length - 1], 'a request behind one that is not whole').toContain(cut);
      return requests;
    });
  }

  async close(): Promise<void> {
    for (const { socket } of this.connections) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(socket: Socket): void {
    const connection: Connection = { socket, bytes: '', at: 0, early: false, over: false };
    this.connections.push(connection);
    socket.on('error', () => undefined); // a reset is what ends a request that must not look whole
    socket.on('close', () => (connection.over = true));
    socket.on('data', (chunk: Buffer) => {
      this.bytes += chunk.length;
      connection.bytes += chunk.toString('latin1');
      this.#answer(connection);
    });
  }

  #answer(connection: Connection): void {
    for (;;) {
      const rest = connection.bytes.slice(connection.at);
      const head = /^([^]*?)\r?\n\r?\n/.exec(rest);
      if (head === null) return;
      const length = this.early ? rest.length : head[0].length + lenientLength(head[1]!, rest.slice(head[0].length));
      if (length > rest.length) return;
      connection.early ||= this.early;
      this.lastAnswered = connection;
      connection.at += length;
      this.requests++;
      const [method, target] = head[1]!.split(' ');
      const body = answerTo(target!);
      const honest = `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${method === 'HEAD' ? '' : body}`;
      void say(connection.socket, this.says.shift() ?? [honest]);
    }
  }
}

/** Body of the honest answer to a request, so that one can be told from another's. */
export function answerTo(target: string): string {
  return `answer to ${target}`;
}

async function say(socket: Socket, pieces: readonly string[]): Promise<void> {
  for (const piece of pieces) {
    if (socket.destroyed) return;
    socket.write(piece, 'latin1');
    await turn();
  }
}

/** Bytes of a body, as the careless find them: anything like a length, anything like chunks. */
function lenientLength(head: string, rest: string): number {
  if (!/transfer.encoding[^\n]*chunked/i.test(head)) return Number(/content.length\s*:\D*(\d+)/i.exec(head)?.[1] ?? 0);
  for (let at = 0; ;) {
    const line = rest.indexOf('\n', at);
    if (line < 0) return Infinity;
    const size = parseInt(rest.slice(at, line), 16) || 0;
    at = line + 1 + size + 2;
    if (size === 0) return at;
  }
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * RFC 9112 without any of its leniencies: CRLF ends a line and stands nowhere else, one field frames the body, chunks
 * have no extensions and no trailers.
 * @throws Error when a byte belongs to no request
 */
function readStrictly(text: string): Recorded[] {
  const requests: Recorded[] = [];
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\r\n\r\n', at);
    const wrong = (why: string) => new Error(`${why}: ${JSON.stringify(text.slice(at, at + 400))}`);
    if (end < 0) throw wrong('a head that is not whole');
    const [first, ...lines] = text.slice(at, end).split('\r\n');
    const start = /^(GET|HEAD|PUT|POST|DELETE) (\/[\x21\x22\x24-\x7e]*) HTTP\/1\.1$/.exec(first!);
    if (start === null) throw wrong('no request line');
    const fields = lines.map((line) => {
      const colon = line.indexOf(':');
      const field = [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')] as const;
      if (colon < 0 || !TOKEN.test(field[0]) || !VALUE.test(field[1])) throw wrong('no field');
      return field;
    });
    const all = (name: string) => fields.filter((field) => field[0].toLowerCase() === name).map(([, value]) => value);
    const framing = [...all('content-length'), ...all('transfer-encoding')];
    if (framing.length > 1 || !/^(?:\d{1,15}|chunked|)$/.test(framing[0] ?? '')) throw wrong('framed in two ways');
    const body =
      framing[0] === 'chunked' ? readChunks(text, end + 4) : readCounted(text, end + 4, Number(framing[0] ?? 0));
    requests.push({ method: start[1]!, target: start[2]!, fields, body: body.text, whole: body.whole });
    at = body.end;
  }
  return requests;
}

interface ReadBody {
  readonly text: string;
  readonly end: number;
  readonly whole: boolean;
}

function readCounted(text: string, at: number, length: number): ReadBody {
  const end = Math.min(text.length, at + length);
  return { text: text.slice(at, end), end, whole: end === at + length };
}

function readChunks(text: string, from: number): ReadBody {
  let body = '';
  for (let at = from; ;) {
    const line = /([0-9a-f]{1,8})\r\n/y;
    line.lastIndex = at;
    const size = line.exec(text)?.[1];
    const broken = { text: body, end: text.length, whole: false };
    if (size === undefined) {
      if (/^(?:[0-9a-f]{1,8}\r?)?$/.test(text.slice(at))) return broken;
      throw new Error(`no chunk: ${JSON.stringify(text.slice(at, at + 100))}`);
    }
    const data = line.lastIndex;
    at = data + parseInt(size, 16);
    body += text.slice(data, at);
    if (at + 2 > text.length) return { ...broken, text: body };
    if (text.slice(at, at + 2) !== '\r\n') throw new Error('a chunk is longer than its size');
    at += 2;
    if (/^0+$/.test(size)) return { text: body, end: at, whole: true };
  }
}

/**
 * What must come of an attack: the statuses of all answers, in order; `cut`: a part of a request may have reached its
 * region, and was reset; `mute`: the connection ends without an answer's being due.
 * `refused` is one answer, 400; `alone` a first request that is served, and a hidden one that is decided by itself.
 */
export type Expected = string;
export const REFUSED: Expected = '400';
export const ALONE: Expected = '200 403';

export interface Sending {
  readonly service?: Service;
  /** Of the requests, in order, where one is a HEAD. */
  readonly methods?: readonly string[];
  /** Body of the first request as the region must have got it. */
  readonly body?: string;
  /** The client ends its side at once. */
  readonly half?: boolean;
}

/** Two regions with lenient upstreams and a Domicile in front: a tenant of one, and what must never reach the other. */
export class Smuggling {
  readonly world: World;
  readonly storage: Recorder;
  readonly search: Recorder;
  variants = 0;
  #seen = 0;

  constructor(world: World, storage: Recorder, search: Recorder) {
    this.world = world;
    this.storage = storage;
    this.search = search;
  }

  get recorders(): readonly Recorder[] {
    return [this.storage, this.search];
  }

  /** Sends bytes whole, and again in two pieces: the answers are those expected, and the region got what was decided. */
  async expects(bytes: string, expected: Expected, sending: Sending = {}): Promise<void> {
    for (const split of [bytes.length, Math.floor(bytes.length / 3)]) {
      this.variants++;
      const statuses = expected.split(' ').filter((word) => /^\d/.test(word));
      const { answers, closedByServer } = await this.exchange(bytes, split, statuses.length, sending);
      expect(answers.map(({ status }) => String(status))).toEqual(statuses);
      for (const [i, answer] of answers.entries()) {
        const reason = fieldOf(answer, 'x-residency-reason');
        if (answer.status === 403) expect(['cross_border_restricted', 'operation_not_permitted']).toContain(reason);
        if (reason !== 'request_malformed') continue;
        expect(i, 'nothing is answered behind what is malformed').toBe(answers.length - 1);
        expect(fieldOf(answer, 'connection')).toBe('close');
        expect(closedByServer, 'ended by the server').toBe(true);
      }
      const before = this.#seen;
      const whole = (await this.#settled()).filter((request) => request.whole);
      this.#seen = whole.length;
      const served = answers.filter(({ status }) => status === 200).length;
      expect(whole.length - before, 'whole requests that reached the region').toBe(served);
      for (const answer of answers) if (answer.status === 200 && answer.body !== '') this.#own(answer);
      if (sending.body !== undefined) expect(whole.map(({ body }) => body)).toContain(sending.body);
    }
  }

  #own({ body }: Answer): void {
    expect(body).toMatch(/^answer to \/[\x21-\x7e]*$/);
    expect(body).not.toContain(MARK);
  }

  /** All that has reached the region, once what was under way is there. */
  async #settled(): Promise<Recorded[]> {
    for (let i = 0; i < 3; i++) await turn();
    return this.recorders.flatMap((recorder) => recorder.recorded());
  }

  /**
   * One connection of a client. Unless the server ends it, it ends its side when as many answers have come as are due,
   * and reads to the end.
   */
  async exchange(bytes: string, split: number, due: number, sending: Sending = {}): Promise<Exchanged> {
    const { service = 'storage', methods = [], half = false } = sending;
    const socket = connect({ port: this.world.port(service), host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => undefined); // a reset ends it as well
    socket.setTimeout(BOUND, () => socket.destroy());
    let text = '';
    let closedByServer = false;
    socket.setEncoding('latin1').on('data', (piece: string) => {
      text += piece;
      const come = text.match(/HTTP\/1\.1 [1-5]/g)?.length ?? 0;
      if (come >= due && !/\r\nconnection: close\r\n/i.test(text)) socket.end();
    });
    socket.on('end', () => {
      closedByServer = half || !socket.writableEnded;
      socket.end();
    });
    const closed = once(socket, 'close');
    await once(socket, 'connect');
    socket.write(bytes.slice(0, split), 'latin1');
    if (split < bytes.length) {
      await turn();
      if (socket.writable) socket.write(bytes.slice(split), 'latin1');
    }
    if (half) socket.end();
    await closed;
    return { answers: parseAnswers(Buffer.from(text, 'latin1'), methods), closedByServer };
  }

  /**
   * What every region was sent in all: each request that reached one is one that was decided and logged as such, with our
   * own host and without a word of who asked. Gives the bytes that are somewhere else.
   */
  async misplaced(): Promise<number> {
    const { rig } = this.world;
    const decided = rig.log.filter((line) => line['region'] === 'eu-west');
    const ids = new Set(decided.map((line) => line['request_id']));
    const forwarded = new Set(
      decided.filter(({ message }) => message === 'forwarded').map((line) => line['request_id']),
    );
    const seen = new Set<string>();
    for (const recorder of this.recorders) {
      const sent = recorder.connections.flatMap(({ bytes, early }) =>
        readStrictly(bytes).map((request) => ({ ...request, early })),
      );
      for (const { target, fields, whole, early } of sent) {
        const valuesOf = (name: string) => fields.filter(([own]) => own === name).map(([, value]) => value);
        const names = fields.map(([name]) => name);
        const [id] = valuesOf('x-request-id');
        expect(ids.has(id), `${target} was decided`).toBe(true);
        expect(seen.has(id!), `${target} came once`).toBe(false);
        seen.add(id!);
        if (forwarded.has(id) && !early) expect(whole, `${target} is whole`).toBe(true);
        expect(valuesOf('host')).toEqual([`127.0.0.1:${recorder.port}`]);
        expect(names.filter((name) => UNWANTED.has(name.toLowerCase()))).toEqual([]);
        expect(names).toEqual([...new Set(names)]);
        expect(`${target}\n${fields.join('\n')}`).not.toContain(MARK);
      }
      for (const { bytes, over } of recorder.connections) {
        if (!over)
          expect(
            readStrictly(bytes).every(({ whole }) => whole),
            'nothing hangs',
          ).toBe(true);
      }
    }
    for (const id of forwarded) expect(seen.has(String(id)), 'what is logged as forwarded was').toBe(true);
    const page = await rig.metrics();
    const counted = [...page.matchAll(/^domicile_requests_total\{.*region="([^"]*)".*\} (\d+)$/gm)];
    const sum = counted.reduce((total, [, region, count]) => total + (region === 'eu-west' ? Number(count) : 0), 0);
    expect(sum, 'requests counted as sent').toBe(decided.length);
    expect(counted.filter(([, region]) => region === 'us-east')).toEqual([]);
    return this.world.bytes(['eu-central', 'us-east']);
  }
}

/** What no region may be told: who asks, and what belongs to the client's hop. */
const UNWANTED = new Set([...IDENTITY_HEADERS, ...HOP_BY_HOP, 'expect']);
UNWANTED.delete('transfer-encoding'); // of our own: it has been read

interface Exchanged {
  readonly answers: Answer[];
  readonly closedByServer: boolean;
}

/** Starts it. At the end of the file it looks at all that was recorded, and says how much that was. */
export async function startSmuggling(): Promise<Smuggling> {
  const [storage, search, forbidden] = await Promise.all([Recorder.start(), Recorder.start(), Recorder.start()]);
  const world = await startWorld({
    replace: { 'eu-west': { storage, search }, 'us-east': { storage: forbidden } },
    settings: { log: { access: 'all' } },
  });
  const running = new Smuggling(world, storage, search);
  afterAll(async () => {
    const misplaced = await running.misplaced();
    const bytes = storage.bytes + search.bytes;
    console.log(`smuggling: ${running.variants} variants, ${bytes} bytes where they belong, ${misplaced} elsewhere`);
    expect(misplaced).toBe(0);
  });
  return running;
}
