// A hundred and twenty-eight streams at once are what a connection may have, whether or not its client has heard of that bound.
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  codeOf,
  END_HEADERS,
  END_STREAM,
  frame,
  GET,
  headers,
  HEADERS,
  POST,
  RawClient,
  RST_STREAM,
  SETTINGS,
} from '../inbound/http2-frames.ts';
import { answer, Host } from '../inbound/http2-host.ts';

const REFUSED_STREAM = 7;
const STREAMS = 128;

let host: Host;
let client: RawClient;

beforeEach(async () => {
  host = await Host.start(({ request }) => request.receive());
  client = await RawClient.open(host.port);
});

afterEach(async () => {
  client.close();
  await host.stop();
});

const idOf = (n: number) => 2 * n + 1;
const open = (from: number, to: number) =>
  client.send(...Array.from({ length: to - from }, (_, n) => headers(idOf(from + n), POST)));

test.each([
  ['has acknowledged', true],
  ['has not acknowledged', false],
])('a client that %s the bound is refused what is over it, and served again when there is room', async (_, known) => {
  await client.next(SETTINGS);
  if (known) client.send(frame(SETTINGS, 1, 0));
  open(0, STREAMS);
  await client.settled();
  expect(host.taken).toHaveLength(STREAMS);
  open(STREAMS, STREAMS + 1);
  if (known) await client.gone(); // who knows it, and goes over it, breaks the protocol
  else {
    expect(codeOf(await client.next(RST_STREAM, idOf(STREAMS)))).toBe(REFUSED_STREAM);
    answer(host.taken[0]!.request, 200, 'ok');
    await client.next(HEADERS, 1);
    client.send(frame(0, END_STREAM, 1));
    await host.taken[0]!.untilTold('closed');
    await client.settled();
    client.send(headers(idOf(STREAMS + 1), GET, END_HEADERS | END_STREAM));
    await host.request(STREAMS);
  }
  expect(host.taken).toHaveLength(known ? STREAMS : STREAMS + 1);
});

test('who goes on over the bound is cut off', async () => {
  await client.settled();
  let opened = 0;
  while (!client.ended && opened < 20_000) {
    open(opened, (opened += 100));
    await client.settled().catch(() => undefined); // the end is what is waited for
  }
  expect(opened).toBeLessThan(3000);
  expect(host.taken).toHaveLength(STREAMS);
  await expect.poll(() => host.taken.every(({ request }) => request.over)).toBe(true);
});
