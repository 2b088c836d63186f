import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Departure } from '../../src/outbound/call.ts';
import type { Pool } from '../../src/outbound/http1/pool.ts';
import { CHUNKED } from '../../src/wire/framing.ts';
import { answer, ask, poolOf, Told } from './ask.ts';
import { startRaw, until, type RawUpstream } from './upstream.ts';

const OK = 'HTTP/1.1 200 OK\r\n';

let upstream: RawUpstream;
let pool: Pool;

beforeEach(async () => {
  upstream = await startRaw(() => undefined);
  pool = poolOf(upstream.origin);
});

afterEach(async () => {
  await pool.close();
  await upstream.close();
});

/** Gives its request up when it is told something for the n-th time. */
class Quitter extends Told {
  readonly #when: string;
  #left: number;

  constructor(when: string, times = 1) {
    super();
    this.#when = when;
    this.#left = times;
  }

  #quit(what: string): void {
    if (what === this.#when && --this.#left === 0) this.call!.abort();
  }

  override writable(): void {
    super.writable();
    this.#quit('writable');
  }

  override information(status: number, headers: string[]): void {
    super.information(status, headers);
    this.#quit('information');
  }

  override head(status: number, phrase: string, headers: string[], length: number): void {
    super.head(status, phrase, headers, length);
    this.#quit('head');
  }

  override data(bytes: Buffer, from: number, to: number): void {
    super.data(bytes, from, to);
    this.#quit('data');
  }

  override flush(): void {
    super.flush();
    this.#quit('flush');
  }
}

