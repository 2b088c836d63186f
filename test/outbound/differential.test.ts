import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { Pool as Undici } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Pool } from '../../src/outbound/http1/pool.ts';
import { CHUNKED } from '../../src/wire/framing.ts';
import { ask, poolOf, Told, Uploading } from './ask.ts';

const RUNS = 200;

interface Case {
  readonly method: string;
  readonly target: string;
  /** Flat. */
  readonly headers: readonly string[];
  /** Latin1 text; several pieces are streamed. */
  readonly pieces: readonly string[];
  readonly framing: 'none' | 'whole' | 'length' | 'chunks';
  readonly answer: {
    readonly status: number;
    readonly headers: readonly string[];
    readonly pieces: readonly string[];
    readonly framing: 'length' | 'chunks' | 'close';
    readonly trailers: readonly string[];
    readonly hints: readonly string[];
  };
}

/** What both sides saw of one exchange. */
interface Seen {
  request: { method: string; url: string; headers: string[]; body: string };
  status: number;
  phrase: string;
  headers: string[];
  body: string;
  trailers: Record<string, string>;
}

const text = (alphabet: string, constraints: fc.StringConstraints) =>
  fc.string({ ...constraints, unit: fc.constantFrom(...alphabet) });
const latin1 = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join('');
const visible = latin1.slice(0x21, 0x7f) + latin1.slice(0xa1);
const value = fc
  .tuple(
    text(visible, { minLength: 1, maxLength: 20 }),
    text(`${visible} \t`, { maxLength: 20 }),
    text(visible, { minLength: 1, maxLength: 4 }),
  )
  .map((parts) => parts.join(''));
const fields = fc
  .array(
    fc.tuple(
      text('abcxyz-_.!~09', { minLength: 1, maxLength: 12 }).map((name) => `x-${name}`),
      value,
    ),
    { maxLength: 8 },
  )
  .map((pairs) => pairs.flat());
const pieces = fc.array(
  fc.oneof(
    text(latin1, { minLength: 1, maxLength: 200 }),
    fc.integer({ min: 1, max: 40_000 }).map((n) => 'x'.repeat(n)),
  ),
  { maxLength: 4 },
);

const CASE: fc.Arbitrary<Case> = fc
  .record({
    method: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'SEARCH'),
    target: text("abc/%2F?=&;:@!$'()*+,-._~[]|", { maxLength: 40 }).map((rest) => `/${rest}`),
    headers: fields,
    pieces,
    framing: fc.constantFrom('none', 'whole', 'length', 'chunks'),
    answer: fc.record({
      status: fc.constantFrom(200, 201, 204, 206, 299, 301, 304, 400, 404, 409, 418, 500, 503, 599),
      headers: fields,
      pieces,
      framing: fc.constantFrom('length', 'chunks', 'close'),
      trailers: fields,
      hints: fields,
    }),
  })
  // Of a body without a byte undici says nothing, not even that it is chunked.
  .map((given) => (given.pieces.length === 0 ? { ...given, framing: 'none' } : given));

let server: Server;
let current: Case;
let received: Seen['request'];
let ours: Pool;
let oracle: Undici;

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      received = {
        method: request.method!,
        url: request.url!,
        headers: framed(request.rawHeaders),
        body: Buffer.concat(chunks).toString('latin1'),
      };
      const { status, headers, pieces, framing, trailers, hints } = current.answer;
      if (hints.length > 0) response.writeEarlyHints({ link: '</a>; rel=preload' });
      const bare = status === 204 || status === 304;
      const body = bare ? [] : pieces.map((piece) => Buffer.from(piece, 'latin1'));
      const given = [...headers];
      if (framing === 'length' && !bare) given.push('Content-Length', String(Buffer.concat(body).length));
      if (framing === 'close') given.push('Connection', 'close');
      if (framing === 'chunks' && !bare) given.push('Transfer-Encoding', 'chunked');
      if (framing === 'close') response.useChunkedEncodingByDefault = false;
      response.writeHead(status, given);
      for (const piece of body) response.write(piece);
      if (framing === 'chunks' && !bare) response.addTrailers(pairs(trailers));
      response.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  ours = poolOf(origin);
  oracle = new Undici(origin, { pipelining: 1, strictContentLength: true });
});

