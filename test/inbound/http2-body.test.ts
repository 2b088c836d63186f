import { once } from 'node:events';
import { connect, constants } from 'node:http2';
import { afterEach, expect, test } from 'vitest';
import {
  codeOf,
  data,
  END_HEADERS,
  END_STREAM,
  headers,
  POST,
  RawClient,
  reset,
  RST_STREAM,
  type Fields,
} from './http2-frames.ts';
import { answer, Host, type Taken } from './http2-host.ts';

const NO_ERROR = 0;
const PROTOCOL_ERROR = 1;
const INTERNAL_ERROR = 2;
const CANCEL = 8;
const WINDOW = 65_535;
const HIGH_WATER = 65_536;

let host: Host;
let client: RawClient;

afterEach(async () => {
  client?.close();
  await host.stop();
});

const receive = (taken: Taken) => taken.request.receive();
const leave = () => undefined;

async function begin(handle: (taken: Taken) => void, list: Fields = POST): Promise<Taken> {
  host = await Host.start(handle);
  client = await RawClient.open(host.port);
  client.send(headers(1, list, END_HEADERS));
  return host.request();
}

test('a body comes whole and in order, with its trailers', async () => {
  const taken = await begin(receive);
  client.send(
    data(1, 'hel'),
    data(1, 'lo'),
    headers(
      1,
      [
        ['x-a', '1'],
        ['x-a', '2'],
        ['x-b', '\xe9'],
      ],
      END_HEADERS | END_STREAM,
    ),
  );
  await taken.untilTold('end');
  expect(taken.body.toString()).toBe('hello');
  expect(taken.trailers).toEqual(['x-a', '1', 'x-a', '2', 'x-b', '\xe9']);
  expect(taken.told).toEqual(['data', 'end']);
  expect([taken.request.complete, taken.request.broken]).toEqual([true, false]);
});

test('nothing of a body is delivered before it is asked for, and no credit given for it', async () => {
  const taken = await begin(leave);
  client.send(data(1, Buffer.alloc(16_000)), data(1, Buffer.alloc(16_000)));
  await client.settled();
  expect(taken.told).toEqual([]);
  expect(client.creditOf(1)).toBe(0);
  taken.request.receive();
  await taken.until(() => taken.length === 32_000);
});

test('a body that is held back stops the client, and goes on where it stopped', async () => {
  const bytes = Buffer.from(Array.from({ length: 4 * 1024 * 1024 }, (_, i) => i % 251));
  host = await Host.start((taken) => taken.request.receive());
  const session = connect(host.url);
  const stream = session.request({ ':method': 'POST' });
  stream.on('error', () => undefined);
  stream.end(bytes);
  const taken = await host.request();
  await taken.until(() => taken.length >= 100_000);
  taken.request.pause();
  const held = taken.length;
  await settledBy(session);
  await settledBy(session);
  expect(taken.length).toBe(held);
  // Bytes that the client could hand over beyond what was delivered: what flow control and a buffer hold.
  const gone = bytes.length - stream.bufferSize;
  expect(gone - held).toBeLessThanOrEqual(WINDOW + HIGH_WATER + 65_536);
  taken.request.receive();
  await taken.untilTold('end');
  expect(taken.body.equals(bytes)).toBe(true);
  session.destroy();
});

/** Resolves when all that the session sent before has been taken in. */
const settledBy = (session: ReturnType<typeof connect>) =>
  new Promise<void>((resolve) => session.ping(() => resolve()));

test('a body that came with its head is there at once, as one buffer', async () => {
  let whole: Buffer | null = null;
  host = await Host.start((taken) => {
    whole = taken.request.whole();
    answer(taken.request, 200, 'ok');
  });
  client = await RawClient.open(host.port);
  client.send(headers(1, POST), data(1, 'hel'), data(1, 'lo', END_STREAM));
  const taken = await host.request();
  expect(String(whole)).toBe('hello');
  expect(taken.request.complete).toBe(true);
  await taken.untilTold('closed');
  expect(taken.told).toEqual(['closed']);
});

