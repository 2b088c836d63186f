import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { Networks, type Lookup } from '../../src/outbound/egress.ts';
import type { Pool, PoolOptions } from '../../src/outbound/http1/pool.ts';
import { Wheel } from '../../src/wire/wheel.ts';
import { answer, ask, poolOf, Told } from './ask.ts';
import { startRaw, until, type Peer, type RawUpstream } from './upstream.ts';

const whole = (lines = '', body = '') => `HTTP/1.1 200 OK\r\n${lines}Content-Length: ${body.length}\r\n\r\n${body}`;
const targets = (upstream: RawUpstream) => upstream.heads.map((head) => head.split(' ')[1]);

const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

/** An upstream and a pool for it. Answers are held back where `hold` says so. */
async function start(
  options: Partial<PoolOptions> = {},
  respond: (peer: Peer, head: string) => void = (peer) => peer.send(whole()),
): Promise<{ upstream: RawUpstream; pool: Pool }> {
  const upstream = await startRaw(respond);
  const pool = poolOf(upstream.origin, options);
  stops.push(
    () => upstream.close(),
    () => pool.close(),
  );
  return { upstream, pool };
}

test('a request that finds a connection at rest takes the one that was used last', async () => {
  const { upstream, pool } = await start();
  await Promise.all([answer(pool), answer(pool), answer(pool)]);
  expect(pool.stats).toEqual({ active: 0, idle: 3, pending: 0 });
  upstream.respond = (peer) => peer.send(whole('', String(upstream.peers.indexOf(peer))));
  const first = (await answer(pool)).body.toString();
  for (let i = 0; i < 5; i++) expect((await answer(pool)).body.toString()).toBe(first);
  expect(upstream.peers).toHaveLength(3);
});

test('there are no more connections than allowed; who waits is served in the order of asking', async () => {
  const { upstream, pool } = await start({ connections: 2 }, () => undefined);
  const asked = ['/1', '/2', '/3', '/4', '/5'].map((target) => ask(pool, { target }, new Told()));
  await until(() => upstream.heads.length === 2);
  expect(pool.stats).toEqual({ active: 2, idle: 0, pending: 3 });
  expect(targets(upstream)).toEqual(['/1', '/2']);
  upstream.respond = (peer) => peer.send(whole());
  (await upstream.peer(1)).send(whole());
  await Promise.all([asked[0]!.over, asked[2]!.over, asked[3]!.over, asked[4]!.over]);
  expect(targets(upstream)).toEqual(['/1', '/2', '/3', '/4', '/5']);
  expect(upstream.peers).toHaveLength(2);
  (await upstream.peer(2)).send(whole());
  await asked[1]!.over;
});

test('who finds the line full fails as overloaded, once the caller has its call', async () => {
  const { upstream, pool } = await start({ connections: 1, pending: 2 }, () => undefined);
  const first = ask(pool, {}, new Told());
  await until(() => upstream.heads.length === 1);
  const waiting = [ask(pool, {}, new Told()), ask(pool, {}, new Told())];
  const last = ask(pool, {}, new Told());
  expect(last.failure).toBeNull();
  expect((await last.over).failure).toEqual({
    kind: 'overloaded',
    message: `${upstream.origin}: 1 connections are busy and 2 requests wait`,
  });
  upstream.respond = (peer) => peer.send(whole());
  (await upstream.peer(1)).send(whole());
  for (const told of [first, ...waiting]) expect(await told.over).toMatchObject({ status: 200, failure: null });
});

test('who has waited too long for a connection fails as overloaded; who has one does not', async () => {
  const { upstream, pool } = await start({ connections: 1, pendingTimeout: 200 }, () => undefined);
  const first = ask(pool, {}, new Told());
  await until(() => upstream.heads.length === 1);
  const failure = (await answer(pool)).failure;
  expect(failure).toEqual({ kind: 'overloaded', message: `${upstream.origin}: no connection was free within 200 ms` });
  expect(pool.stats).toEqual({ active: 1, idle: 0, pending: 0 });
  upstream.peers[0]!.send(whole());
  expect(await first.over).toMatchObject({ status: 200 });
});

