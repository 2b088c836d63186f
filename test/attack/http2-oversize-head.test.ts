// Heads that are too large, by their bytes, by their fields or by the frames that they come in (CVE-2024-27983, VU#421644). None
// reaches anybody, what they say is not kept, and a client that goes on with them is cut off.
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  block,
  codeOf,
  CONTINUATION,
  END_HEADERS,
  END_STREAM,
  frame,
  GET,
  GOAWAY,
  HEADERS,
  headers,
  RawClient,
  RST_STREAM,
  SETTINGS,
  type Fields,
} from '../inbound/http2-frames.ts';
import { answer, Host } from '../inbound/http2-host.ts';

const ENHANCE_YOUR_CALM = 11;
const FRAME = 16_384;

let host: Host;
let client: RawClient;

beforeEach(async () => {
  host = await Host.start(({ request }) => answer(request, 200, 'ok'), { headBytes: 8192 });
  client = await RawClient.open(host.port);
  await client.next(SETTINGS);
  client.send(frame(SETTINGS, 1, 0)); // what was advice binds from here on
  await client.settled();
});

afterEach(async () => {
  client.close();
  await host.stop();
});

const TOO_LARGE: Fields = [...GET, ['x-a', 'a'.repeat(9000)]];
const TOO_MANY: Fields = [...GET, ...Array.from({ length: 130 }, (_, i) => [`x-${i}`, ''] as const)];

test.each([
  ['too many bytes', TOO_LARGE],
  ['too many fields', TOO_MANY],
])('a head of %s resets its stream, and the next one is served', async (_, list) => {
  client.send(headers(1, list, END_HEADERS | END_STREAM));
  expect(codeOf(await client.next(RST_STREAM, 1))).toBe(ENHANCE_YOUR_CALM);
  client.send(headers(3, GET, END_HEADERS | END_STREAM));
  await client.next(HEADERS, 3);
  expect(host.taken).toHaveLength(1);
});

test.each([
  ['too many bytes', TOO_LARGE],
  ['too many fields', TOO_MANY],
])('trailers of %s reset their stream, so that the body never was whole', async (_, list) => {
  await host.stop();
  client.close();
  host = await Host.start(({ request }) => request.receive(), { headBytes: 8192 });
  client = await RawClient.open(host.port);
  await client.next(SETTINGS);
  client.send(frame(SETTINGS, 1, 0));
  client.send(headers(1, [[':method', 'POST'], ...GET.slice(1)]));
  const taken = await host.request();
  client.send(headers(1, list.slice(GET.length), END_HEADERS | END_STREAM));
  await taken.untilTold('closed');
  expect(taken.told).toEqual(['failed', 'closed']);
});

test.each([
  ['too many bytes', TOO_LARGE],
  ['too many fields', TOO_MANY],
])('heads of %s, again and again: the client is cut off', async (_, list) => {
  const payload = block(list);
  const before = process.memoryUsage().rss;
  for (let stream = 1; !client.ended && stream < 100_000; stream += 40) {
    const many = Array.from({ length: 20 }, (_, i) =>
      frame(HEADERS, END_HEADERS | END_STREAM, stream + 2 * i, payload),
    );
    client.send(...many);
    await client.settled().catch(() => undefined); // the end is what is waited for
  }
  expect(client.ended).toBe(true);
  expect(host.taken).toHaveLength(0);
  expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
});

test('a head in ever more frames ends the session', async () => {
  const piece = block([['x-a', 'a']]);
  client.send(frame(HEADERS, END_STREAM, 1, block(GET)));
  client.send(...Array.from({ length: 20 }, () => frame(CONTINUATION, 0, 1, piece)));
  await client.gone();
  expect(host.taken).toHaveLength(0);
});

test('so does one whose frames are empty', async () => {
  client.send(frame(HEADERS, END_STREAM, 1, block(GET)));
  client.send(...Array.from({ length: 20 }, () => frame(CONTINUATION, 0, 1)));
  await client.gone();
  expect(host.taken).toHaveLength(0);
});

test('a frame larger than we take ends the session', async () => {
  client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, Buffer.alloc(FRAME + 1)));
  await client.gone();
  expect(client.find(GOAWAY)).toBeDefined();
  expect(host.taken).toHaveLength(0);
});

test('a client that has not heard of the bound is answered 431, and nobody sees its head either', async () => {
  const hasty = await RawClient.open(host.port);
  const fields: Fields = Array.from({ length: 6 }, (_, i) => [`x-${i}`, 'a'.repeat(15_000)] as const);
  const pieces = fields.map((field) => block([field]));
  hasty.send(frame(HEADERS, END_STREAM, 1, block(GET)));
  hasty.send(...pieces.map((piece, i) => frame(CONTINUATION, i === pieces.length - 1 ? END_HEADERS : 0, 1, piece)));
  await expect.poll(() => hasty.bodyOf(1).toString()).toBe('The request head is too large.\n');
  expect(host.refused).toEqual(['431 request_malformed']);
  expect(host.taken).toHaveLength(0);
  hasty.close();
});

test('a head that fits is served, to the last byte', async () => {
  const overhead = GET.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 3 + 32);
  client.send(headers(1, [...GET, ['x-a', 'a'.repeat(8192 - overhead)]], END_HEADERS | END_STREAM));
  await client.next(HEADERS, 1);
  client.send(headers(3, [...GET, ['x-a', 'a'.repeat(8193 - overhead)]], END_HEADERS | END_STREAM));
  await client.next(RST_STREAM, 3);
  expect(host.taken).toHaveLength(1);
});