afterAll(async () => {
  await Promise.all([ours.close(), oracle.close()]);
  server.close();
  await once(server, 'close');
});

const pairs = (flat: readonly string[]) =>
  flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1]!] as [string, string]] : []));

/** Fields that say how the message is framed, and those of the caller, in order of their names. */
function framed(flat: readonly string[]): string[] {
  return pairs(flat)
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name]) => !['connection', 'keep-alive', 'date'].includes(name))
    .map(([name, value]) => `${name}: ${value}`)
    .sort();
}

const length = ({ framing, pieces }: Case) =>
  framing === 'chunks' ? CHUNKED : framing === 'length' ? pieces.join('').length : 0;

async function byOurs(given: Case): Promise<Seen> {
  const whole = Buffer.from(given.pieces.join(''), 'latin1');
  const told = length(given) !== 0 ? new Uploading(given.pieces) : new Told();
  ask(
    ours,
    {
      method: given.method,
      target: given.target,
      headers: ['host', 'upstream', ...given.headers],
      body: given.framing === 'whole' && whole.length > 0 ? whole : null,
      length: length(given),
    },
    told,
  );
  await told.over;
  expect(told.failure).toBeNull();
  expect(told.hints).toHaveLength(given.answer.hints.length > 0 ? 1 : 0);
  return {
    request: received,
    status: told.status,
    phrase: told.phrase,
    headers: framed(told.headers),
    body: told.body.toString('latin1'),
    trailers: joined(told.trailers!),
  };
}

/** As undici gives trailers: those of one name together. */
function joined(flat: readonly string[]): Record<string, string> {
  const object: Record<string, string> = {};
  for (const [name, value] of pairs(flat)) object[name] = name in object ? `${object[name]}, ${value}` : value;
  return object;
}

function byUndici(given: Case): Promise<Seen> {
  const whole = Buffer.from(given.pieces.join(''), 'latin1');
  const parts = given.pieces.map((piece) => Buffer.from(piece, 'latin1'));
  const headers = ['host', 'upstream', ...given.headers];
  if (given.framing === 'length') headers.push('content-length', String(whole.length));
  const body = given.framing === 'none' ? null : given.framing === 'whole' ? whole : Readable.from(parts);
  const chunks: Buffer[] = [];
  const seen: Partial<Seen> = {};
  return new Promise((resolve, reject) => {
    oracle.dispatch(
      { method: given.method as 'GET', path: given.target, headers, body },
      {
        onRequestStart: () => undefined,
        onResponseStart: (controller, status, _, phrase) => {
          if (status < 200) return;
          const raw = (controller.rawHeaders as Buffer[]).map((part) => part.toString('latin1'));
          Object.assign(seen, { status, phrase, headers: framed(raw) });
        },
        onResponseData: (_, chunk) => void chunks.push(Buffer.from(chunk)),
        onResponseEnd: (_, trailers) => {
          const flat = Object.entries(trailers).flatMap(([name, value]) =>
            [value].flat().flatMap((one) => [name, one as string]),
          );
          const body = Buffer.concat(chunks).toString('latin1');
          resolve({ ...(seen as Seen), request: received, body, trailers: joined(flat) });
        },
        onResponseError: (_, error) => reject(error),
      },
    );
  });
}

test(`${RUNS} exchanges at random are the same through undici`, async () => {
  await fc.assert(
    fc.asyncProperty(CASE, async (given) => {
      current = given;
      const theirs = await byUndici(given);
      expect(await byOurs(given)).toEqual(theirs);
    }),
    { numRuns: RUNS, seed: 4 },
  );
});