test('the time for the whole runs while a request waits', async () => {
  const { upstream, pool } = await start({ connections: 1 }, () => undefined);
  const first = ask(pool, {}, new Told());
  await until(() => upstream.heads.length === 1);
  expect((await answer(pool, { totalTimeout: 200 })).failure).toEqual({
    kind: 'timeout',
    message: `${upstream.origin}: not over within 200 ms`,
  });
  first.call!.abort();
});

test('a request that is given up while it waits is never sent', async () => {
  const { upstream, pool } = await start({ connections: 1 }, () => undefined);
  const first = ask(pool, { target: '/1' }, new Told());
  await until(() => upstream.heads.length === 1);
  const second = ask(pool, { target: '/2' }, new Told());
  const third = ask(pool, { target: '/3' }, new Told());
  second.call!.abort();
  expect(pool.stats.pending).toBe(1);
  upstream.respond = (peer) => peer.send(whole());
  upstream.peers[0]!.send(whole());
  await Promise.all([first.over, third.over]);
  expect(targets(upstream)).toEqual(['/1', '/3']);
  expect(second.order).toEqual([]);
});

test('a request that is given up while its connection is being made is not sent; the connection serves the next', async () => {
  const { upstream, pool } = await start();
  const gone = ask(pool, { target: '/gone' }, new Told());
  gone.call!.abort();
  await until(() => pool.stats.idle === 1);
  expect(await answer(pool, { target: '/next' })).toMatchObject({ status: 200 });
  expect(targets(upstream)).toEqual(['/next']);
  expect(upstream.peers).toHaveLength(1);
  expect(gone.order).toEqual([]);
});

test('a connection at rest ends after its time, or after that of the upstream less a second', async () => {
  const ours = await start({ keepAliveTimeout: 200 });
  const theirs = await start({}, (peer) => peer.send(whole('Keep-Alive: timeout=2\r\n')));
  const before = performance.now();
  await Promise.all([answer(ours.pool), answer(theirs.pool)]);
  await (await ours.upstream.peer(1)).gone();
  expect(performance.now() - before).toBeLessThan(900);
  expect(ours.pool.stats.idle).toBe(0);
  expect(theirs.pool.stats.idle).toBe(1);
  await (await theirs.upstream.peer(1)).gone();
  expect(performance.now() - before).toBeGreaterThan(900);
  expect(performance.now() - before).toBeLessThan(1900);
});

test('a connection at rest that the upstream ends is gone before the next request', async () => {
  const { upstream, pool } = await start();
  await answer(pool);
  upstream.peers[0]!.socket.end();
  await until(() => pool.stats.idle === 0);
  expect(await answer(pool, { method: 'POST' })).toMatchObject({ status: 200 });
  expect(upstream.peers).toHaveLength(2);
});

test('a connection at rest that says something ends: whose answer it is cannot be told', async () => {
  const { upstream, pool } = await start();
  await answer(pool);
  upstream.peers[0]!.send(whole('', 'evil'));
  await until(() => pool.stats.idle === 0);
  await upstream.peers[0]!.gone();
  expect((await answer(pool)).body.toString()).toBe('');
});

test('a connection takes no request once it is older than it may be, however busy it was', async () => {
  const wheel = new Wheel();
  wheel.close(); // the test moves its clock
  const { upstream, pool } = await start({ wheel, connectionAge: 10_000 });
  for (let i = 0; i < 4; i++) {
    expect(await answer(pool)).toMatchObject({ status: 200 });
    wheel.now += 3000;
  }
  expect(upstream.peers).toHaveLength(1);
  expect(await answer(pool)).toMatchObject({ status: 200 });
  expect(upstream.peers).toHaveLength(2);
  await upstream.peers[0]!.gone();
});

