import { once } from 'node:events';
import { connect, constants, type ClientHttp2Session } from 'node:http2';
import { createServer, connect as connectSocket, type AddressInfo } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { afterEach, expect, test } from 'vitest';
import { Http2Server } from '../../src/inbound/http2.ts';
import { CHUNKED } from '../../src/wire/framing.ts';
import { Wheel } from '../../src/wire/wheel.ts';
import { selfSigned } from '../attack/certificate.ts';
import {
  codeOf,
  data,
  END_HEADERS,
  END_STREAM,
  frame,
  GET,
  GOAWAY,
  headers,
  HEADERS,
  number32,
  POST,
  RawClient,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
} from './http2-frames.ts';
import { answer, Host, type Taken } from './http2-host.ts';

const NO_ERROR = 0;
const INTERNAL_ERROR = 2;

let host: Host;
let client: RawClient | undefined;
let session: ClientHttp2Session | undefined;

afterEach(async () => {
  client?.close();
  session?.destroy();
  await host.stop();
});

const leave = () => undefined;
const receive = ({ request }: Taken) => request.receive();
const get = (stream: number) => headers(stream, GET, END_HEADERS | END_STREAM);
const window = (stream: number, bytes: number) => frame(WINDOW_UPDATE, 0, stream, number32(bytes));
const initialWindow = (bytes: number) => frame(SETTINGS, 0, 0, Buffer.concat([Buffer.from([0, 4]), number32(bytes)]));
const empty = () => expect.poll(() => host.sockets.size, { timeout: 8000 }).toBe(0);

test('says how many streams and how large a head it takes, and that it pushes nothing', async () => {
  host = await Host.start(leave, { headBytes: 12_345 });
  client = await RawClient.open(host.port);
  const { payload } = await client.next(SETTINGS, 0);
  const settings = new Map<number, number>();
  for (let i = 0; i < payload.length; i += 6) settings.set(payload.readUInt16BE(i), payload.readUInt32BE(i + 2));
  expect([settings.get(2), settings.get(3), settings.get(6)]).toEqual([0, 128, 12_345]);
});

test('a session without requests ends in its time, in order', async () => {
  host = await Host.start(({ request }) => answer(request, 200, 'ok'), { keepAliveTimeout: 400 });
  client = await RawClient.open(host.port);
  client.send(get(1));
  await client.next(HEADERS, 1);
  const began = performance.now();
  expect(codeOf(await client.next(GOAWAY))).toBe(NO_ERROR);
  expect(performance.now() - began).toBeGreaterThan(300);
  await client.gone();
});

test('pings do not keep a session', async () => {
  host = await Host.start(leave, { keepAliveTimeout: 400 });
  client = await RawClient.open(host.port);
  const pings = setInterval(() => client?.send(frame(6, 0, 0, Buffer.alloc(8))), 50);
  await client.next(GOAWAY);
  clearInterval(pings);
});

test('a client that does not go when it is told to is cut off', async () => {
  host = await Host.start(leave, { keepAliveTimeout: 400 });
  client = await RawClient.open(host.port);
  await client.gone(); // and our own side stays open
  await empty();
});

test('neither does half a head hold a session', async () => {
  host = await Host.start(leave, { keepAliveTimeout: 400 });
  client = await RawClient.open(host.port);
  client.send(headers(1, GET, 0));
  await empty();
  expect(host.taken).toHaveLength(0);
});

test('nor half a preface', async () => {
  host = await Host.start(leave, { keepAliveTimeout: 400 });
  client = await RawClient.open(host.port, false);
  client.send(Buffer.from('PRI * HTTP/2.0\r\n'));
  await empty();
});

test('what waits for the upstream is not the client’s fault: neither a request nor its session ends', async () => {
  host = await Host.start(leave, { idleTimeout: 300, keepAliveTimeout: 300 });
  client = await RawClient.open(host.port);
  client.send(get(1), headers(3, POST), data(3, 'hello'));
  const waiting = await host.request();
  const held = await host.request(1);
  held.request.receive();
  await held.until(() => held.length === 5);
  held.request.pause();
  const begun = waiting.request;
  begun.writeHead(200, '', [], CHUNKED);
  begun.write(Buffer.from('x'), 0, 1);
  await new Promise((resolve) => setTimeout(resolve, 1200));
  expect([waiting.told, held.told]).toEqual([[], ['data']]);
  expect(client.find(GOAWAY)).toBeUndefined();
  begun.end([]);
  await waiting.untilTold('closed');
});

