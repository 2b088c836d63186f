import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer, getCACertificates, setDefaultCACertificates, type Server, type TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Networks, type Lookup } from '../../src/outbound/egress.ts';
import type { Pool, PoolOptions } from '../../src/outbound/http1/pool.ts';
import { Wheel } from '../../src/wire/wheel.ts';
import { selfSigned, type Certificate } from '../attack/certificate.ts';
import { answer, ask, poolOf, Told, Uploading } from './ask.ts';
import { startRaw, until } from './upstream.ts';

const NAME = 'upstream.test';
const good = selfSigned(NAME);
const address = selfSigned('127.0.0.1');
const elsewhere = selfSigned('127.0.0.2');
const other = selfSigned('other.test');
const expired = selfSigned(NAME, Date.now() - 1000);
const unknown = selfSigned(NAME);

const lookup: Lookup = (_, __, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }]);

interface Secure {
  readonly server: Server;
  readonly port: number;
  readonly sockets: TLSSocket[];
  /** Bytes of plain text that came in by all connections. */
  received: number;
}

const stops: (() => Promise<unknown>)[] = [];

beforeAll(() => {
  const trusted = [good, address, elsewhere, other, expired].map(({ cert }) => cert);
  setDefaultCACertificates([...getCACertificates('default'), ...trusted]);
});

afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

