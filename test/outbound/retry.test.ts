import { afterEach, describe, expect, test } from 'vitest';
import type { Departure } from '../../src/outbound/call.ts';
import { Networks, type Lookup } from '../../src/outbound/egress.ts';
import type { UpstreamCall } from '../../src/outbound/http1/call.ts';
import type { Pool } from '../../src/outbound/http1/pool.ts';
import { CHUNKED } from '../../src/wire/framing.ts';
import { answer, ask, poolOf, Told, Uploading } from './ask.ts';
import { startRaw, until, type Peer, type RawUpstream } from './upstream.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';

const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

type Ending = (peer: Peer) => void;
const end: Ending = (peer) => peer.socket.end();
const reset: Ending = (peer) => peer.socket.resetAndDestroy();

/** A pool with two connections at rest, both of which end as soon as a request comes; new ones answer. */
async function stale(ending: Ending): Promise<{ upstream: RawUpstream; pool: Pool }> {
  const upstream = await startRaw((peer) => peer.send(OK));
  const pool = poolOf(upstream.origin);
  stops.push(
    () => upstream.close(),
    () => pool.close(),
  );
  await Promise.all([answer(pool), answer(pool)]);
  const old = [...upstream.peers];
  upstream.heads.length = 0;
  upstream.respond = (peer) => (old.includes(peer) ? ending(peer) : peer.send(OK));
  return { upstream, pool };
}

describe('a request whose connection at rest ends before any answer is sent once more, on a fresh connection', () => {
  const body = Buffer.from('hello');
  const rows: [string, Partial<Departure>][] = [
    ...['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE'].map((method): [string, Partial<Departure>] => [
      method,
      { method },
    ]),
    ['PUT with a whole body', { method: 'PUT', body }],
    ['DELETE with a whole body', { method: 'DELETE', body }],
  ];
  test.each(
    rows.flatMap(([name, departure]) => [
      [`${name}, ended`, departure, end] as const,
      [`${name}, reset`, departure, reset] as const,
    ]),
  )('%s', async (_, departure, ending) => {
    const { upstream, pool } = await stale(ending);
    expect(await answer(pool, { ...departure, target: '/again' })).toMatchObject({ status: 200, failure: null });
    expect(upstream.heads).toHaveLength(2);
    expect(upstream.heads[1]).toBe(upstream.heads[0]);
    expect(upstream.peers, 'not the other one at rest').toHaveLength(3);
    if (departure.body) expect(upstream.peers[2]!.received.endsWith('hello')).toBe(true);
  });

  test('a POST of whose streamed body nothing has been written', async () => {
    const { upstream, pool } = await stale(end);
    // The owner has nothing to write yet when it is told that it may.
    const told = ask(pool, { method: 'POST', length: 5 }, new Told());
    await until(() => upstream.heads.length === 2);
    told.call!.write(Buffer.from('hello'), 0, 5);
    told.call!.end([]);
    expect(await told.over).toMatchObject({ status: 200 });
    await upstream.peers[2]!.until(/\r\n\r\nhello$/);
    expect(told.order.filter((name) => name === 'writable')).toHaveLength(1);
  });
});

describe('what is written while the request waits to be sent again follows it', () => {
  const held: (() => void)[] = [];
  let slow = false;
  const lookup: Lookup = (_, __, callback) => {
    const tell = () => callback(null, [{ address: '127.0.0.1', family: 4 }]);
    if (slow) held.push(tell);
    else tell();
  };

  test.each([
    ['with a length', 10, 'hello you!'],
    ['in chunks', CHUNKED, '5\r\nhello\r\n5\r\n you!\r\n0\r\nx-sum: 1\r\n\r\n'],
  ])('%s', async (_, length, sent) => {
    slow = false;
    const upstream = await startRaw((peer) => peer.send(OK));
    const pool = poolOf(`http://upstream.test:${upstream.port}`, { dnsTtl: 0 }, new Networks([], lookup));
    stops.push(
      () => upstream.close(),
      () => pool.close(),
    );
    await answer(pool);
    slow = true;
    upstream.respond = (peer) => (peer === upstream.peers[0] ? end(peer) : undefined);
    const told = ask(pool, { method: 'POST', length }, new Told());
    await until(() => held.length === 1);
    expect((told.call as UpstreamCall).connection).toBeNull();
    expect(told.call!.write(Buffer.from('hello'), 0, 5), 'there is nowhere to send it').toBe(false);
    held.pop()!();
    await until(() => told.order.includes('drained'));
    told.call!.write(Buffer.from(' you!'), 0, 5);
    told.call!.end(['x-sum', '1']);
    const peer = await upstream.peer(2);
    await until(() => peer.received.endsWith(sent));
    peer.send(OK);
    expect(await told.over).toMatchObject({ status: 200, order: ['writable', 'drained', 'head', 'end'] });
  });

  test('and if it is given up meanwhile, it is not sent', async () => {
    slow = false;
    const upstream = await startRaw((peer) => peer.send(OK));
    const pool = poolOf(`http://upstream.test:${upstream.port}`, { dnsTtl: 0 }, new Networks([], lookup));
    stops.push(
      () => upstream.close(),
      () => pool.close(),
    );
    await answer(pool);
    slow = true;
    upstream.respond = end;
    const told = ask(pool, {}, new Told());
    await until(() => held.length === 1);
    told.call!.abort();
    expect(pool.stats).toEqual({ active: 0, idle: 0, pending: 0 });
    held.pop()!();
    await until(() => pool.stats.idle === 1);
    expect(upstream.heads).toHaveLength(2);
    expect(told.order).toEqual([]);
  });
});

