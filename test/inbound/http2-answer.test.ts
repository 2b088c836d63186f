import { once } from 'node:events';
import {
  connect,
  constants,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
} from 'node:http2';
import { afterEach, expect, test } from 'vitest';
import { CHUNKED, UNTIL_CLOSE } from '../../src/wire/framing.ts';
import {
  codeOf,
  GET,
  headers,
  number32,
  END_HEADERS,
  END_STREAM,
  frame,
  RawClient,
  RST_STREAM,
  SETTINGS,
} from './http2-frames.ts';
import { answer, Host, type Taken } from './http2-host.ts';

let host: Host;
let session: ClientHttp2Session | undefined;
let raw: RawClient | undefined;

afterEach(async () => {
  session?.destroy();
  raw?.close();
  await host.stop();
});

interface Answer {
  readonly fields: IncomingHttpHeaders;
  readonly flat: readonly string[];
  readonly body: Buffer;
  readonly trailers: IncomingHttpHeaders;
  readonly code: number | undefined;
}

/** The whole answer, however it ends. */
async function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  let fields: IncomingHttpHeaders = {};
  let flat: readonly string[] = [];
  let trailers: IncomingHttpHeaders = {};
  const chunks: Buffer[] = [];
  stream.on('response', (received, _flags, raw?: string[]) => ((fields = received), (flat = raw ?? [])));
  stream.on('trailers', (received) => (trailers = received));
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('error', () => undefined); // told by the code
  await once(stream, 'close').catch(() => undefined);
  return { fields, flat, body: Buffer.concat(chunks), trailers, code: stream.rstCode };
}

async function ask(handle: (taken: Taken) => void, more: IncomingHttpHeaders = {}): Promise<Answer> {
  host = await Host.start(handle);
  session = connect(host.url);
  return answerOf(session.request({ ':path': '/', ...more }));
}

const write = ({ request }: Taken, text: string) => {
  const bytes = Buffer.from(text, 'latin1');
  return request.write(bytes, 0, bytes.length);
};

test('an answer of a known length', async () => {
  const { fields, body, code } = await ask(({ request }) => answer(request, 201, 'hello', ['etag', '"1"']));
  expect(fields).toMatchObject({ ':status': 201, 'content-length': '5', etag: '"1"' });
  expect(body.toString()).toBe('hello');
  expect(code).toBe(constants.NGHTTP2_NO_ERROR);
  expect(host.taken[0]?.told).toEqual(['closed']);
  expect([host.taken[0]?.request.answered, host.taken[0]?.request.over]).toEqual([true, true]);
});

test.each([CHUNKED, UNTIL_CLOSE])('an answer whose length is not told (%d)', async (length) => {
  const { fields, body, code } = await ask((taken) => {
    taken.request.writeHead(200, 'OK', [], length);
    write(taken, 'hel');
    taken.request.flush();
    setImmediate(() => {
      write(taken, 'lo');
      taken.request.end([]);
    });
  });
  expect(fields['content-length']).toBeUndefined();
  expect(body.toString()).toBe('hello');
  expect(code).toBe(constants.NGHTTP2_NO_ERROR);
});

test('part of a buffer is written as it is at that moment', async () => {
  const { body } = await ask(({ request }) => {
    const bytes = Buffer.from('..hello..');
    request.writeHead(200, '', [], CHUNKED);
    request.write(bytes, 2, 7);
    bytes.fill('x');
    request.write(bytes, 3, 3);
    request.end([]);
  });
  expect(body.toString()).toBe('hello');
});

test('fields keep their order and repeats, values are latin1 byte for byte, and a date is added', async () => {
  const sent = ['x-a', '1', 'set-cookie', 'a', 'x-name', 'caf\xe9 \xff', 'set-cookie', 'b', 'etag', '1', 'etag', '2'];
  const { flat } = await ask(({ request }) => answer(request, 200, '', sent));
  const cookies = ['set-cookie', 'a', 'set-cookie', 'b'];
  const rest = ['x-name', 'caf\xe9 \xff', 'etag', '1', 'etag', '2', 'date'];
  expect(flat.slice(0, -1)).toEqual([':status', '200', 'content-length', '0', 'x-a', '1', ...cookies, ...rest]);
  expect(flat.at(-1)).toMatch(/GMT$/);
});

test('the upstream’s own date stays the only one', async () => {
  const date = 'Sun, 06 Nov 1994 08:49:37 GMT';
  const { fields } = await ask(({ request }) => answer(request, 200, '', ['date', date]));
  expect(fields.date).toBe(date);
});

test('fields named as what an object inherits are fields like others', async () => {
  const sent = ['constructor', 'a', '__proto__', 'b', 'hasownproperty', 'c', 'constructor', 'd'];
  const { flat } = await ask(({ request }) => answer(request, 200, '', sent));
  expect(flat.slice(4, -2)).toEqual(['constructor', 'a', 'constructor', 'd', '__proto__', 'b', 'hasownproperty', 'c']);
});

