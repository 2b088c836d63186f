import type { LookupAddress } from 'node:dns';
import { isIP } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { Networks, type Lookup, type LookupCallback } from '../../src/outbound/egress.ts';
import { Resolver } from '../../src/outbound/http1/resolve.ts';
import { Wheel } from '../../src/wire/wheel.ts';
import { answer, ask, poolOf, Told } from './ask.ts';
import { startRaw, until } from './upstream.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
const A: LookupAddress = { address: '192.0.2.1', family: 4 };
const B: LookupAddress = { address: '2001:db8::1', family: 6 };

/** A clock that the test moves, from a whole number: with a fraction the steps of a second need not add up to one. */
function stopped(): Wheel {
  const wheel = new Wheel();
  wheel.close();
  wheel.now = 1000;
  return wheel;
}

/** DNS, whose answers the test gives; it moves the clock too. */
class Names {
  readonly wheel = stopped();
  readonly asked: string[] = [];
  #callback: LookupCallback = () => undefined;

  readonly lookup: Lookup = (hostname, options, callback) => {
    expect(options).toEqual({ all: true });
    this.asked.push(hostname);
    this.#callback = callback;
  };

  tell(error: NodeJS.ErrnoException | null, addresses: LookupAddress[] = []): void {
    this.#callback(error, addresses);
  }
}

const NOT_FOUND = Object.assign(new Error('getaddrinfo ENOTFOUND a'), { code: 'ENOTFOUND' });

describe('names are looked up', () => {
  const one = (resolver: Resolver) =>
    new Promise<unknown>((resolve) =>
      resolver.lookup('a', {}, (error, address, family) => resolve(error ?? `${String(address)} ${family}`)),
    );
  const all = (resolver: Resolver) =>
    new Promise<unknown>((resolve) =>
      resolver.lookup('a', { all: true }, (error, addresses) => resolve(error ?? addresses)),
    );

  test('once, however many wait; and each gets an address, or all of them', async () => {
    const names = new Names();
    const resolver = new Resolver(names.lookup, names.wheel, 10_000);
    const waiting = [one(resolver), one(resolver), all(resolver), one(resolver)];
    expect(names.asked).toEqual(['a']);
    names.tell(null, [A, B]);
    expect(await Promise.all(waiting)).toEqual(['192.0.2.1 4', '2001:db8::1 6', [A, B], '192.0.2.1 4']);
  });

  test('again when the answer is as old as it may be, and not before', async () => {
    const names = new Names();
    const resolver = new Resolver(names.lookup, names.wheel, 10_000);
    void one(resolver);
    names.tell(null, [A]);
    names.wheel.now += 9999;
    expect(await one(resolver)).toBe('192.0.2.1 4');
    expect(names.asked).toHaveLength(1);
    names.wheel.now += 1;
    const last = one(resolver);
    expect(names.asked).toHaveLength(2);
    names.tell(null, [B]);
    expect(await last).toBe('2001:db8::1 6');
  });

  test('again a second after they were not found, without the answer from before', async () => {
    const names = new Names();
    const resolver = new Resolver(names.lookup, names.wheel, 10_000);
    void one(resolver);
    names.tell(null, [A]);
    names.wheel.now += 10_000;
    const failed = one(resolver);
    names.tell(NOT_FOUND);
    expect(await failed).toBe(NOT_FOUND);
    names.wheel.now += 999;
    expect(await one(resolver)).toBe(NOT_FOUND);
    expect(names.asked).toHaveLength(2);
    names.wheel.now += 1;
    const last = one(resolver);
    names.tell(null, [A]);
    expect(await last).toBe('192.0.2.1 4');
  });

  test('and no address at all is not found', async () => {
    const names = new Names();
    const resolver = new Resolver(names.lookup, names.wheel, 10_000);
    const found = all(resolver);
    names.tell(null, []);
    expect(await found).toMatchObject({ code: 'ENOTFOUND' });
  });

  test('to be given to nobody who could change what the next one gets', async () => {
    const names = new Names();
    const resolver = new Resolver(names.lookup, names.wheel, 10_000);
    const first = all(resolver);
    names.tell(null, [A, B]);
    ((await first) as LookupAddress[]).length = 0;
    expect(await all(resolver)).toEqual([A, B]);
  });
});

const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

const loopback =
  (...addresses: string[]): Lookup =>
  (_, __, callback) =>
    process.nextTick(
      callback,
      null,
      addresses.map((address) => ({ address, family: isIP(address) })),
    );