describe('an upstream that has the head sees a reset, at once', () => {
  test.each<[string, Partial<Departure>, string]>([
    ['whose request is whole', {}, ''],
    ['whose request is whole, with a body', { method: 'POST', body: Buffer.from('hello') }, ''],
    ['that is still taking the body', { method: 'PUT', length: 10 }, ''],
    ['that has begun to answer', {}, `${OK}Content-Le`],
    ['that is answering', {}, `${OK}Content-Length: 10\r\n\r\nhello`],
    ['that is answering in chunks', {}, `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhel`],
    ['that is answering without a length', {}, `${OK}\r\nhello`],
  ])('%s', async (_, departure, said) => {
    upstream.respond = (peer) => peer.send(said);
    const told = ask(pool, departure, new Told());
    await until(() => upstream.heads.length === 1);
    for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
    const before = [...told.order];
    told.call!.abort();
    expect(pool.stats).toEqual({ active: 0, idle: 0, pending: 0 });
    // The event loop looks at its sockets once.
    for (let i = 0; i < 2; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(upstream.peers[0]).toMatchObject({ ended: false, error: 'ECONNRESET' });
    expect(told.order, 'nothing more is told').toEqual(before);
    told.call!.abort();
    expect(told.call!.write(Buffer.from('x'), 0, 1)).toBe(true);
    told.call!.end([]);
    told.call!.pause();
    told.call!.resume();
    expect(upstream.heads).toHaveLength(1);
  });
});

describe('a request may be given up while something is told', () => {
  // Of a size that each is told on its own.
  const chunk = (c: string) => `400\r\n${c.repeat(1024)}\r\n`;
  const chunks = `${OK}Transfer-Encoding: chunked\r\n\r\n${chunk('a')}${chunk('b')}${chunk('c')}0\r\n\r\n`;
  test.each<[string, Quitter, string, string[], Partial<Departure>?]>([
    ['an informational answer', new Quitter('information'), `HTTP/1.1 103 E\r\n\r\n${chunks}`, ['information']],
    ['the head', new Quitter('head'), `${OK}Content-Length: 5\r\n\r\nhello`, ['head']],
    ['the head of an answer without a body', new Quitter('head'), `${OK}Content-Length: 0\r\n\r\n`, ['head']],
    ['the head, of chunks', new Quitter('head'), chunks, ['head']],
    ['the body', new Quitter('data'), `${OK}Content-Length: 5\r\n\r\nhello`, ['head', 'data']],
    ['the first chunk', new Quitter('data'), chunks, ['head', 'data']],
    ['the last chunk', new Quitter('data', 3), chunks, ['head', 'data']],
    ['a body without a length', new Quitter('data'), `${OK}\r\nhello`, ['head', 'data']],
    ['that a read is over', new Quitter('flush'), `${OK}Content-Length: 6\r\n\r\nhello`, ['head', 'data', 'flush']],
    ['that it may be written', new Quitter('writable'), '', ['writable'], { method: 'PUT', length: CHUNKED }],
  ])('%s', async (_, quitter, said, order, departure = {}) => {
    upstream.respond = (peer) => peer.send(said);
    ask(pool, departure, quitter);
    const peer = await upstream.peer(1);
    await peer.gone();
    expect(peer).toMatchObject({ ended: false, error: 'ECONNRESET' });
    expect(quitter.order).toEqual(order);
    expect(pool.stats).toEqual({ active: 0, idle: 0, pending: 0 });
    upstream.respond = (next) => next.send(`${OK}Content-Length: 2\r\n\r\nok`);
    expect((await answer(pool)).body.toString(), 'the pool serves on').toBe('ok');
  });

  test('before it is told that it may be written: it never is', async () => {
    const told = ask(pool, { method: 'PUT', length: 5 }, new Told());
    told.call!.abort();
    await until(() => pool.stats.idle === 1);
    const again = ask(pool, { method: 'PUT', length: 5 }, new Told());
    again.call!.abort();
    await new Promise((resolve) => setImmediate(resolve));
    expect([told.order, again.order, upstream.heads]).toEqual([[], [], []]);
  });

  test('and the next in line gets the connection that is made instead', async () => {
    const single = poolOf(upstream.origin, { connections: 1 });
    const first = ask(single, {}, new Quitter('head'));
    const second = ask(single, {}, new Told());
    upstream.respond = (peer) => peer.send(`${OK}Content-Length: 2\r\n\r\nok`);
    expect((await second.over).body.toString()).toBe('ok');
    expect(first.order).toEqual(['head']);
    expect(upstream.peers).toHaveLength(2);
    await single.close();
  });
});

test('ten thousand requests, many of them given up, some by the upstream, leave nothing behind and mix nothing up', async () => {
  const few = poolOf(upstream.origin, { connections: 8, pending: 20_000, pendingTimeout: 60_000 });
  upstream.respond = (peer, head) => {
    const n = Number(/ \/(\d+) /.exec(head)![1]);
    if (n % 50 === 7) {
      peer.send(`${OK}Content-Length: 6\r\n\r\n1`);
      setImmediate(() => peer.socket.resetAndDestroy());
    } else if (n % 5 === 0) peer.send(`${OK}Content-Length: 6\r\n\r\n${String(n).padStart(6)}`);
    else peer.send(`${OK}Transfer-Encoding: chunked\r\n\r\n6\r\n${String(n).padStart(6)}\r\n0\r\n\r\n`);
  };
  let wrong = 0;
  let aborted = 0;
  let done = 0;
  const one = async (n: number) => {
    const when = ['head', 'data', 'flush', 'nothing'][n % 4]!;
    const told = ask(few, { target: `/${n}` }, new Quitter(n % 3 === 0 ? when : 'nothing'));
    if (n % 21 === 0) told.call!.abort();
    if (n % 21 === 0 || (n % 3 === 0 && (when === 'head' || when === 'data'))) {
      aborted++;
      return;
    }
    await told.over;
    done++;
    if (n % 50 === 7 ? told.failure?.kind !== 'reset' : told.failure !== null || Number(told.body) !== n) wrong++;
  };
  for (let round = 0; round < 50; round++) {
    await Promise.all(Array.from({ length: 200 }, (_, i) => one(round * 200 + i)));
    for (const peer of upstream.peers) peer.received = '';
  }
  expect({ wrong, all: done + aborted }).toEqual({ wrong: 0, all: 10_000 });
  expect(aborted).toBeGreaterThan(1500);
  await until(() => few.stats.active === 0 && few.stats.pending === 0);
  await few.close();
  expect(few.stats).toEqual({ active: 0, idle: 0, pending: 0 });
});
