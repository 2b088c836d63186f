// Requests made at random: what is whole is handed over as it was made, in order, wherever the bytes were cut; and what is
// nearly whole never means something else than it means to node:http and by RFC 9112.
import * as fc from 'fast-check';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { BOUNDS, outcomeOf } from './harness.ts';
import { converse, type Manner } from './in-process.ts';
import { mutate, randomOf } from './mutate.ts';
import { startNode } from './node-server.ts';
import { read, type Seen } from './reference.ts';
import { METHODS } from './valid-messages.ts';

const WHOLE = 3000;
const NEARLY = 3000;

const node = await startNode();
afterAll(() => node.close());

/** A request as it is written, and as it must be understood. */
interface Made {
  readonly text: string;
  readonly seen: Seen;
  readonly last: boolean;
}

/** Text of characters out of `from`, each as likely as the next. */
function textOf(from: string, minLength: number, maxLength: number): fc.Arbitrary<string> {
  return fc
    .array(fc.integer({ min: 0, max: from.length - 1 }), { minLength, maxLength })
    .map((places) => places.map((at) => from[at]).join(''));
}

const TOKEN = "!#$%&'*+-.^_`|~09azAZ";
const ALPHANUMERIC = 'abcdefghijklmnopqrstuvwxyz0123456789';
const BYTES = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
const FIELD_BYTES = `\t ${BYTES.slice(0x21, 0x7f)}${BYTES.slice(0x80)}`;
const TARGET = `${ALPHANUMERIC}ABC/._~-!$&'()*+,;=:@[]|"<>^{}`;

const blanks = textOf(' \t', 0, 3);
const value = textOf(FIELD_BYTES, 0, 30).map((text) => text.replaceAll(/^[ \t]+|[ \t]+$/g, ''));
const field = fc.tuple(
  textOf(TOKEN, 1, 12).map((name) => `x-${name}`),
  blanks,
  value,
  blanks,
);
const usual = fc.tuple(
  fc.constantFrom('Accept', 'Cookie', 'User-Agent', 'X-Tenant-ID', 'Range', 'ETag', 'Trailer', 'TE', 'Via', 'Date'),
  fc.constant(' '),
  value,
  fc.constant(''),
);
const target = fc
  .tuple(
    fc.array(
      fc.oneof(
        { weight: 4, arbitrary: textOf(TARGET, 1, 8) },
        { weight: 1, arbitrary: fc.constantFrom('%41', '%2f', '%C3%a9') },
      ),
    ),
    fc.option(textOf(`${TARGET}?`, 0, 12)),
  )
  .map(([path, query]) => `/${path.join('')}${query === null ? '' : `?${query}`}`);
/** Now and then more than one read brings. */
const data = fc.oneof(
  { weight: 60, arbitrary: textOf(BYTES, 1, 60) },
  { weight: 1, arbitrary: textOf(BYTES, 30, 60).map((text) => text.repeat(600)) },
);
const body = fc.oneof({ weight: 1, arbitrary: fc.constant('') }, { weight: 9, arbitrary: data });
const chunk = fc.record({
  data,
  zeros: fc.integer({ min: 0, max: 3 }),
  capitals: fc.boolean(),
  extensions: fc.array(fc.tuple(textOf(TOKEN, 1, 5), fc.option(textOf(TOKEN, 1, 5))), { maxLength: 2 }),
});
const NO_BODY = { kind: 'none' } as const;
const framed = fc.oneof(
  fc.constant(NO_BODY),
  fc.record({
    kind: fc.constant('length' as const),
    body,
    zeros: fc.integer({ min: 0, max: 2 }),
    expected: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('chunks' as const),
    chunks: fc.array(chunk, { maxLength: 5 }),
    trailers: fc.array(field, { maxLength: 3 }),
    expected: fc.boolean(),
  }),
);
const connection = fc.constantFrom(
  null,
  null,
  null,
  null,
  'keep-alive',
  'Keep-Alive',
  'x, keep-alive',
  'x',
  'close',
  'x, Close',
);

type Line = [name: string, before: string, value: string, after: string];

