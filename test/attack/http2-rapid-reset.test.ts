// CVE-2023-44487: a stream that is reset as soon as it is opened costs its client a few bytes and frees its place at once, so that
// the bound on concurrent streams bounds nothing. Each would have become a request to an upstream, and a connection to it cut off.
// CVE-2025-8671 has the server reset them instead, by frames that are wrong.
import { connect, constants } from 'node:http2';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  codeOf,
  data,
  END_HEADERS,
  END_STREAM,
  frame,
  GET,
  GOAWAY,
  headers,
  number32,
  POST,
  PRIORITY,
  RawClient,
  reset,
  WINDOW_UPDATE,
} from '../inbound/http2-frames.ts';
import { answer, Host } from '../inbound/http2-host.ts';

const CANCEL = 8;
const get = (stream: number) => headers(stream, GET, END_HEADERS | END_STREAM);

let host: Host;
let client: RawClient;

beforeEach(async () => {
  host = await Host.start((taken) => taken.request.receive());
  client = await RawClient.open(host.port);
});

afterEach(async () => {
  client.close();
  await host.stop();
});

const atRest = () => expect.poll(() => host.taken.every(({ request }) => request.over)).toBe(true);

/** Opens streams by the hundred and spoils each, until the server has had enough. Gives how many were opened. */
async function flood(spoil: (stream: number) => Buffer, apart: boolean, open = get): Promise<number> {
  let opened = 0;
  for (; !client.ended && client.find(GOAWAY) === undefined && opened < 20_000; opened += 50) {
    const streams = Array.from({ length: 50 }, (_, i) => 2 * (opened + i) + 1);
    if (apart) {
      client.send(...streams.map((stream) => open(stream)));
      await client.settled().catch(() => undefined); // the end is what is waited for
      client.send(...streams.map(spoil));
    } else {
      client.send(...streams.flatMap((stream) => [open(stream), spoil(stream)]));
    }
    await client.settled().catch(() => undefined);
  }
  return opened;
}

test('streams that are opened and reset in one breath never become requests, and end the session', async () => {
  expect(await flood((stream) => reset(stream, CANCEL), false)).toBeLessThan(1000);
  await client.gone();
  expect(codeOf(await client.next(GOAWAY))).toBe(constants.NGHTTP2_INTERNAL_ERROR);
  expect(host.taken).toHaveLength(0);
});

test('streams that are reset a moment later end the session after a hundred, and none of them is left behind', async () => {
  expect(await flood((stream) => reset(stream, CANCEL), true)).toBeLessThanOrEqual(200);
  await client.gone();
  expect(host.taken.length).toBeLessThanOrEqual(200);
  await atRest();
  expect(host.taken.every(({ told }) => told.at(-1) === 'closed')).toBe(true);
});

const WINDOW_TOO_LARGE = (stream: number) => frame(WINDOW_UPDATE, 0, stream, number32(2 ** 31 - 1));
const DEPENDS_ON_ITSELF = (stream: number) =>
  frame(PRIORITY, 0, stream, Buffer.concat([number32(stream), Buffer.from([1])]));

test.each([
  ['a window that is too large', WINDOW_TOO_LARGE, get],
  ['a window that grows by nothing', (stream: number) => frame(WINDOW_UPDATE, 0, stream, number32(0)), get],
  ['a priority of the wrong size', (stream: number) => frame(PRIORITY, 0, stream, Buffer.alloc(4)), get],
  ['a stream that depends on itself', DEPENDS_ON_ITSELF, get],
  ['a body after the end', (stream: number) => data(stream, 'x'), get],
  ['trailers that end nothing', (stream: number) => headers(stream, [['x-a', '1']]), (s: number) => headers(s, POST)],
  [
    'a body that is too short',
    (stream: number) => data(stream, 'x', END_STREAM),
    (s: number) => headers(s, [...POST, ['content-length', '5']]),
  ],
])('streams that the server has to reset, for %s, end the session too', async (_, spoil, open) => {
  expect(await flood(spoil, true, open)).toBeLessThan(3000);
  await client.gone();
  await atRest();
});

test('who cancels now and then is left alone, and so is everybody else meanwhile', async () => {
  await host.stop();
  host = await Host.start(({ request }) => void (request.head.target === '/' && answer(request, 200, 'ok')));
  const session = connect(host.url);
  for (let i = 0; i < 50; i++) {
    const cancelled = session.request({ ':path': '/slow' });
    await host.request(2 * i);
    cancelled.close(constants.NGHTTP2_CANCEL);
    const stream = session.request({ ':path': '/' });
    const [fields] = await once(stream, 'response');
    expect(fields[':status']).toBe(200);
    stream.resume();
  }
  session.destroy();
});