test('a request that is asked for when another ends goes by the same connection', async () => {
  const { upstream, pool } = await start();
  class Twice extends Told {
    readonly second = new Told();
    override end(trailers: readonly string[]): void {
      super.end(trailers);
      ask(pool, {}, this.second);
    }
  }
  const first = ask(pool, {}, new Twice());
  expect(await first.second.over).toMatchObject({ status: 200 });
  expect(upstream.peers).toHaveLength(1);
});

test('close ends what is at rest at once and lets what is in flight finish, what waits too', async () => {
  const { upstream, pool } = await start({ connections: 2 }, (peer, head) => {
    if (head.includes('/now')) peer.send(whole());
  });
  const first = ask(pool, { target: '/later' }, new Told());
  await answer(pool, { target: '/now' });
  expect(pool.stats).toEqual({ active: 1, idle: 1, pending: 0 });
  const third = ask(pool, { target: '/later' }, new Told());
  const fourth = ask(pool, { target: '/now' }, new Told());
  let closed = false;
  const closing = Promise.all([pool.close(), pool.close()]).then(() => (closed = true));
  const late = await answer(pool);
  expect(late.failure).toEqual({ kind: 'reset', message: `${upstream.origin}: closed by us` });
  for (const peer of upstream.peers) peer.send(whole());
  await Promise.all([first.over, third.over, fourth.over]);
  expect([first.status, third.status, fourth.status]).toEqual([200, 200, 200]);
  await closing;
  expect(closed).toBe(true);
  expect(pool.stats).toEqual({ active: 0, idle: 0, pending: 0 });
});

test('close of a pool at rest resolves at once, and its connections are gone', async () => {
  const { upstream, pool } = await start();
  await Promise.all([answer(pool), answer(pool)]);
  await pool.close();
  await Promise.all(upstream.peers.map((peer) => peer.gone()));
});

test('an endpoint that refuses connections is unreachable, and each who waits gets a try of its own', async () => {
  const upstream = await startRaw(() => undefined);
  await upstream.close();
  let tries = 0;
  const counting: Lookup = (_, __, callback) => {
    tries++;
    callback(null, [{ address: '127.0.0.1', family: 4 }]);
  };
  const origin = `http://upstream.test:${upstream.port}`;
  const pool = poolOf(origin, { connections: 2, dnsTtl: 0 }, new Networks([], counting));
  const answers = await Promise.all(Array.from({ length: 5 }, () => answer(pool)));
  for (const { failure } of answers)
    expect(failure).toEqual({
      kind: 'unreachable',
      message: `${origin}: connect ECONNREFUSED 127.0.0.1:${upstream.port}`,
    });
  expect(tries).toBe(5);
  expect(pool.stats).toEqual({ active: 0, idle: 0, pending: 0 });
  await pool.close();
});

test('a connection that does not come about in time is unreachable', async () => {
  const pool = poolOf('http://upstream.test', { connectTimeout: 200 }, new Networks([], () => undefined));
  expect((await answer(pool)).failure).toEqual({
    kind: 'unreachable',
    message: 'http://upstream.test: no connection within 200 ms',
  });
  await pool.close();
});

test('a Unix socket is an endpoint like another, also where its region has networks', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'domicile-pool-'));
  const path = join(folder, 'upstream.sock');
  const upstream = await startRaw((peer) => peer.send(whole('', 'hello')), path);
  const pool = poolOf({ socketPath: path }, {}, new Networks(['10.0.0.0/8']));
  for (let i = 0; i < 2; i++) expect((await answer(pool)).body.toString()).toBe('hello');
  expect(upstream.peers).toHaveLength(1);
  await pool.close();
  await upstream.close();
  expect((await answer(poolOf({ socketPath: path }))).failure?.kind).toBe('unreachable');
  rmSync(folder, { recursive: true });
});