const request: fc.Arbitrary<Made> = fc
  .record({
    method: fc.constantFrom(...METHODS),
    target,
    old: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    fields: fc.array(fc.oneof(field, usual), { maxLength: 8 }),
    framed,
    connection,
    capitals: fc.integer({ min: 0, max: 2 ** 20 }),
    order: fc.integer(),
    blankLine: fc.boolean(),
  })
  .map((each) => {
    const f = each.old && each.framed.kind === 'chunks' ? NO_BODY : each.framed;
    const version = each.old ? '1.0' : '1.1';
    const options = each.connection?.toLowerCase() ?? '';
    const lines: Line[] = [['host', ' ', 'a.example:80', ''], ...each.fields];
    if (each.connection !== null) lines.push(['connection', ' ', each.connection, '']);
    if (f.kind === 'length') lines.push(['content-length', ' ', '0'.repeat(f.zeros) + f.body.length, '']);
    if (f.kind === 'chunks')
      lines.push(['transfer-encoding', '', each.capitals % 2 === 0 ? 'chunked' : 'CHUNKED', ' ']);
    if (f.kind !== 'none' && f.expected) lines.push(['expect', ' ', '100-continue', '']);
    const random = randomOf(each.order);
    const shuffled = lines.map((line) => ({ line, at: random(1000) })).sort((a, b) => a.at - b.at);
    const ordered = shuffled.map(({ line }) => line);
    const respelt = (name: string, i: number) => ((each.capitals >> (i % 20)) & 1 ? name.toUpperCase() : name);
    const head = ordered.map(([name, before, text, after], i) => `${respelt(name, i)}:${before}${text}${after}\r\n`);
    return {
      text: `${each.blankLine ? '\r\n' : ''}${each.method} ${each.target} HTTP/${version}\r\n${head.join('')}\r\n${written(f)}`,
      last: options.includes('close') || (each.old && !options.includes('keep-alive')),
      seen: {
        version,
        method: each.method,
        target: each.target,
        headers: flat(ordered),
        body: f.kind === 'length' ? f.body : f.kind === 'chunks' ? f.chunks.map(({ data }) => data).join('') : '',
        trailers: f.kind === 'chunks' ? flat(f.trailers) : [],
      },
    };
  });

function written(f: typeof framed extends fc.Arbitrary<infer F> ? F : never): string {
  if (f.kind === 'none') return '';
  if (f.kind === 'length') return f.body;
  const chunks = f.chunks.map(({ data, zeros, capitals, extensions }) => {
    const size = '0'.repeat(zeros) + data.length.toString(16);
    const after = extensions.map(([name, text]) => (text === null ? `;${name}` : `;${name}=${text}`)).join('');
    return `${capitals ? size.toUpperCase() : size}${after}\r\n${data}\r\n`;
  });
  const trailers = f.trailers.map(([name, before, text, after]) => `${name}:${before}${text}${after}\r\n`);
  return `${chunks.join('')}0\r\n${trailers.join('')}\r\n`;
}

function flat(lines: readonly Line[]): string[] {
  return lines.flatMap(([name, , text]) => [name.toLowerCase(), text]);
}

const manner: fc.Arbitrary<Manner> = fc.record({
  when: fc.constantFrom('at once' as const, 'later' as const),
  fitful: fc.boolean(),
  hasty: fc.boolean(),
  slow: fc.boolean(),
});

/** Cuts at the places given, as parts of a thousand of the whole. */
function cut(bytes: Buffer, parts: readonly number[]): Buffer[] {
  const places = [...new Set(parts.map((part) => Math.floor((part * bytes.length) / 1000)))].sort((a, b) => a - b);
  return [0, ...places]
    .map((at, i) => bytes.subarray(at, places[i] ?? bytes.length))
    .filter(({ length }) => length > 0);
}
const cuts = fc.array(fc.integer({ min: 0, max: 999 }), { maxLength: 6 });

test(`${WHOLE} pipelines are handed over as they were made, and answered in order`, async () => {
  let requests = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 5 }), cuts, manner, async (all, parts, how) => {
      const text = all.map((one) => one.text).join('');
      const { accepted, said, ended } = await converse(cut(Buffer.from(text, 'latin1'), parts), BOUNDS, how);
      const last = all.findIndex((one) => one.last);
      const due = (last < 0 ? all : all.slice(0, last + 1)).map(({ seen }) => seen);
      requests += due.length;
      expect(accepted).toEqual(due);
      const outcome = outcomeOf(said);
      expect(outcome.accepted).toEqual(due);
      expect(outcome.answers.map(({ status }) => status)).toEqual(due.map(() => 200));
      expect(ended).toBe(true);
    }),
    { numRuns: WHOLE },
  );
  console.log(`wire: ${requests} requests in ${WHOLE} pipelines`);
  expect(requests).toBeGreaterThan(WHOLE);
}, 60_000);

test(`${NEARLY} pipelines with something changed mean what they mean to node:http and by RFC 9112, or nothing`, async () => {
  const met = { asNode: 0, stricter: 0 };
  await fc.assert(
    fc.asyncProperty(
      fc.array(request, { minLength: 1, maxLength: 2 }),
      fc.integer(),
      cuts,
      manner,
      async (all, seed, parts, how) => {
        const texts = all.map(({ text }) => text);
        const bytes = Buffer.from(mutate(texts.join(''), texts, randomOf(seed)), 'latin1');
        const [{ accepted, said, ended }, theirs] = await Promise.all([
          converse(cut(bytes, parts), BOUNDS, how),
          node.read(bytes),
        ]);
        expect(ended).toBe(true);
        expect(outcomeOf(said).accepted).toEqual(accepted);
        expect(accepted).toEqual(read(bytes, BOUNDS).accepted);
        expect(accepted).toEqual(theirs.accepted.slice(0, accepted.length));
        met[isDeepStrictEqual(accepted, theirs.accepted) ? 'asNode' : 'stricter']++;
      },
    ),
    { numRuns: NEARLY },
  );
  console.log(`wire: ${met.asNode} as node:http, ${met.stricter} stricter`);
  expect(met.stricter).toBeLessThan(NEARLY / 3);
}, 60_000);