test.each([
  ['not ended', () => client.send(headers(1, POST), data(1, 'hello'))],
  [
    'not ended, though as long as announced',
    () => client.send(headers(1, [...POST, ['content-length', '5']]), data(1, 'hello')),
  ],
])('a body that has %s is not there as a whole', async (_, send) => {
  let whole: Buffer | null | undefined;
  host = await Host.start(({ request }) => (whole = request.whole()));
  client = await RawClient.open(host.port);
  send();
  const taken = await host.request();
  expect(whole).toBeNull();
  expect(taken.request.complete).toBe(false);
});

test('an empty body of unknown length is whole too', async () => {
  let whole: Buffer | null = null;
  host = await Host.start(({ request }) => (whole = request.whole()));
  client = await RawClient.open(host.port);
  client.send(headers(1, POST), data(1, '', END_STREAM));
  await host.request();
  expect(whole).toHaveLength(0);
});

test('an empty body of unknown length ends when it is asked for, and not before', async () => {
  const taken = await begin(leave);
  client.send(data(1, '', END_STREAM));
  await client.settled();
  expect(taken.told).toEqual([]);
  expect(taken.request.complete).toBe(false);
  taken.request.receive();
  expect(taken.told).toEqual([]); // never within the call
  await taken.untilTold('end');
  expect(taken.told).toEqual(['end']);
  expect(taken.request.complete).toBe(true);
});

const HEAD_METHOD: Fields = [[':method', 'HEAD'], ...POST.slice(1)];
const BREAKS: readonly (readonly [string, Fields, () => void])[] = [
  ['is cancelled', POST, () => client.send(reset(1, CANCEL))],
  ['is reset without an error', POST, () => client.send(reset(1, NO_ERROR))],
  ['belongs to a HEAD and is reset without an error', HEAD_METHOD, () => client.send(reset(1, NO_ERROR))],
  ['belongs to a HEAD and is cancelled', HEAD_METHOD, () => client.send(reset(1, CANCEL))],
  ['breaks off with its connection', POST, () => void client.socket.resetAndDestroy()],
  ['ends with the client’s side of its connection', POST, () => void client.socket.end()],
  ['ends shorter than announced', [...POST, ['content-length', '9']], () => client.send(data(1, 'x', END_STREAM))],
  ['is longer than announced', [...POST, ['content-length', '5']], () => client.send(data(1, 'x'))],
  ['has trailers that do not end it', POST, () => client.send(headers(1, [['x-a', '1']]))],
  [
    'has pseudo-headers in its trailers',
    POST,
    () => client.send(headers(1, [[':path', '/x']], END_HEADERS | END_STREAM)),
  ],
];

test.each(BREAKS)('a body that %s has failed, and never ends', async (_, list, breakOff) => {
  const taken = await begin(receive, list);
  client.send(data(1, 'hello'));
  await taken.until(() => taken.length === 5);
  breakOff();
  await taken.untilTold('closed');
  expect(taken.told).toEqual(['data', 'failed', 'closed']);
  expect([taken.request.complete, taken.request.broken, taken.request.over]).toEqual([false, true, true]);
});

test.each(BREAKS)('the same, while it is held back: %s', async (_, list, breakOff) => {
  const taken = await begin(receive, list);
  client.send(data(1, 'hello'));
  await taken.until(() => taken.length === 5);
  taken.request.pause();
  breakOff();
  if (taken.request.head.method === 'HEAD') await client.settled(); // node tells of it when it is read on
  taken.request.receive();
  await taken.untilTold('closed');
  expect(taken.told).not.toContain('end');
  expect(taken.told.slice(-2)).toEqual(['failed', 'closed']);
});

test('a body that breaks off before it is asked for has failed as well', async () => {
  const taken = await begin(leave);
  client.send(data(1, 'hello'), reset(1, CANCEL));
  await taken.untilTold('closed');
  expect(taken.told).toEqual(['failed', 'closed']);
});

test('why it failed: the framing, or the client', async () => {
  const taken = await begin(receive, [...POST, ['content-length', '9']]);
  client.send(data(1, 'short', END_STREAM));
  await taken.untilTold('failed');
  expect(taken.why).toBe('the body broke its framing');
  expect(codeOf(await client.next(RST_STREAM, 1))).toBe(PROTOCOL_ERROR);
  client.send(headers(3, POST), data(3, 'x'));
  const second = await host.request(1);
  client.send(reset(3, CANCEL));
  await second.untilTold('failed');
  expect(second.why).toBe('the client went away');
});

