import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Departure } from '../../src/outbound/call.ts';
import type { Pool } from '../../src/outbound/http1/pool.ts';
import { requestText } from '../../src/outbound/http1/request-text.ts';
import { CHUNKED } from '../../src/wire/framing.ts';
import { answer, ask, poolOf, Told, Uploading } from './ask.ts';
import { startRaw, until, type RawUpstream } from './upstream.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'SEARCH', 'M-SEARCH'];

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

/** What the upstream received of one request that ends with `last`; then it answers. */
async function sent(departure: Partial<Departure>, last: string, told = new Told()): Promise<string> {
  ask(pool, departure, told);
  const peer = await upstream.peer(1);
  await until(() => peer.received.endsWith(last));
  peer.send(OK);
  expect(await told.over).toMatchObject({ status: 200, failure: null });
  return peer.received;
}

describe('a request is framed by what its body is', () => {
  test.each(METHODS)('%s without a body', async (method) => {
    const length = ['POST', 'PUT', 'PATCH'].includes(method) ? 'content-length: 0\r\n' : '';
    expect(await sent({ method, target: '/a?b=c' }, '\r\n\r\n')).toBe(
      `${method} /a?b=c HTTP/1.1\r\nhost: upstream\r\n${length}\r\n`,
    );
  });

  test.each(METHODS)('%s with a whole body', async (method) => {
    expect(await sent({ method, body: Buffer.from('hello\r\n\r\n') }, 'hello\r\n\r\n')).toBe(
      `${method} / HTTP/1.1\r\nhost: upstream\r\ncontent-length: 9\r\n\r\nhello\r\n\r\n`,
    );
  });

  test.each(METHODS)('%s with a streamed body of known length', async (method) => {
    expect(await sent({ method, length: 5 }, 'hello', new Uploading(['he', '', 'llo']))).toBe(
      `${method} / HTTP/1.1\r\nhost: upstream\r\ncontent-length: 5\r\n\r\nhello`,
    );
  });

  test.each(METHODS)('%s with chunks and trailers', async (method) => {
    const told = new Uploading(['hello', '', 'x'.repeat(26)], ['x-sum', '1', 'y', '\xe9']);
    expect(await sent({ method, length: CHUNKED }, 'y: \xe9\r\n\r\n', told)).toBe(
      `${method} / HTTP/1.1\r\nhost: upstream\r\ntransfer-encoding: chunked\r\n\r\n` +
        `5\r\nhello\r\n1a\r\n${'x'.repeat(26)}\r\n0\r\nx-sum: 1\r\ny: \xe9\r\n\r\n`,
    );
  });

  test('chunks of nothing at all', async () => {
    expect(await sent({ method: 'DELETE', length: CHUNKED }, '0\r\n\r\n', new Uploading([]))).toBe(
      'DELETE / HTTP/1.1\r\nhost: upstream\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    );
  });

  test('a whole body of nothing', async () => {
    expect(await sent({ method: 'GET', body: Buffer.alloc(0) }, '\r\n\r\n')).toContain('content-length: 0\r\n');
  });

  test('a whole body that is larger than any buffer on the way', async () => {
    const body = Buffer.alloc(5_000_001, 'domicile');
    body.write('the end.', body.length - 8); // found nowhere else, so that it is waited for
    const received = await sent({ method: 'POST', body }, body.subarray(-8).toString());
    expect(received.length - received.indexOf('\r\n\r\n') - 4).toBe(body.length);
    expect(received.endsWith(body.toString('latin1'))).toBe(true);
  });

  test('a piece of a streamed body is any part of a buffer, of any size', async () => {
    const bytes = Buffer.alloc(300_000, 'domicile');
    const told = new (class extends Told {
      override writable(): void {
        super.writable();
        this.call!.write(bytes, 3, 10_003);
        this.call!.write(bytes, 10_003, 300_000);
        bytes.fill(0); // it is sent or copied within the call
        this.call!.end([]);
      }
    })();
    const received = await sent({ method: 'PUT', length: 299_997 }, 'domicile', told);
    expect(received.endsWith(Buffer.alloc(300_000, 'domicile').subarray(3).toString('latin1'))).toBe(true);
  });
});

describe('the head and what is written at once go out together', () => {
  test.each([5, CHUNKED])('length %d', async (length) => {
    upstream.respond = (peer) => peer.send(OK);
    await answer(pool);
    const peer = upstream.peers[0]!;
    const reads: string[] = [];
    peer.socket.on('data', (chunk: Buffer) => reads.push(chunk.toString('latin1')));
    const told = ask(pool, { method: 'PUT', length }, new Uploading(['hello']));
    await told.over;
    expect(reads[0]).toContain('hello');
  });
});

describe('a streamed body that is not as long as was said is never a whole request', () => {
  const rows: [name: string, length: number, pieces: string[], sent: RegExp][] = [
    ['too short', 5, ['hell'], /^$|\r\n\r\nhell$/],
    ['nothing at all', 5, [], /^$|\r\n\r\n$/],
    ['too long, at once', 5, ['hello!'], /^$|\r\n\r\n$/],
    ['too long, later', 5, ['hello', '!'], /^$|\r\n\r\nhello$/],
  ];
  test.each(rows)('%s', async (_, length, pieces, received) => {
    const told = await ask(pool, { method: 'PUT', length }, new Uploading(pieces)).over;
    expect(told.failure?.kind).toBe('reset');
    const peer = await (await upstream.peer(1)).gone();
    expect(peer).toMatchObject({ ended: false, error: 'ECONNRESET' });
    expect(peer.received).toMatch(received);
    expect(pool.stats).toEqual({ active: 0, idle: 0, pending: 0 });
  });

  test('chunks after the end', async () => {
    const told = ask(pool, { method: 'PUT', length: CHUNKED }, new Uploading(['x']));
    await (await upstream.peer(1)).until(/0\r\n\r\n$/);
    told.call!.write(Buffer.from('y'), 0, 1);
    expect((await told.over).failure?.kind).toBe('reset');
    expect(await (await upstream.peer(1)).gone()).toMatchObject({ ended: false, error: 'ECONNRESET' });
  });

  test.each([
    ['a line end in a value', ['x', 'y\r\nz: 1']],
    ['a line end once cut to a byte', ['x', 'y\u010a']],
    ['a length', ['content-length', '5']],
    ['no token', ['x y', '']],
  ])('a trailer that is malformed: %s', async (_, trailers) => {
    const told = await ask(pool, { method: 'PUT', length: CHUNKED }, new Uploading(['x'], trailers)).over;
    expect(told.failure).toEqual({ kind: 'reset', message: 'a trailer is malformed' });
    expect((await (await upstream.peer(1)).gone()).error).toBe('ECONNRESET');
  });
});

describe('an answer that comes while the body is still being sent', () => {
  test('is passed on; what is still written is dropped, and the connection ends', async () => {
    upstream.respond = (peer) => peer.send('HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno');
    const told = ask(pool, { method: 'PUT', length: 10 }, new Told());
    await told.over;
    expect(told).toMatchObject({ status: 413, failure: null, order: ['writable', 'head', 'data', 'end'] });
    expect(told.call!.write(Buffer.from('hello'), 0, 5)).toBe(true);
    expect(told.call!.write(Buffer.from('hello, more than was said'), 0, 20)).toBe(true);
    told.call!.end([]);
    expect(await upstream.peers[0]!.gone()).toMatchObject({ ended: false, error: 'ECONNRESET' });
    expect(pool.stats.idle).toBe(0);
  });

  test('to a whole body too, of which the rest is not sent', async () => {
    upstream.respond = (peer) => {
      peer.socket.pause();
      peer.send('HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n');
    };
    const told = await answer(pool, { method: 'PUT', body: Buffer.alloc(64 << 20) });
    expect(told).toMatchObject({ status: 413, failure: null });
    expect(pool.stats).toEqual({ active: 0, idle: 0, pending: 0 });
    upstream.peers[0]!.socket.resume();
    await upstream.peers[0]!.gone();
    expect(upstream.peers[0]!.received.length).toBeLessThan(64 << 20);
  });

  test('and whose body goes on leaves the request time to be sent', async () => {
    upstream.respond = (peer) => peer.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n');
    const told = ask(pool, { method: 'POST', length: CHUNKED }, new Told());
    await until(() => told.body.length === 1);
    const peer = upstream.peers[0]!;
    told.call!.write(Buffer.from('x'), 0, 1);
    await peer.until(/1\r\nx\r\n$/);
    peer.send('1\r\nb\r\n');
    await until(() => told.body.length === 2);
    told.call!.end([]);
    await peer.until(/0\r\n\r\n$/);
    peer.send('0\r\n\r\n');
    await told.over;
    expect(told.body.toString()).toBe('ab');
    expect(pool.stats.idle, 'both are whole: it serves the next').toBe(1);
  });
});

describe('a head that would be read as something else is our own mistake', () => {
  const departure: Departure = {
    method: 'GET',
    target: '/',
    headers: [],
    body: null,
    length: 0,
    headTimeout: 0,
    idleTimeout: 0,
    totalTimeout: 0,
  };

  test.each<[string, Partial<Departure>]>([
    ['CR LF in a value', { headers: ['x', 'y\r\nz: 1'] }],
    ['CR in a value', { headers: ['x', 'y\rz'] }],
    ['LF in a value', { headers: ['x', 'y\nz'] }],
    ['NUL in a value', { headers: ['x', 'y\0z'] }],
    ['U+010A in a value, whose low byte is LF', { headers: ['x', 'y\u010az: 1'] }],
    ['U+010D in a value, whose low byte is CR', { headers: ['x', 'y\u010d'] }],
    ['CR LF in a name', { headers: ['x: y\r\nz', '1'] }],
    ['a colon in a name', { headers: ['x:y', '1'] }],
    ['a space in a name', { headers: ['x ', '1'] }],
    ['a capital in a name', { headers: ['Content-Length', '1'] }],
    ['an empty name', { headers: ['', '1'] }],
    ['U+010A in a name', { headers: ['x\u010a', '1'] }],
    ['content-length', { headers: ['content-length', '5'] }],
    ['transfer-encoding', { headers: ['transfer-encoding', 'chunked'] }],
    ['connection', { headers: ['connection', 'close'] }],
    ['a space in the target', { target: '/a HTTP/1.1' }],
    ['CR LF in the target', { target: '/ HTTP/1.1\r\nx: y\r\n\r\n' }],
    ['NUL in the target', { target: '/\0' }],
    ['what is not ASCII in the target', { target: '/\xe9' }],
    ['U+0120 in the target, whose low byte is a space', { target: '/\u0120' }],
    ['an empty target', { target: '' }],
    ['a space in the method', { method: 'GET /x' }],
    ['CR LF in the method', { method: 'GET\r\n' }],
    ['small letters in the method', { method: 'get' }],
    ['an empty method', { method: '' }],
    ['CONNECT', { method: 'CONNECT' }],
  ])('%s', (_, part) => {
    expect(() => requestText({ ...departure, ...part })).toThrow(TypeError);
    expect(() => ask(pool, part, new Told())).toThrow(TypeError);
    expect(pool.stats).toEqual({ active: 0, idle: 0, pending: 0 });
  });

  test('also when the same name was good before', () => {
    expect(requestText({ ...departure, headers: ['x-good', 'y'] })).toContain('x-good: y\r\n');
    expect(() => requestText({ ...departure, headers: ['x-good', 'y\n'] })).toThrow(TypeError);
  });

  test('latin1 and tabs are sent as they are', () => {
    expect(requestText({ ...departure, headers: ['x', 'a\t\xe9\xff'] })).toBe(
      'GET / HTTP/1.1\r\nx: a\t\xe9\xff\r\n\r\n',
    );
  });
});