/** A server that answers each head it gets. */
async function start(certificate: Certificate, options: object = {}): Promise<Secure> {
  const server = createServer({ ...certificate, ALPNProtocols: ['http/1.1'], ...options });
  const secure: Secure = { server, port: 0, sockets: [], received: 0 };
  const raw = new Set<Socket>();
  server.on('connection', (socket: Socket) => raw.add(socket));
  server.on('secureConnection', (socket: TLSSocket) => {
    secure.sockets.push(socket);
    socket.on('data', (chunk: Buffer) => {
      secure.received += chunk.length;
      if (chunk.includes('\r\n\r\n')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello');
    });
    socket.on('error', () => undefined); // a reset is what some tests wait for
  });
  server.on('tlsClientError', () => undefined); // a client that does not trust us says so: its side is looked at
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stops.push(async () => {
    for (const socket of raw) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return Object.assign(secure, { port: (server.address() as AddressInfo).port });
}

function open(host: string, port: number, options: Partial<PoolOptions> = {}): Pool {
  const pool = poolOf(`https://${host}:${port}`, options, new Networks([], lookup));
  stops.push(() => pool.close());
  return pool;
}

test.each([
  [NAME, good, NAME],
  ['127.0.0.1', address, false],
])('a trusted certificate for %s is believed, with HTTP/1.1 agreed on', async (host, certificate, servername) => {
  const { port, sockets } = await start(certificate);
  const pool = open(host, port);
  for (let i = 0; i < 3; i++) expect((await answer(pool)).body.toString()).toBe('hello');
  expect(sockets).toHaveLength(1);
  expect(sockets[0]).toMatchObject({ servername, alpnProtocol: 'http/1.1' });
});

describe('who cannot be believed gets no byte, and fails as untrusted', () => {
  test.each([
    ['a certificate for another name', NAME, other, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['a certificate for an address where a name is asked for', NAME, address, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['a certificate for another address', '127.0.0.1', elsewhere, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['a certificate that nobody vouches for', NAME, unknown, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['a certificate that has expired', NAME, expired, 'CERT_HAS_EXPIRED'],
  ])('%s', async (_, host, certificate, code) => {
    const secure = await start(certificate);
    const pool = open(host, secure.port);
    const { failure } = await answer(pool);
    expect(failure?.kind).toBe('untrusted');
    expect(failure?.message).toMatch(`https://${host}:${secure.port}: `);
    expect(failure?.message).toContain(code);
    expect(secure.received).toBe(0);
    expect(pool.stats).toEqual({ active: 0, idle: 0, pending: 0 });
  });

  test('also where the environment says that nothing is to be checked', async () => {
    const secure = await start(unknown);
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      expect((await answer(open(NAME, secure.port))).failure?.kind).toBe('untrusted');
    } finally {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    }
    expect(secure.received).toBe(0);
  });

  test('a server that speaks no TLS', async () => {
    const raw = await startRaw(() => undefined);
    raw.server.on('connection', (socket: Socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
    stops.push(() => raw.close());
    expect((await answer(open(NAME, raw.port))).failure?.kind).toBe('untrusted');
  });

  test('a server that ends the connection instead', async () => {
    const raw = await startRaw(() => undefined);
    raw.server.on('connection', (socket: Socket) => socket.end());
    stops.push(() => raw.close());
    const { failure } = await answer(open(NAME, raw.port));
    expect(failure?.kind).toBe('untrusted');
  });

  test('a server that never answers the handshake', async () => {
    const raw = await startRaw(() => undefined);
    stops.push(() => raw.close());
    expect((await answer(open(NAME, raw.port, { connectTimeout: 1000 }))).failure).toEqual({
      kind: 'untrusted',
      message: `https://${NAME}:${raw.port}: no connection within 1000 ms`,
    });
  });

  test('a server that only speaks HTTP/2', async () => {
    const secure = await start(good, { ALPNProtocols: ['h2'] });
    expect((await answer(open(NAME, secure.port))).failure?.kind).toBe('untrusted');
  });

  test('a server without a TLS that is still in use', async () => {
    const secure = await start(good, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' });
    expect((await answer(open(NAME, secure.port))).failure?.kind).toBe('untrusted');
  });
});

test('nobody listens: that a bare connection can find out', async () => {
  const raw = await startRaw(() => undefined);
  await raw.close();
  expect((await answer(open(NAME, raw.port))).failure?.kind).toBe('unreachable');
});

describe('a session is resumed', () => {
  const next = async (pool: Pool, { sockets }: Secure) => {
    await answer(pool);
    const socket = sockets.at(-1)!;
    const reused = socket.isSessionReused();
    socket.end();
    await until(() => pool.stats.idle === 0);
    return reused;
  };

  test.each(['TLSv1.2', 'TLSv1.3'])('by the next connection, %s', async (version) => {
    const secure = await start(good, { minVersion: version, maxVersion: version });
    const pool = open(NAME, secure.port);
    expect([await next(pool, secure), await next(pool, secure), await next(pool, secure)]).toEqual([false, true, true]);
  });

  test('as long as the certificate that it began with is believed, then it is looked at again', async () => {
    const wheel = new Wheel();
    wheel.close(); // the test moves its clock
    const secure = await start(good);
    const pool = open(NAME, secure.port, { wheel, connectionAge: 10_000 });
    const reused: boolean[] = [];
    for (let i = 0; i < 7; i++) {
      reused.push(await next(pool, secure));
      wheel.now += 4000;
    }
    expect(reused).toEqual([false, true, true, false, true, true, false]);
  });

  test('never by another pool', async () => {
    const secure = await start(good);
    expect([await next(open(NAME, secure.port), secure), await next(open(NAME, secure.port), secure)]).toEqual([
      false,
      false,
    ]);
  });
});

test('bodies pass in both directions, however large, and unread bytes after an answer end the connection', async () => {
  const secure = await start(good);
  secure.server.removeAllListeners('secureConnection');
  let received = Buffer.alloc(0);
  const body = Buffer.alloc(3_000_000, 'domicile');
  secure.server.on('secureConnection', (socket: TLSSocket) => {
    const chunks: Buffer[] = [];
    let length = 0;
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length < body.length || !Buffer.concat(chunks).subarray(-9).equals(Buffer.from('domicile!'))) return;
      received = Buffer.concat(chunks);
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`);
      socket.write(body);
      socket.write('X');
    });
  });
  const pool = open(NAME, secure.port);
  const told = await answer(pool, { method: 'PUT', body: Buffer.concat([body, Buffer.from('!')]) });
  expect(told.body.equals(body)).toBe(true);
  expect(received.subarray(received.indexOf('\r\n\r\n') + 4, -1).equals(body)).toBe(true);
  await until(() => pool.stats.idle === 0);
  const streamed = await ask(pool, { method: 'PUT', length: body.length + 1 }, new Uploading([body.toString(), '!']))
    .over;
  expect(streamed.body.equals(body)).toBe(true);
});

test('a request that is given up ends its connection, cut short', async () => {
  const secure = await start(good);
  const pool = open(NAME, secure.port);
  const told = ask(pool, { method: 'PUT', length: 10 }, new Told());
  await until(() => told.order.includes('writable'));
  told.call!.write(Buffer.from('hello'), 0, 5);
  await until(() => secure.received > 0);
  told.call!.abort();
  await until(() => secure.sockets[0]!.destroyed || secure.sockets[0]!.readableEnded);
  expect(pool.stats).toEqual({ active: 0, idle: 0, pending: 0 });
});

test('a request may be given up in the middle of what is told, and an answer may be malformed', async () => {
  const secure = await start(good);
  secure.server.removeAllListeners('secureConnection');
  let said = `HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n${'x'.repeat(300_000)}`;
  secure.server.on('secureConnection', (socket: TLSSocket) => {
    socket.on('data', () => socket.write(said));
    socket.on('error', () => undefined); // the other side gives up
  });
  const pool = open(NAME, secure.port);
  class Quitter extends Told {
    override data(bytes: Buffer, from: number, to: number): void {
      super.data(bytes, from, to);
      if (this.body.length > 100_000) this.call!.abort();
    }
  }
  const quitter = ask(pool, {}, new Quitter());
  await until(() => quitter.body.length > 100_000);
  expect(pool.stats).toEqual({ active: 0, idle: 0, pending: 0 });
  expect((await answer(pool)).body.length, 'the pool serves on').toBe(300_000);
  said = 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy';
  expect((await answer(pool)).failure?.kind).toBe('malformed');
  expect(quitter.order).toEqual(['head', 'data', 'flush']);
});