test('a body that stalls is cut off', async () => {
  host = await Host.start(receive, { idleTimeout: 400 });
  client = await RawClient.open(host.port);
  client.send(headers(1, POST), data(1, 'hello'));
  expect(codeOf(await client.next(RST_STREAM, 1))).toBe(INTERNAL_ERROR);
  expect(host.taken[0]?.told).toEqual(['data', 'failed', 'closed']);
  expect(host.taken[0]?.why).toBe('the client stalled');
});

test('a body that comes in drops is cut off as well, and so while another stream of its session is busy', async () => {
  const seconds: Taken[] = [];
  host = await Host.start(
    (taken) => {
      taken.request.receive();
      if (taken.request.head.method === 'GET') seconds.push(taken);
      if (taken.request.head.method === 'GET') answer(taken.request, 200, 'x'.repeat(1000));
    },
    { idleTimeout: 800 },
  );
  client = await RawClient.open(host.port);
  client.send(headers(1, POST));
  let stream = 3;
  const drops = setInterval(() => client?.send(data(1, 'x'), get((stream += 2))), 100);
  expect(codeOf(await client.next(RST_STREAM, 1))).toBe(INTERNAL_ERROR);
  clearInterval(drops);
  expect(seconds.length).toBeGreaterThan(5);
  expect(client.find(GOAWAY)).toBeUndefined();
});

