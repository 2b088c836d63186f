import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Pool } from '../../src/outbound/http1/pool.ts';
import { answer, ask, poolOf, Told, Uploading } from './ask.ts';
import { startRaw, until, type RawUpstream } from './upstream.ts';

const OK = 'HTTP/1.1 200 OK\r\n';
const pass = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

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

test('an answer whose head does not come in time fails, and its connection is reset', async () => {
  const told = await answer(pool, { headTimeout: 200 });
  expect(told.failure).toEqual({ kind: 'timeout', message: `${upstream.origin}: no answer within 200 ms` });
  expect((await upstream.peers[0]!.gone()).error).toBe('ECONNRESET');
});

test('informational answers do not put the time of the head off', async () => {
  upstream.respond = (peer) => {
    const hint = setInterval(() => peer.send('HTTP/1.1 103 E\r\n\r\n'), 50);
    peer.socket.once('close', () => clearInterval(hint));
  };
  expect((await answer(pool, { headTimeout: 300 })).failure?.kind).toBe('timeout');
});

test('the time of a body runs from one read to the next', async () => {
  upstream.respond = (peer) => {
    peer.send(`${OK}Content-Length: 10\r\n\r\n`);
    let left = 8;
    const drip = setInterval(() => (left-- > 0 ? peer.send('x') : clearInterval(drip)), 100);
    peer.socket.once('close', () => clearInterval(drip));
  };
  const told = await answer(pool, { headTimeout: 200, idleTimeout: 400 });
  expect(told.failure).toEqual({
    kind: 'timeout',
    message: `${upstream.origin}: nothing more of the answer within 400 ms`,
  });
  expect(told.body.toString()).toBe('xxxxxxxx');
});

test('the time of the whole runs on whatever comes', async () => {
  upstream.respond = (peer) => {
    peer.send(`${OK}Content-Length: 1000\r\n\r\n`);
    const drip = setInterval(() => peer.send('x'), 20);
    peer.socket.once('close', () => clearInterval(drip));
  };
  const told = await answer(pool, { totalTimeout: 400 });
  expect(told.failure).toEqual({ kind: 'timeout', message: `${upstream.origin}: not over within 400 ms` });
  expect(told.body.length).toBeGreaterThan(5);
});

test('a time of 0 is no bound', async () => {
  const told = ask(pool, { headTimeout: 0, idleTimeout: 0 }, new Told());
  await pass(300);
  upstream.peers[0]!.send(`${OK}Content-Length: 1\r\n\r\n`);
  await pass(300);
  upstream.peers[0]!.send('x');
  expect(await told.over).toMatchObject({ status: 200, failure: null });
});

test('no time runs while the rest of the request is the owner’s to write', async () => {
  upstream.respond = (peer) => void peer.until(/hello$/).then(() => peer.send(`${OK}Content-Length: 0\r\n\r\n`));
  const told = ask(pool, { method: 'PUT', length: 5, headTimeout: 200 }, new Told());
  await pass(500);
  told.call!.write(Buffer.from('hello'), 0, 5);
  told.call!.end([]);
  expect(await told.over).toMatchObject({ status: 200, failure: null });
});

test('it runs again when the request is whole', async () => {
  const told = await ask(pool, { method: 'PUT', length: 5, headTimeout: 200 }, new Uploading(['hello'])).over;
  expect(told.failure?.kind).toBe('timeout');
});

test('it runs while the upstream does not take what is written', async () => {
  upstream.respond = (peer) => peer.socket.pause();
  const piece = Buffer.alloc(1 << 16);
  const told = ask(pool, { method: 'PUT', length: 1 << 30, headTimeout: 300 }, new Told());
  await until(() => told.order.includes('writable'));
  while (told.call!.write(piece, 0, piece.length));
  expect((await told.over).failure).toMatchObject({ kind: 'timeout' });
  const whole = await answer(pool, { method: 'PUT', body: Buffer.alloc(64 << 20), headTimeout: 300 });
  expect(whole.failure).toMatchObject({ kind: 'timeout' });
});

test('a paused answer is not read, and no time runs; resumed, both go on', async () => {
  upstream.respond = (peer) => peer.send(`${OK}Content-Length: 10\r\n\r\nhello`);
  const told = ask(pool, { idleTimeout: 200 }, new Told());
  await until(() => told.body.length === 5);
  told.call!.pause();
  upstream.peers[0]!.send(' you');
  await pass(500);
  expect(told.body.toString()).toBe('hello');
  told.call!.resume();
  await until(() => told.body.length === 9);
  expect((await told.over).failure?.kind).toBe('timeout');
});

test('the time of the whole runs while an answer is paused', async () => {
  upstream.respond = (peer) => peer.send(`${OK}Content-Length: 10\r\n\r\nhello`);
  const told = ask(pool, { totalTimeout: 400 }, new Told());
  await until(() => told.body.length === 5);
  told.call!.pause();
  expect((await told.over).failure?.kind).toBe('timeout');
});

test('an answer may be paused before it comes, and while it is told', async () => {
  upstream.respond = (peer) => peer.send(`${OK}Content-Length: 5\r\n\r\nhello`);
  class Pausing extends Told {
    override head(status: number, phrase: string, headers: string[], length: number): void {
      super.head(status, phrase, headers, length);
      this.call!.pause();
    }
  }
  const early = ask(pool, { idleTimeout: 100, headTimeout: 100 }, new Told());
  early.call!.pause();
  await pass(300);
  expect(early.order).toEqual([]);
  early.call!.resume();
  expect((await early.over).body.toString()).toBe('hello');
  // What one read brought is told all the same, and the connection is read again when it is at rest.
  expect((await ask(pool, {}, new Pausing()).over).body.toString()).toBe('hello');
  expect(pool.stats.idle).toBe(1);
  upstream.peers[0]!.socket.end();
  await until(() => pool.stats.idle === 0);
});