describe('it is not sent again', () => {
  const once = async (departure: Partial<Departure>, ending: Ending = end, told = new Told()) => {
    const { upstream, pool } = await stale(ending);
    expect((await ask(pool, departure, told).over).failure?.kind).toBe('reset');
    expect(upstream.heads).toHaveLength(1);
  };

  test.each(['POST', 'PATCH', 'COPY', 'QUERY'])('%s, which may do twice what is to be done once', async (method) => {
    await once({ method });
    await once({ method, body: Buffer.from('hello') });
  });

  test('when part of its streamed body is gone', () =>
    once(
      { method: 'PUT', length: 10 },
      end,
      new (class extends Told {
        override writable(): void {
          super.writable();
          this.call!.write(Buffer.from('hello'), 0, 5);
        }
      })(),
    ));

  test('when its streamed body was ended without a byte', () =>
    once({ method: 'PUT', length: CHUNKED }, end, new Uploading([])));

  test('when something of an answer has come', () =>
    once({}, (peer) => {
      peer.send('H');
      setImmediate(() => setImmediate(() => end(peer)));
    }));

  test('when an informational answer has come', () =>
    once({}, (peer) => {
      peer.send('HTTP/1.1 103 E\r\n\r\n');
      setImmediate(() => setImmediate(() => end(peer)));
    }));

  test('when its connection was fresh', async () => {
    const upstream = await startRaw(end);
    const pool = poolOf(upstream.origin);
    stops.push(() => upstream.close());
    expect((await answer(pool)).failure?.kind).toBe('reset');
    expect(upstream.heads).toHaveLength(1);
  });

  test('a second time', async () => {
    const { upstream, pool } = await stale(end);
    upstream.respond = end;
    expect((await answer(pool)).failure?.kind).toBe('reset');
    expect(upstream.heads).toHaveLength(2);
  });

  test('when no connection can be made for it', async () => {
    const { upstream, pool } = await stale(end);
    upstream.respond = (peer) => {
      upstream.server.close();
      end(peer);
    };
    expect((await answer(pool)).failure?.kind).toBe('unreachable');
    expect(upstream.heads).toHaveLength(1);
  });

  test('when the answer does not come in time', async () => {
    const { upstream, pool } = await stale(() => undefined);
    expect((await answer(pool, { headTimeout: 200 })).failure?.kind).toBe('timeout');
    expect(upstream.heads).toHaveLength(1);
  });
});

describe('bytes that come before anything of a request has left are no answer to it', () => {
  const STRAY = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil';

  /** A pool with a connection at rest, in whose socket a stray answer lies when the next request is given to it. */
  async function strayed(departure: Partial<Departure>): Promise<{ told: Told; upstream: RawUpstream }> {
    const upstream = await startRaw((peer) => peer.send(OK));
    const pool = poolOf(upstream.origin);
    stops.push(
      () => upstream.close(),
      () => pool.close(),
    );
    await answer(pool);
    // On a turn of its own, so that what is sent here lies in the other socket before it is looked at again.
    const told = await new Promise<Told>((resolve) => {
      setImmediate(() => {
        upstream.peers[0]!.send(STRAY);
        resolve(ask(pool, departure, new Told()));
      });
    });
    return { told: await told.over, upstream };
  }

  test.each([
    ['GET', {}],
    ['POST', { method: 'POST', body: Buffer.from('x') }],
  ] as const)('%s is answered by a fresh connection', async (_, departure) => {
    const { told, upstream } = await strayed(departure);
    expect(told).toMatchObject({ status: 200, failure: null });
    expect(told.body).not.toContain('evil');
    expect(upstream.peers).toHaveLength(2);
  });
});