test('a body that goes on, if slowly, is not cut off', async () => {
  host = await Host.start(receive, { idleTimeout: 1500 });
  client = await RawClient.open(host.port);
  client.send(headers(1, POST));
  const taken = await host.request();
  for (let i = 0; i < 14; i++) {
    client.send(data(1, Buffer.alloc(8000)));
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  client.send(data(1, '', END_STREAM));
  await taken.until(() => taken.request.complete || taken.request.over);
  expect([taken.length, taken.told]).toEqual([14 * 8000, ['data', 'end']]);
});

test('an answer that is not read is cut off', async () => {
  host = await Host.start(
    ({ request }) => {
      request.writeHead(200, '', [], CHUNKED);
      request.write(Buffer.alloc(1000), 0, 1000);
    },
    { idleTimeout: 400 },
  );
  client = await RawClient.open(host.port);
  client.send(initialWindow(0), get(1));
  expect(codeOf(await client.next(RST_STREAM, 1))).toBe(INTERNAL_ERROR);
  expect(host.taken[0]?.told).toEqual(['closed']);
});

test('an ended answer that is not read is cut off too, with a body behind it or without', async () => {
  host = await Host.start(({ request }) => answer(request, 200, 'hello'), { idleTimeout: 400 });
  client = await RawClient.open(host.port);
  client.send(initialWindow(0), get(1), headers(3, POST), data(3, 'x'));
  expect(codeOf(await client.next(RST_STREAM, 1))).toBe(INTERNAL_ERROR);
  expect(codeOf(await client.next(RST_STREAM, 3))).toBe(INTERNAL_ERROR);
  expect(host.taken.map(({ told }) => told)).toEqual([['closed'], ['closed']]);
});

test('an answer that is read slowly comes whole', async () => {
  const piece = Buffer.alloc(70_000, 'x');
  const total = 10 * piece.length;
  host = await Host.start(
    (taken) => {
      let left = total;
      taken.drained = () => {
        left -= piece.length;
        if (left < 0) taken.request.end([]);
        else if (taken.request.write(piece, 0, piece.length)) taken.drained();
      };
      taken.request.writeHead(200, '', [], total);
      taken.drained();
    },
    { idleTimeout: 1500 },
  );
  client = await RawClient.open(host.port);
  client.send(window(0, 2 ** 30), initialWindow(0), get(1));
  await client.next(HEADERS, 1);
  const grants = setInterval(() => client?.send(window(1, 35_000)), 120);
  await (await host.request()).untilTold('closed');
  clearInterval(grants);
  await expect.poll(() => client!.bodyOf(1).length).toBe(total);
  expect(client.find(RST_STREAM)).toBeUndefined();
});

test('a connection that takes nothing at all any more is cut off', async () => {
  const piece = Buffer.alloc(65_536);
  host = await Host.start(
    (taken) => {
      taken.request.writeHead(200, '', [], CHUNKED);
      const fill = () => {
        while (!taken.request.over && taken.request.write(piece, 0, piece.length));
      };
      taken.drained = fill;
      fill();
    },
    { idleTimeout: 300, keepAliveTimeout: 300 },
  );
  client = await RawClient.open(host.port);
  client.send(initialWindow(2 ** 31 - 1), window(0, 2 ** 31 - 65_536), get(1));
  client.socket.pause();
  const taken = await host.request();
  await taken.untilTold('closed');
  await empty();
});

test('close: no new streams, open ones finish, then the session ends', async () => {
  host = await Host.start(leave);
  session = connect(host.url);
  const stream = session.request({ ':path': '/' });
  const { request } = await host.request();
  host.http2.close();
  await once(session, 'goaway');
  const refused = session.request({ ':path': '/' });
  await expect(once(refused, 'response')).rejects.toThrow();
  answer(request, 200, 'whole');
  let body = '';
  stream.on('data', (chunk: Buffer) => (body += chunk.toString()));
  await once(stream, 'close');
  expect(body).toBe('whole');
  expect(host.taken).toHaveLength(1);
  await empty();
});

test('close: a connection that comes now is not served', async () => {
  host = await Host.start(leave);
  host.http2.close();
  client = await RawClient.open(host.port);
  await client.gone();
  expect(host.taken).toHaveLength(0);
});

test('destroy: everything is cut, and an answer that had begun does not look whole', async () => {
  host = await Host.start((taken) => {
    taken.request.writeHead(200, '', [], CHUNKED);
    taken.request.write(Buffer.from('hello'), 0, 5);
    taken.request.receive();
  });
  client = await RawClient.open(host.port);
  client.send(headers(1, POST), data(1, 'x'));
  await client.next(0, 1);
  host.http2.destroy();
  await client.gone();
  const taken = await host.request();
  await taken.untilTold('closed');
  expect(taken.told).toEqual(['data', 'failed', 'closed']);
  expect(client.frames.some(({ stream, flags }) => stream === 1 && (flags & END_STREAM) !== 0)).toBe(false);
  const last = client.find(RST_STREAM, 1);
  if (last !== undefined) expect(codeOf(last)).not.toBe(NO_ERROR);
});

test('a client that ends its side is gone, and its requests with it', async () => {
  host = await Host.start(leave);
  client = await RawClient.open(host.port);
  client.send(get(1));
  const taken = await host.request();
  client.socket.end();
  await taken.untilTold('closed');
  await empty();
});

test('a client that says goodbye still gets its answers', async () => {
  host = await Host.start(leave);
  client = await RawClient.open(host.port);
  client.send(get(1));
  const { request } = await host.request();
  client.send(frame(GOAWAY, 0, 0, Buffer.alloc(8)));
  await client.settled();
  answer(request, 200, 'whole');
  await expect.poll(() => client?.bodyOf(1).toString()).toBe('whole');
  await client.gone();
});

test('bytes that were read before and put back are the first of the session', async () => {
  const wheel = new Wheel();
  const options = { wheel, headBytes: 16_384, idleTimeout: 1000, keepAliveTimeout: 1000 };
  const http2 = new Http2Server(
    options,
    (request) => answer(request, 200, 'hello'),
    () => '',
  );
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.once('data', (first: Buffer) => {
      socket.pause();
      socket.unshift(first);
      http2.accept(socket);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  host = await Host.start(leave);
  session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const stream = session.request({ ':path': '/' });
  let body = '';
  stream.on('data', (chunk: Buffer) => (body += chunk.toString()));
  await once(stream, 'close');
  expect(body).toBe('hello');
  http2.destroy();
  server.close();
  wheel.close();
});

test('over TLS, chosen by ALPN', async () => {
  const wheel = new Wheel();
  const options = { wheel, headBytes: 16_384, idleTimeout: 1000, keepAliveTimeout: 1000 };
  const http2 = new Http2Server(
    options,
    (request) => answer(request, 200, request.head.target),
    () => '',
  );
  const { cert, key } = selfSigned('127.0.0.1');
  const server = createTlsServer({ cert, key, ALPNProtocols: ['h2'] }, (socket) => http2.accept(socket));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  host = await Host.start(leave);
  const { port } = server.address() as AddressInfo;
  session = connect(`https://127.0.0.1:${port}`, {
    createConnection: () => connectTls({ port, host: '127.0.0.1', ALPNProtocols: ['h2'], rejectUnauthorized: false }),
  });
  const stream = session.request({ ':path': '/over-tls' });
  let body = '';
  stream.on('data', (chunk: Buffer) => (body += chunk.toString()));
  await once(stream, 'close');
  expect(body).toBe('/over-tls');
  expect(stream.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
  http2.destroy();
  server.close();
  wheel.close();
});

test('what does not speak HTTP/2 is cut off', async () => {
  host = await Host.start(leave);
  const socket = connectSocket(host.port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  socket.resume();
  await once(socket, 'close');
  expect(host.taken).toHaveLength(0);
});
