import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { Incoming } from '../../src/inbound/incoming.ts';
import { Listener } from '../../src/inbound/listener.ts';
import { CHUNKED } from '../../src/wire/framing.ts';
import { Wheel } from '../../src/wire/wheel.ts';

const IDLE = 600;
const BIG = Buffer.alloc(131_072, 'a');
const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

interface Heard {
  readonly request: Incoming;
  readonly whole: Promise<void>;
  readonly closed: Promise<void>;
}

/** A listener whose requests are the test's own to answer; resolves with a client and its first request. */
async function begin(
  head: string,
  times: { idle?: number; keepAlive?: number },
): Promise<{ client: Socket; heard: Heard }> {
  const wheel = new Wheel();
  const first = Promise.withResolvers<Heard>();
  const listener = new Listener(
    {
      name: 'listeners.test',
      address: { host: '127.0.0.1', port: 0 },
      tls: null,
      wheel,
      requestHeadTimeout: 5000,
      idleTimeout: times.idle ?? IDLE,
      keepAliveTimeout: times.keepAlive ?? 20_000,
      headBytes: 16_384,
      targetBytes: 8192,
      headers: 100,
      connections: 10,
    },
    (request) => {
      const whole = Promise.withResolvers<void>();
      const closed = Promise.withResolvers<void>();
      request.owner = {
        bodyData() {},
        bodyEnd: () => whole.resolve(),
        bodyFailed() {},
        drained() {},
        closed: () => closed.resolve(),
      };
      first.resolve({ request, whole: whole.promise, closed: closed.promise });
    },
    () => undefined,
    () => undefined,
  );
  await listener.listen();
  const client = connect(listener.port, '127.0.0.1');
  client.on('error', () => undefined); // to be cut is what some wait for
  stops.push(async () => {
    client.destroy();
    await listener.close(0);
    wheel.close();
  });
  await once(client, 'connect');
  client.pause();
  client.write(head);
  return { client, heard: await first.promise };
}

/** Answers with more than the client's side of the network takes in. */
function fill(request: Incoming): number {
  request.writeHead(200, '', [], CHUNKED);
  let sent = 0;
  for (let flows = true; flows; sent += BIG.length) flows = request.write(BIG, 0, BIG.length);
  return sent;
}

test('a client that takes its last answer slowly gets all of it, though it is longer than a connection is kept for', async () => {
  const { client, heard } = await begin('GET / HTTP/1.1\r\nHost: a\r\n\r\n', { idle: 20_000, keepAlive: 300 });
  const sent = fill(heard.request);
  heard.request.end([]);
  await new Promise((resolve) => setTimeout(resolve, 900));
  let received = '';
  client.setEncoding('latin1').on('data', (text: string) => (received += text));
  client.resume();
  await once(client, 'end');
  expect(received.endsWith('0\r\n\r\n')).toBe(true);
  expect(received.length).toBeGreaterThan(sent);
});

test('a client that takes nothing is cut, also when the end of its request comes meanwhile', async () => {
  const { client, heard } = await begin('PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n', {});
  heard.request.receive();
  fill(heard.request);
  client.write('abcd');
  await heard.whole;
  const began = performance.now();
  await heard.closed;
  expect(performance.now() - began).toBeLessThan(4 * IDLE);
});

test('a client whose request is whole owes nothing, however long the answer takes and whoever asks for its body', async () => {
  const { client, heard } = await begin('PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n', {});
  heard.request.receive();
  client.write('abcd');
  await heard.whole;
  heard.request.pause();
  heard.request.receive();
  await new Promise((resolve) => setTimeout(resolve, 3 * IDLE));
  expect(heard.request.over).toBe(false);
  heard.request.writeHead(204, '', [], 0);
  heard.request.end([]);
  client.resume();
  expect(String((await once(client, 'data'))[0])).toMatch(/^HTTP\/1\.1 204 /);
});

test('a connection without a request is closed after the time it is kept for, not after the idle time', async () => {
  const { client, heard } = await begin('GET / HTTP/1.1\r\nHost: a\r\n\r\n', { idle: 20_000, keepAlive: 300 });
  heard.request.writeHead(204, '', [], 0);
  heard.request.end([]);
  client.resume();
  const began = performance.now();
  await once(client, 'end');
  expect(performance.now() - began).toBeLessThan(3000);
});