describe('a pool', () => {
  test('looks its endpoint’s name up once for many connections', async () => {
    const upstream = await startRaw(() => undefined);
    stops.push(() => upstream.close());
    let asked = 0;
    const counting: Lookup = (hostname, _, callback) => {
      expect(hostname).toBe('upstream.test');
      asked++;
      setImmediate(() => callback(null, [{ address: '127.0.0.1', family: 4 }]));
    };
    const pool = poolOf(`http://upstream.test:${upstream.port}`, {}, new Networks([], counting));
    const asks = Array.from({ length: 20 }, () => ask(pool, {}, new Told()));
    await until(() => upstream.heads.length === 20);
    expect(asked).toBe(1);
    for (const { call } of asks) call!.abort();
    await pool.close();
  });

  test('connects nowhere when one address of several lies outside its region', async () => {
    const upstream = await startRaw((peer) => peer.send(OK));
    stops.push(() => upstream.close());
    const networks = new Networks(['127.0.0.0/8'], loopback('127.0.0.1', '192.0.2.1'));
    const pool = poolOf(`http://upstream.test:${upstream.port}`, {}, networks);
    expect((await answer(pool)).failure).toEqual({
      kind: 'outside_region',
      message:
        `http://upstream.test:${upstream.port}: the endpoint resolves outside the networks of its region ` +
        '(EGRESS_OUTSIDE_REGION)',
    });
    expect(upstream.peers).toHaveLength(0);
    await pool.close();
  });

  test.each(['http://127.0.0.1', 'http://[::1]', 'http://[::ffff:127.0.0.1]', 'https://127.0.0.1'])(
    'judges an address that is written out, which nobody looks up: %s',
    async (origin) => {
      const upstream = await startRaw((peer) => peer.send(OK));
      stops.push(() => upstream.close());
      const told = ask(poolOf(`${origin}:${upstream.port}`, {}, new Networks(['10.0.0.0/8'])), {}, new Told());
      expect(told.order, 'the caller has its call first').toEqual([]);
      expect((await told.over).failure?.kind).toBe('outside_region');
      expect(upstream.peers).toHaveLength(0);
    },
  );

  test('goes to a new address once its connections are as old as they may be', async () => {
    const wheel = stopped();
    const upstream = await startRaw((peer) => peer.send(OK));
    stops.push(() => upstream.close());
    let address = '127.0.0.1';
    const moved: Lookup = (_, __, callback) => callback(null, [{ address, family: isIP(address) }]);
    const pool = poolOf(
      `http://upstream.test:${upstream.port}`,
      { wheel, connectionAge: 60_000, dnsTtl: 10_000, keepAliveTimeout: 1_000_000 },
      new Networks([], moved),
    );
    expect((await answer(pool)).status).toBe(200);
    address = '::1'; // nobody listens there
    wheel.now += 59_999;
    expect((await answer(pool)).status, 'by the connection that is there').toBe(200);
    wheel.now += 1;
    expect((await answer(pool)).failure).toEqual({
      kind: 'unreachable',
      message: `http://upstream.test:${upstream.port}: connect ECONNREFUSED ::1:${upstream.port}`,
    });
    await pool.close();
  });

  test('tries another family with happy eyeballs on, and the next time without', async () => {
    const upstream = await startRaw((peer) => peer.send(OK));
    stops.push(() => upstream.close());
    const origin = `http://upstream.test:${upstream.port}`;
    const networks = new Networks([], loopback('::1', '127.0.0.1')); // it listens on IPv4 alone
    const eager = poolOf(origin, { happyEyeballs: true }, networks);
    expect((await answer(eager)).status).toBe(200);
    const plain = poolOf(origin, {}, networks);
    expect((await answer(plain)).failure?.kind).toBe('unreachable');
    expect((await answer(plain)).status, 'addresses take turns').toBe(200);
    await Promise.all([eager.close(), plain.close()]);
  });

  test('says why, of each address, when none can be reached', async () => {
    const upstream = await startRaw(() => undefined);
    await upstream.close();
    const networks = new Networks([], loopback('127.0.0.1', '::1'));
    const pool = poolOf(`http://upstream.test:${upstream.port}`, { happyEyeballs: true }, networks);
    const { failure } = await answer(pool);
    expect(failure?.kind).toBe('unreachable');
    expect(failure?.message).toContain(`ECONNREFUSED 127.0.0.1:${upstream.port}`);
    expect(failure?.message).toContain(`ECONNREFUSED ::1:${upstream.port}`);
    await pool.close();
  });

  test('says that a name is not found', async () => {
    const pool = poolOf('http://upstream.test', {}, new Networks([], (_, __, callback) => callback(NOT_FOUND, '')));
    expect((await answer(pool)).failure).toEqual({
      kind: 'unreachable',
      message: 'http://upstream.test: getaddrinfo ENOTFOUND a',
    });
    await pool.close();
  });
});