test('fields of a connection stay behind', async () => {
  const names = [
    'connection',
    'keep-alive',
    'proxy-connection',
    'transfer-encoding',
    'upgrade',
    'te',
    'http2-settings',
  ];
  const { flat } = await ask(({ request }) =>
    answer(
      request,
      200,
      '',
      names.flatMap((name) => [name, 'x']),
    ),
  );
  expect(flat.slice(4, -2)).toEqual([]);
});

test('the head of an answer may be larger than a client’s', async () => {
  const sent = Array.from({ length: 5 }, (_, i) => [`x-big-${i}`, 'x'.repeat(20_000)]).flat();
  host = await Host.start(({ request }) => answer(request, 200, 'ok', sent));
  session = connect(host.url, { settings: { maxHeaderListSize: 1_000_000 } });
  await once(session, 'localSettings');
  const { flat, body } = await answerOf(session.request({ ':path': '/' }));
  expect(flat.slice(4, -2)).toEqual(sent);
  expect(body.toString()).toBe('ok');
});

test.each([
  ['HEAD', 200],
  ['GET', 204],
  ['GET', 205],
  ['GET', 304],
])('%s %d has no body, whatever is written, and the length stays as stated', async (method, status) => {
  const { fields, body, code } = await ask(
    (taken) => {
      const stated = status === 204 || status === 205 ? [] : ['content-length', '1000'];
      taken.request.writeHead(status, '', stated, stated.length === 0 ? CHUNKED : 1000);
      expect(write(taken, 'not for you')).toBe(true);
      taken.request.end([]);
    },
    { ':method': method },
  );
  expect(fields[':status']).toBe(status);
  if (status === 200 || status === 304) expect(fields['content-length']).toBe('1000');
  expect(body).toHaveLength(0);
  expect(code).toBe(constants.NGHTTP2_NO_ERROR);
  expect(host.taken[0]?.told).toEqual(['closed']);
});

test('informational answers go before the answer, with their fields, and none goes after it', async () => {
  host = await Host.start(({ request }) => {
    request.writeInformation(103, ['link', '</a>', 'link', '</b>', 'connection', 'x', '__proto__', 'p']);
    request.writeInformation(102, []);
    answer(request, 200, 'ok');
    request.writeInformation(103, ['link', '</late>']);
    request.writeContinue();
  });
  session = connect(host.url);
  const stream = session.request({ ':path': '/' });
  const seen: string[][] = [];
  stream.on('headers', (_fields, _flags, raw?: string[]) => seen.push(raw ?? []));
  expect((await answerOf(stream)).body.toString()).toBe('ok');
  expect(seen).toEqual([
    [':status', '103', 'link', '</a>', 'link', '</b>', '__proto__', 'p'],
    [':status', '102'],
  ]);
});

test('trailers follow a body whose length is not told', async () => {
  const { body, trailers, code } = await ask((taken) => {
    taken.request.writeHead(200, '', [], CHUNKED);
    write(taken, 'hello');
    taken.request.end(['x-amz-checksum-crc32', 'AAAAAA==', '__proto__', '\xe9']);
  });
  expect(body.toString()).toBe('hello');
  expect(Object.entries(trailers)).toEqual([
    ['x-amz-checksum-crc32', 'AAAAAA=='],
    ['__proto__', '\xe9'],
  ]);
  expect(code).toBe(constants.NGHTTP2_NO_ERROR);
});

test('trailers may follow no body at all', async () => {
  const { body, trailers } = await ask(({ request }) => {
    request.writeHead(200, '', [], CHUNKED);
    request.end(['x-a', '1']);
  });
  expect(body).toHaveLength(0);
  expect(trailers['x-a']).toBe('1');
});

test.each([
  ['is cut off', (taken: Taken) => taken.request.cut()],
  ['ends short of its length', (taken: Taken) => taken.request.end([])],
  ['goes beyond its length', (taken: Taken) => void write(taken, ' world')],
])('an answer that %s does not look whole', async (_, spoil) => {
  const { fields, code } = await ask((taken) => {
    taken.request.writeHead(200, '', ['content-length', '9'], 9);
    write(taken, 'hello');
    setTimeout(() => {
      spoil(taken);
      taken.request.end([]); // comes to nothing any more
    }, 20);
  });
  expect(fields[':status']).toBe(200);
  expect(code).toBe(constants.NGHTTP2_INTERNAL_ERROR);
  expect(host.taken[0]?.told).toEqual(['closed']);
});

