// All connections read into one buffer, and large messages are put together in another: what is said on one must never be heard
// on the next, however slowly its client reads.
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, expect, test } from 'vitest';
import type { Incoming, Owner } from '../../src/inbound/incoming.ts';
import { CHUNKED } from '../../src/wire/framing.ts';
import { parseAnswers } from '../attack/answers.ts';
import { startEngine } from './harness.ts';
import { randomOf, type Random } from './mutate.ts';

const CONNECTIONS = 48;
const REQUESTS = 12;
/** Under what is read over after an early answer, over what any buffer holds. */
const LONGEST = 200_000;

/** Clients that read nothing until all of them have made the engine wait, and how much they ask for: more than any system holds. */
const STUBBORN = 2;
const STUBBORN_REQUESTS = 60;
let waiting = 0;
const allWait = Promise.withResolvers<void>();

/** Sends a body back as it comes, and holds it back while the client does not read. */
class Echo implements Owner {
  readonly #request: Incoming;
  #waited = false;

  constructor(request: Incoming) {
    this.#request = request;
    const { length } = request;
    request.writeHead(200, 'OK', length === CHUNKED ? [] : ['content-length', String(length)], length);
    if (request.complete) request.end([]);
    else request.receive();
  }

  bodyData(bytes: Buffer, from: number, to: number): void {
    if (this.#request.write(bytes, from, to)) return;
    this.#request.pause();
    if (this.#waited) return;
    this.#waited = true;
    if (++waiting === STUBBORN) allWait.resolve();
  }

  drained(): void {
    this.#request.receive();
  }

  bodyEnd(): void {
    this.#request.end([]);
  }

  bodyFailed(why: string): void {
    throw new Error(why);
  }

  closed(): void {}
}

const engine = await startEngine((request) => {
  request.owner = new Echo(request);
});
afterAll(() => engine.close());

/** Bytes that nobody else sends, of any length: a name over and over, and where it stands. */
function bodyOf(name: string, length: number): Buffer {
  const text = Array.from({ length: Math.ceil(length / 16) }, (_, i) => `${name}:${i}`.padEnd(16, '.')).join('');
  return Buffer.from(text.slice(0, length), 'latin1');
}

function requestOf(body: Buffer, isLast: boolean, random: Random): Buffer {
  // What is told by chunks is not read over: an answer in the middle of it must be the last.
  const chunked = isLast && random(2) === 0;
  const framing = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`;
  const head = Buffer.from(`POST /echo HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n`);
  if (!chunked) return Buffer.concat([head, body]);
  const parts: Buffer[] = [head];
  for (let at = 0; at < body.length;) {
    const data = body.subarray(at, at + 1 + random(30_000));
    parts.push(Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from('\r\n'));
    at += data.length;
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
}

test(`${CONNECTIONS} clients hear what they said, each its own, and all of it`, async () => {
  let bytes = 0;
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async (_, number) => {
      const random = randomOf(number);
      const isStubborn = number < STUBBORN;
      const length = () => (isStubborn ? LONGEST : random(4) === 0 ? random(LONGEST) : random(2000));
      const requests = isStubborn ? STUBBORN_REQUESTS : REQUESTS;
      const bodies = Array.from({ length: requests }, (__, i) => bodyOf(`c${number}r${i}`, length()));
      const socket = connect({ port: engine.port, host: '127.0.0.1', allowHalfOpen: true });
      const heard: Buffer[] = [];
      const end = once(socket, 'end');
      if (isStubborn) void allWait.promise.then(() => socket.on('data', (chunk: Buffer) => heard.push(chunk)));
      else socket.on('data', (chunk: Buffer) => heard.push(chunk));
      for (const [i, body] of bodies.entries()) socket.write(requestOf(body, i === requests - 1, random));
      socket.end();
      await end;
      const answers = parseAnswers(Buffer.concat(heard));
      expect(answers.map(({ status }) => status)).toEqual(bodies.map(() => 200));
      for (const [i, { body }] of answers.entries()) {
        expect(body === bodies[i]!.toString('latin1'), `the answer ${i} to client ${number}`).toBe(true);
      }
      bytes += bodies.reduce((sum, body) => sum + body.length, 0);
    }),
  );
  console.log(`wire: ${bytes} bytes echoed to ${CONNECTIONS} clients, ${waiting} answers in more than one step`);
}, 60_000);
