import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Pool } from '../../src/outbound/http1/pool.ts';
import { CHUNKED, UNTIL_CLOSE } from '../../src/wire/framing.ts';
import { answer, poolOf, type Told } from './ask.ts';
import { startRaw, until, type RawUpstream } from './upstream.ts';

interface Expected {
  readonly status?: number;
  readonly length?: number;
  readonly body?: string;
  readonly trailers?: readonly string[];
  readonly information?: readonly number[];
  /** The connection serves the next request. Default: it does. */
  readonly kept?: boolean;
  readonly failed?: 'malformed' | 'reset';
}

/** What the upstream says to one request. `ends`: and then it closes. */
type Row = readonly [name: string, text: string, expected: Expected, method?: string, ends?: 'ends'];

const OK = 'HTTP/1.1 200 OK\r\n';
const whole = (lines: string, body: string) => `${OK}${lines}Content-Length: ${body.length}\r\n\r\n${body}`;
const chunked = (chunks: string, lines = '') => `${OK}${lines}Transfer-Encoding: chunked\r\n\r\n${chunks}`;
const malformed: Expected = { failed: 'malformed' };

const ROWS: readonly Row[] = [
  ['a length', whole('', 'hello'), { length: 5, body: 'hello' }],
  ['a length of nothing', whole('', ''), { length: 0 }],
  ['a length, zeros in front', `${OK}Content-Length: 005\r\n\r\nhello`, { length: 5, body: 'hello' }],
  ['a body that is an answer', whole('', whole('', 'x')), { body: whole('', 'x') }],
  ['no reason phrase', 'HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n', {}],
  ['a status that nobody knows', 'HTTP/1.1 299 Fine\r\nContent-Length: 0\r\n\r\n', { status: 299 }],
  ['chunks', chunked('5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n'), { length: CHUNKED, body: 'hello world' }],
  ['no chunks', chunked('0\r\n\r\n'), { length: CHUNKED }],
  ['Chunked', `${OK}transfer-encoding: Chunked\r\n\r\n0\r\n\r\n`, { length: CHUNKED }],
  ['trailers', chunked('1\r\nx\r\n0\r\nX-Sum: 1\r\nY:\r\n\r\n'), { body: 'x', trailers: ['x-sum', '1', 'y', ''] }],
  ['a chunk with an extension', chunked('1;a=b\r\nx\r\n0\r\n\r\n'), { body: 'x' }],
  ['no length', `${OK}\r\nhello`, { length: UNTIL_CLOSE, body: 'hello', kept: false }, 'GET', 'ends'],
  ['no length and no body', `${OK}\r\n`, { length: UNTIL_CLOSE, kept: false }, 'GET', 'ends'],
  ['HEAD', `${OK}Content-Length: 5\r\n\r\n`, { length: 0 }, 'HEAD'],
  ['HEAD without a length', `${OK}\r\n`, { length: 0 }, 'HEAD'],
  ['HEAD of chunks', `${OK}Transfer-Encoding: chunked\r\n\r\n`, { length: 0 }, 'HEAD'],
  ['204', 'HTTP/1.1 204 No Content\r\n\r\n', { status: 204, length: 0 }],
  ['204 with a length of nothing', 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n', { status: 204, length: 0 }],
  ['304 with a length', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n', { status: 304, length: 0 }],
  ['100 first', `HTTP/1.1 100 Continue\r\n\r\n${whole('', 'x')}`, { body: 'x', information: [] }],
  [
    '103 twice',
    `HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: b\r\n\r\n${whole('', 'x')}`,
    { body: 'x', information: [103, 103] },
  ],
  ['102 sixteen times', `${'HTTP/1.1 102 P\r\n\r\n'.repeat(16)}${whole('', '')}`, { information: Array(16).fill(102) }],

  ['Connection: close', whole('Connection: close\r\n', 'x'), { body: 'x', kept: false }],
  ['close in a list', whole('Connection: x, Close\r\n', 'x'), { body: 'x', kept: false }],
  ['close and keep-alive', whole('Connection: close\r\nConnection: keep-alive\r\n', 'x'), { body: 'x', kept: false }],
  ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx', { body: 'x', kept: false }],
  ['HTTP/1.0 that stays', 'HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\nx', { body: 'x' }],
  [
    'HTTP/1.0 without a length',
    'HTTP/1.0 200 OK\r\n\r\nx',
    { body: 'x', length: UNTIL_CLOSE, kept: false },
    'GET',
    'ends',
  ],
  ['a hint of one second', whole('Keep-Alive: timeout=1\r\n', 'x'), { body: 'x', kept: false }],
  ['a hint of a minute', whole('Keep-Alive: max=9, timeout=60\r\n', 'x'), { body: 'x' }],

  ['bytes after a length', `${whole('', 'hello')}X`, { body: 'hello', kept: false }],
  ['a second answer', whole('', 'hello') + whole('', 'evil'), { body: 'hello', kept: false }],
  ['bytes after the last chunk', chunked('0\r\n\r\nX'), { kept: false }],
  ['a body after HEAD', `${OK}Content-Length: 5\r\n\r\nhello`, { length: 0, kept: false }, 'HEAD'],
  ['a body after 304', 'HTTP/1.1 304 N\r\nContent-Length: 5\r\n\r\nhello', { status: 304, length: 0, kept: false }],

  ['two lengths', `${OK}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`, malformed],
  ['two equal lengths', `${OK}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`, malformed],
  ['a list of lengths', `${OK}Content-Length: 5, 5\r\n\r\nhello`, malformed],
  ['no number', `${OK}Content-Length: five\r\n\r\nhello`, malformed],
  ['a sign', `${OK}Content-Length: +5\r\n\r\nhello`, malformed],
  ['a negative length', `${OK}Content-Length: -5\r\n\r\nhello`, malformed],
  ['a hexadecimal length', `${OK}Content-Length: 0x5\r\n\r\nhello`, malformed],
  ['an empty length', `${OK}Content-Length:\r\n\r\nhello`, malformed],
  ['a length of sixteen digits', `${OK}Content-Length: 0000000000000005\r\n\r\nhello`, malformed],
  ['a length and chunks', chunked('5\r\nhello\r\n0\r\n\r\n', 'Content-Length: 5\r\n'), malformed],
  ['chunks and a length', `${OK}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`, malformed],
  ['another coding', `${OK}Transfer-Encoding: gzip\r\n\r\nhello`, malformed],
  ['two codings', `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, malformed],
  ['chunked twice', `${OK}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`, malformed],
  ['chunked in two fields', chunked('0\r\n\r\n', 'Transfer-Encoding: chunked\r\n'), malformed],
  ['identity', `${OK}Transfer-Encoding: identity\r\n\r\nhello`, malformed],
  ['nearly chunked', `${OK}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, malformed],
  ['an empty coding', `${OK}Transfer-Encoding:\r\n\r\nhello`, malformed],
  ['chunks of HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', malformed],
  ['204 with a length', 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n', malformed],
  ['204 of chunks', 'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n', malformed],
  ['103 with a length', `HTTP/1.1 103 E\r\nContent-Length: 5\r\n\r\n${whole('', '')}`, malformed],
  ['101', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n', malformed],
  ['102 without an end', 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(17) + whole('', ''), malformed],
  ['RTSP', 'RTSP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n', malformed],
  ['ICE', 'ICE/1.0 200 OK\r\nContent-Length: 0\r\n\r\n', malformed],
  ['HTTP/2.0', 'HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n', malformed],
  ['HTTP/0.9', 'HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n', malformed],
  ['HTTP/1.2', 'HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n', malformed],
  ['no HTTP at all', 'SSH-2.0-OpenSSH_9.2\r\n\r\n', malformed],
  ['a request', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', malformed],
  ['an empty line first', `\r\n${whole('', '')}`, malformed],
  ['two digits of status', 'HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n', malformed],
  ['four digits of status', 'HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n', malformed],
  ['a status below 100', 'HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n', malformed],
  ['two spaces', 'HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n', malformed],
  ['a bare CR in the phrase', 'HTTP/1.1 200 O\rX: y\r\nContent-Length: 0\r\n\r\n', malformed],
  ['a status line that ends in LF', 'HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n', malformed],
  ['a field that ends in LF', `${OK}X: y\nContent-Length: 0\r\n\r\n`, malformed],
  ['a head that ends in LF', `${OK}Content-Length: 0\r\n\n`, malformed],
  ['a bare CR in a value', `${OK}X: y\rz\r\nContent-Length: 0\r\n\r\n`, malformed],
  ['a NUL in a value', `${OK}X: y\0z\r\nContent-Length: 0\r\n\r\n`, malformed],
  ['a control character in a value', `${OK}X: y\x01z\r\nContent-Length: 0\r\n\r\n`, malformed],
  ['a folded value', `${OK}X: y\r\n z\r\nContent-Length: 0\r\n\r\n`, malformed],
  ['a folded length', `${OK}Content-Length:\r\n 5\r\n\r\nhello`, malformed],
  ['a space before the colon', `${OK}Content-Length : 0\r\n\r\n`, malformed],
  ['a space before the name', `${OK} X: y\r\nContent-Length: 0\r\n\r\n`, malformed],
  ['a field without a colon', `${OK}X\r\nContent-Length: 0\r\n\r\n`, malformed],
  ['a field without a name', `${OK}: y\r\nContent-Length: 0\r\n\r\n`, malformed],
  ['257 fields', `${OK}${'X: y\r\n'.repeat(257)}\r\n`, malformed],
  ['a chunk size that is none', chunked('x\r\nhello\r\n'), malformed],
  ['an empty chunk size', chunked('\r\n\r\n'), malformed],
  ['a chunk size with a sign', chunked('+5\r\nhello\r\n0\r\n\r\n'), malformed],
  ['a chunk size in other notation', chunked('0x5\r\nhello\r\n0\r\n\r\n'), malformed],
  ['a chunk size that overflows', chunked('10000000000000005\r\nhello\r\n0\r\n\r\n'), malformed],
  ['a chunk longer than its size', chunked('4\r\nhello\r\n0\r\n\r\n'), malformed],
  ['a chunk that ends in LF', chunked('5\r\nhello\n0\r\n\r\n'), malformed],
  ['a chunk size that ends in LF', chunked('5\nhello\r\n0\r\n\r\n'), malformed],
  ['a trailer that frames', chunked('0\r\nContent-Length: 5\r\n\r\n'), malformed],
  ['a folded trailer', chunked('0\r\nX: y\r\n z\r\n\r\n'), malformed],

  ['an end within the head', `${OK}Content-Le`, { failed: 'reset' }, 'GET', 'ends'],
  ['an end before any byte', '', { failed: 'reset' }, 'GET', 'ends'],
  ['an end after 103', 'HTTP/1.1 103 E\r\n\r\n', { failed: 'reset' }, 'GET', 'ends'],
  ['an end within a length', `${OK}Content-Length: 6\r\n\r\nhello`, { failed: 'reset' }, 'GET', 'ends'],
  ['an end within a chunk', chunked('6\r\nhello'), { failed: 'reset' }, 'GET', 'ends'],
  ['an end before the last chunk', chunked('5\r\nhello\r\n'), { failed: 'reset' }, 'GET', 'ends'],
  ['an end within the trailers', chunked('0\r\nX: y\r\n'), { failed: 'reset' }, 'GET', 'ends'],
];

let upstream: RawUpstream;
let pool: Pool;

beforeAll(async () => {
  upstream = await startRaw(() => undefined);
});

afterEach(async () => {
  await pool.close();
});

afterAll(async () => {
  await upstream.close();
});

function check(told: Told, { failed, ...expected }: Expected): void {
  if (failed !== undefined) {
    expect(told.failure).toEqual({ kind: failed, message: expect.stringContaining(upstream.origin) });
    expect(told.order).not.toContain('end');
    return;
  }
  expect(told.failure).toBeNull();
  expect(told.status).toBe(expected.status ?? 200);
  if (expected.length !== undefined) expect(told.length).toBe(expected.length);
  expect(told.body.toString('latin1')).toBe(expected.body ?? '');
  expect(told.trailers).toEqual(expected.trailers ?? []);
  expect(told.hints.map(([status]) => status)).toEqual(expected.information ?? []);
}

describe('an answer in one piece', () => {
  test.each(ROWS.map((row) => [row[0], row] as const))('%s', async (_, [, text, expected, method = 'GET', ends]) => {
    pool = poolOf(upstream.origin);
    upstream.respond = (peer) => {
      peer.send(text);
      if (ends === 'ends') peer.socket.end();
    };
    const told = await answer(pool, { method });
    check(told, expected);
    const kept = expected.failed === undefined && (expected.kept ?? true);
    expect(pool.stats, 'whether the connection is kept').toEqual({ active: 0, idle: kept ? 1 : 0, pending: 0 });
  });
});

/** Enough for the other side to read what was written before. */
const rounds = async () => {
  for (let i = 0; i < 2; i++) await new Promise((resolve) => setImmediate(resolve));
};

const BATCH = 32;

describe('an answer in two pieces, wherever it is cut', () => {
  test.each(ROWS.map((row) => [row[0], row] as const))('%s', async (_, [, text, expected, method = 'GET', ends]) => {
    pool = poolOf(upstream.origin);
    upstream.respond = (peer, head) => {
      void (async () => {
        const cut = Number(/ \/(\d+) /.exec(head)![1]);
        peer.send(text.slice(0, cut));
        await rounds();
        if (!peer.closed) peer.send(text.slice(cut));
        if (ends === 'ends') peer.socket.end();
      })();
    };
    for (let first = 1; first < Math.min(text.length, 200); first += BATCH) {
      const cuts = Array.from({ length: Math.min(BATCH, text.length - first) }, (_, i) => first + i);
      const answers = await Promise.all(cuts.map((cut) => answer(pool, { method, target: `/${cut}` })));
      for (const told of answers) check(told, expected);
      await rounds(); // what came too late to be seen with its answer has now ended its connection
    }
  });
});

test('an answer byte by byte is the same answer', async () => {
  pool = poolOf(upstream.origin);
  const text = `HTTP/1.1 103 E\r\nLink: a\r\n\r\n${chunked('5\r\nhello\r\n0\r\nX: y\r\n\r\n', 'Y: z\r\n')}`;
  upstream.respond = (peer) => {
    void (async () => {
      for (const byte of text) {
        peer.send(byte);
        await rounds();
      }
    })();
  };
  const told = await answer(pool);
  check(told, { information: [103], body: 'hello', trailers: ['x', 'y'] });
  expect(told.headers).toEqual(['y', 'z', 'transfer-encoding', 'chunked']);
  expect(told.hints).toEqual([[103, ['link', 'a']]]);
});

test('names come in lower case, values as they are, fields that come twice come twice', async () => {
  pool = poolOf(upstream.origin);
  upstream.respond = (peer) =>
    peer.send(`HTTP/1.1 201 Voil\xe0\r\nSet-Cookie: a\r\nset-COOKIE: \t B \xe9 \r\nContent-Length: 0\r\n\r\n`);
  const told = await answer(pool);
  expect(told).toMatchObject({ status: 201, phrase: 'Voil\xe0' });
  expect(told.headers).toEqual(['set-cookie', 'a', 'set-cookie', 'B \xe9', 'content-length', '0']);
});

test('a head of 64 KiB is read, one byte more is malformed', async () => {
  pool = poolOf(upstream.origin);
  const rest = `${OK}Content-Length: 0\r\nX: \r\n\r\n`.length;
  const head = (size: number) => `${OK}Content-Length: 0\r\nX: ${'v'.repeat(size - rest)}\r\n\r\n`;
  upstream.respond = (peer) => peer.send(head(65_536));
  expect(await answer(pool)).toMatchObject({ status: 200, failure: null });
  upstream.respond = (peer) => peer.send(head(65_537));
  expect((await answer(pool)).failure?.kind).toBe('malformed');
});

test('a head without an end is not held for ever: it has the time of a head, however it drips', async () => {
  pool = poolOf(upstream.origin);
  upstream.respond = (peer) => {
    peer.send(OK);
    const drip = setInterval(() => peer.send('X: y\r\n'), 20);
    peer.socket.once('close', () => clearInterval(drip));
  };
  const told = await answer(pool, { headTimeout: 300 });
  expect(told.failure).toEqual({ kind: 'timeout', message: `${upstream.origin}: no answer within 300 ms` });
  await until(() => upstream.peers.at(-1)!.closed);
});

test('an end is whole and a break is not, of an answer that lasts until the end', async () => {
  pool = poolOf(upstream.origin);
  upstream.respond = (peer) => {
    peer.send(`${OK}\r\nhello`);
    setImmediate(() => setImmediate(() => peer.socket.resetAndDestroy()));
  };
  const told = await answer(pool);
  expect(told.failure?.kind).toBe('reset');
  expect(told.order).not.toContain('end');
});
