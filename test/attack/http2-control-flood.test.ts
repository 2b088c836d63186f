// CVE-2019-9512 and CVE-2019-9515: each PING and each SETTINGS wants an answer. nghttp2 gives up on a client that does not read its
// answers; one that does read them may send as many as it likes, and keeps a core busy with nothing.
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  codeOf,
  END_HEADERS,
  END_STREAM,
  frame,
  GET,
  GOAWAY,
  headers,
  HEADERS,
  PING,
  RawClient,
  SETTINGS,
} from '../inbound/http2-frames.ts';
import { answer, Host } from '../inbound/http2-host.ts';

const ENHANCE_YOUR_CALM = 11;

let host: Host;
let client: RawClient;

beforeEach(async () => {
  host = await Host.start(({ request }) => answer(request, 200, 'ok'));
  client = await RawClient.open(host.port);
  await client.settled();
});

afterEach(async () => {
  client.close();
  await host.stop();
});

const ping = frame(PING, 0, 0, Buffer.alloc(8));
const settings = frame(SETTINGS, 0, 0);
const window = frame(SETTINGS, 0, 0, Buffer.from([0, 4, 0, 0, 255, 255]));

test.each([
  ['PING', ping],
  ['SETTINGS', settings],
  ['SETTINGS that says something', window],
])(
  '%s, again and again by a client that reads the answers: it is told to calm down, and cut off',
  async (_, wanted) => {
    let sent = 0;
    while (!client.ended && client.find(GOAWAY) === undefined && sent < 20_000) {
      client.send(...Array.from({ length: 100 }, () => wanted));
      sent += 100;
      await client.settled().catch(() => undefined); // the end is what is waited for
    }
    expect(sent).toBeLessThan(5000);
    await client.gone();
    const last = client.find(GOAWAY);
    expect(last && codeOf(last)).toBe(ENHANCE_YOUR_CALM);
  },
);

test.each([
  ['PING', ping],
  ['SETTINGS', settings],
])('%s, again and again by a client that reads nothing: it is cut off', async (_, wanted) => {
  client.socket.pause();
  client.send(...Array.from({ length: 50_000 }, () => wanted));
  await expect.poll(() => host.sockets.size, { timeout: 5000 }).toBe(0);
});

test('an answer to a ping that nobody sent ends the session', async () => {
  client.send(frame(PING, 1, 0, Buffer.alloc(8)));
  await client.gone();
});

test('a client that asks now and then whether we are there is served', async () => {
  for (let i = 0; i < 20; i++) {
    client.send(ping, window, headers(2 * i + 1, GET, END_HEADERS | END_STREAM));
    await client.next(HEADERS, 2 * i + 1);
  }
  expect(client.find(GOAWAY)).toBeUndefined();
});