test('what was reset by the read that opened it never becomes a request', async () => {
  host = await Host.start(leave);
  client = await RawClient.open(host.port);
  client.send(headers(1, POST), reset(1, CANCEL), headers(3, POST), reset(3, NO_ERROR), headers(5, POST));
  await host.request();
  await client.settled();
  expect(host.taken).toHaveLength(1);
});

test('a client that goes after its body is whole is told of at once, and nothing is written to it any more', async () => {
  const taken = await begin(receive);
  client.send(data(1, 'hello', END_STREAM));
  await taken.untilTold('end');
  client.send(reset(1, CANCEL));
  await taken.untilTold('closed');
  expect(taken.told).toEqual(['data', 'end', 'closed']);
  answer(taken.request, 200, 'too late');
  taken.request.cut();
  await client.settled();
  expect(client.find(1, 1)).toBeUndefined();
  expect(taken.told).toEqual(['data', 'end', 'closed']);
});

test('100 Continue is said when it is asked for, once before an answer', async () => {
  host = await Host.start(leave);
  const session = connect(host.url);
  const stream = session.request({ ':method': 'PUT', expect: '100-continue' });
  const taken = await host.request();
  expect(taken.request.expects).toBe(true);
  taken.request.writeContinue();
  taken.request.receive();
  await once(stream, 'continue');
  stream.end('hello');
  await taken.untilTold('end');
  expect(taken.body.toString()).toBe('hello');
  answer(taken.request, 200, 'ok');
  const [fields] = await once(stream, 'response');
  expect(fields[':status']).toBe(200);
  taken.request.writeContinue(); // comes to nothing: an answer has begun
  stream.resume();
  await once(stream, 'close');
  expect(stream.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
  session.destroy();
});

test('an answer that overtakes its body is whole; the rest is dropped, and then the stream ends without an error', async () => {
  const taken = await begin(({ request }) => answer(request, 403, 'no'));
  await taken.untilTold('closed');
  await expect.poll(() => client.bodyOf(1).toString()).toBe('no');
  client.send(data(1, 'still'), data(1, 'here', END_STREAM));
  await client.settled();
  expect(taken.told).toEqual(['closed']);
  expect(client.find(RST_STREAM, 1)).toBeUndefined();
});

test('a rest without end is cut off, without an error since the answer is whole, and its connection goes on', async () => {
  host = await Host.start(({ request }) => answer(request, 403, 'no'), { idleTimeout: 400 });
  const session = connect(host.url);
  const stream = session.request({ ':method': 'PUT' });
  let sent = 0;
  const piece = Buffer.alloc(65_536);
  const write = () => {
    if (!stream.destroyed && !stream.closed) stream.write(piece, () => ((sent += piece.length), write()));
  };
  write();
  let body = '';
  stream.on('data', (chunk: Buffer) => (body += chunk.toString()));
  await once(stream, 'close');
  expect(body).toBe('no');
  expect(stream.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
  expect(sent).toBeGreaterThan(4 * 1024 * 1024 - piece.length);
  expect(sent).toBeLessThan(5 * 1024 * 1024);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const again = session.request({ ':path': '/' });
  const [fields] = await once(again, 'response');
  expect(fields[':status']).toBe(403);
  session.destroy();
});

test('a rest that does not come is cut off too, in its time', async () => {
  const taken = await begin(({ request }) => answer(request, 403, 'no'));
  await taken.untilTold('closed');
  const began = performance.now();
  expect(codeOf(await client.next(RST_STREAM, 1))).toBe(NO_ERROR);
  expect(performance.now() - began).toBeLessThan(4500);
});

test('a body is not wanted any more once the answer was cut off', async () => {
  const taken = await begin(receive);
  client.send(data(1, 'hello'));
  await taken.until(() => taken.length === 5);
  taken.request.cut();
  expect(taken.told).toEqual(['data']); // never within the call
  await taken.untilTold('closed');
  expect(taken.told).toEqual(['data', 'closed']);
  expect(codeOf(await client.next(RST_STREAM, 1))).toBe(INTERNAL_ERROR);
});
