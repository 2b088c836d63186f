// Frames that ask for nothing: windows that open by a byte, priorities, frames of unknown types, empty pieces of a body
// (CVE-2019-9518), a body a byte at a time. None of them needs an answer, so that nothing but their own weight tells of them: a
// session that is used for so little is ended.
import { once } from 'node:events';
import { connect } from 'node:http2';
import { afterEach, expect, test } from 'vitest';
import {
  data,
  END_HEADERS,
  END_STREAM,
  frame,
  GET,
  headers,
  number32,
  POST,
  PRIORITY,
  RawClient,
  WINDOW_UPDATE,
} from '../inbound/http2-frames.ts';
import { answer, Host } from '../inbound/http2-host.ts';

let host: Host;
let client: RawClient;

afterEach(async () => {
  client?.close();
  await host.stop();
});

const UNKNOWN = 99;
const get = (stream: number) => headers(stream, GET, END_HEADERS | END_STREAM);

test.each([
  ['windows that open by a byte', frame(WINDOW_UPDATE, 0, 0, number32(1))],
  ['priorities', frame(PRIORITY, 0, 1, Buffer.from([0, 0, 0, 0, 1]))],
  ['frames of an unknown type', frame(UNKNOWN, 0, 0, Buffer.alloc(100))],
  ['empty pieces of a body', data(1, '')],
])('%s end the session', async (_, wanted) => {
  host = await Host.start(({ request }) => request.receive());
  client = await RawClient.open(host.port);
  client.send(headers(1, POST));
  const taken = await host.request();
  const many = Buffer.concat(Array.from({ length: 1000 }, () => wanted));
  const until = performance.now() + 10_000;
  while (!client.ended && performance.now() < until) {
    client.send(many);
    if (client.socket.writableLength > 1024 * 1024) await Promise.race([once(client.socket, 'drain'), client.gone()]);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await client.gone();
  await taken.untilTold('closed');
  expect(taken.told.slice(-2)).toEqual(['failed', 'closed']);
});

test('an upload, a download and many small requests are none of this', async () => {
  const bytes = Buffer.alloc(1024 * 1024);
  host = await Host.start((taken) => {
    if (taken.request.length === 0)
      return answer(taken.request, 200, 'x'.repeat(taken.request.head.target.length * 100));
    taken.bodyEnd = () => answer(taken.request, 200, 'x'.repeat(bytes.length));
    taken.request.receive();
  });
  client = await RawClient.open(host.port);
  const session = connect(host.url);
  session.on('error', () => undefined); // told by what comes of the upload
  const upload = session.request({ ':method': 'PUT' });
  upload.end(bytes);
  let received = 0;
  upload.on('data', (chunk: Buffer) => (received += chunk.length));
  client.send(frame(WINDOW_UPDATE, 0, 0, number32(2 ** 30)));
  for (let i = 0; i < 1000; i += 50) {
    client.send(...Array.from({ length: 50 }, (_, n) => get(2 * (i + n) + 1)));
    await client.settled();
  }
  await expect.poll(() => received, { timeout: 10_000 }).toBe(bytes.length);
  await new Promise((resolve) => setTimeout(resolve, 1500)); // sessions are looked at once a second
  await client.settled();
  expect(session.closed).toBe(false);
  session.destroy();
});