// Where a stream goes before its reset does, node:http2 frames nothing for it again and again, until the process has no memory left.
test('answers are cut off in the middle of writing, many at once, and their connections go on', async () => {
  const piece = Buffer.alloc(20_000);
  let n = 0;
  host = await Host.start((taken) => {
    taken.bodyEnd = () => {
      taken.request.writeHead(200, '', [], CHUNKED);
      taken.request.write(piece, 0, piece.length);
      taken.request.write(piece, 0, piece.length);
      if (n++ % 2 === 0) taken.request.cut();
      else taken.request.end([]);
    };
    taken.request.receive();
  });
  session = connect(host.url);
  const codes: (number | undefined)[] = [];
  const ask = async () => {
    while (codes.length < 600) {
      const stream = session!.request({ ':method': 'POST' });
      stream.end(Buffer.alloc(80_000));
      codes.push((await answerOf(stream)).code);
    }
  };
  await Promise.all(Array.from({ length: 30 }, ask));
  const whole = codes.filter((code) => code === constants.NGHTTP2_NO_ERROR);
  expect(codes.filter((code) => code === constants.NGHTTP2_INTERNAL_ERROR)).toHaveLength(codes.length - whole.length);
  expect(Math.abs(2 * whole.length - codes.length)).toBeLessThanOrEqual(1);
});

test('an answer without a length that is cut off does not look whole either', async () => {
  const { body, code } = await ask((taken) => {
    taken.request.writeHead(200, '', [], CHUNKED);
    write(taken, 'hello');
    setTimeout(() => taken.request.cut(), 20);
  });
  expect(body.toString()).toBe('hello');
  expect(code).toBe(constants.NGHTTP2_INTERNAL_ERROR);
});

test.each([
  ['before its head', (taken: Taken) => taken.request.cut()],
  ['ended without a head', (taken: Taken) => taken.request.end([])],
  ['for a status that HTTP/2 has not', (taken: Taken) => taken.request.writeHead(600, '', [], 0)],
])('an answer that is cut off %s resets the stream', async (_, spoil) => {
  const { fields, code } = await ask(spoil);
  expect(fields).toEqual({});
  expect(code).toBe(constants.NGHTTP2_INTERNAL_ERROR);
  expect(host.taken[0]?.told).toEqual(['closed']);
});

test('a second head is a mistake of ours, and says so', async () => {
  let error: unknown;
  await ask(({ request }) => {
    request.writeHead(200, '', [], CHUNKED);
    try {
      request.writeHead(200, '', [], CHUNKED);
    } catch (caught) {
      error = caught;
    }
    request.end([]);
  });
  expect(error).toBeInstanceOf(TypeError);
});

test('a client that does not read holds the writer back, and lets it go on when it reads', async () => {
  const piece = Buffer.alloc(16_384, 'x');
  const total = 200 * piece.length;
  host = await Host.start(({ request }) => request.writeHead(200, '', [], CHUNKED));
  session = connect(host.url);
  const stream = session.request({ ':path': '/' });
  stream.pause();
  const taken = await host.request();
  const { request } = taken;
  let written = 0;
  const fill = () => {
    for (let goes = true; goes && written < total; written += piece.length)
      goes = request.write(piece, 0, piece.length);
    return written === total;
  };
  fill();
  expect(written).toBeLessThanOrEqual(65_536 + piece.length);
  let received = 0;
  stream.on('data', (chunk: Buffer) => (received += chunk.length)).resume();
  for (let whole = false; !whole; whole = fill()) {
    const seen = taken.told.length;
    await taken.until(() => taken.told.length > seen);
    expect(taken.told.at(-1)).toBe('drained');
  }
  request.end([]);
  await once(stream, 'close');
  expect(received).toBe(total);
  expect(taken.told.at(-1)).toBe('closed');
  expect(taken.told.filter((what) => what === 'closed')).toHaveLength(1);
});

test('head and body of a small answer go out together', async () => {
  host = await Host.start(({ request }) => answer(request, 200, 'hello'));
  raw = await RawClient.open(host.port);
  await raw.next(SETTINGS);
  await raw.settled();
  const chunks: Buffer[] = [];
  raw.socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  raw.send(headers(1, GET, END_HEADERS | END_STREAM));
  await raw.next(0, 1);
  expect(chunks).toHaveLength(1);
});

test('a client that goes in the middle of an answer is told of at once', async () => {
  host = await Host.start((taken) => {
    taken.request.writeHead(200, '', [], CHUNKED);
    write(taken, 'hello');
  });
  session = connect(host.url);
  const stream = session.request({ ':path': '/' });
  await once(stream, 'data');
  stream.close(constants.NGHTTP2_CANCEL);
  const taken = await host.request();
  await taken.untilTold('closed');
  expect(taken.told).toEqual(['closed']);
  expect(write(taken, 'more')).toBe(false);
  taken.request.end([]);
  expect(taken.told).toEqual(['closed']);
});

test('an answer that the client’s window holds up can still be cut off, with an error', async () => {
  host = await Host.start((taken) => {
    taken.request.writeHead(200, '', [], CHUNKED);
    write(taken, 'hello');
  });
  raw = await RawClient.open(host.port);
  raw.send(frame(SETTINGS, 0, 0, Buffer.concat([Buffer.from([0, 4]), number32(0)])));
  raw.send(headers(1, GET, END_HEADERS | END_STREAM));
  const taken = await host.request();
  await raw.next(1, 1);
  taken.request.cut();
  expect(codeOf(await raw.next(RST_STREAM, 1))).toBe(constants.NGHTTP2_INTERNAL_ERROR);
  expect(raw.bodyOf(1)).toHaveLength(0);
});
