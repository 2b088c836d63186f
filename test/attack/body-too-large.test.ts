// Issue 3, section 4: "never buffered, except what a guard must read, bounded by `limits.inspect_body_bytes`". A guard that reads the
// first megabyte and lets the rest pass is passed by whoever puts a megabyte of spaces first. Past the bound a request is
// refused, at once where its length tells, and a client that waits is not told to go on.
import { expect, test } from 'vitest';
import { fieldOf } from './answers.ts';
import { ask, membersOf } from './inference-asks.ts';
import { DIALECTS, expectRefusal, startInferenceWorld, type InferenceDialect } from './inference-world.ts';
import { raw } from './world.ts';

const LIMIT = 4096;
const world = await startInferenceWorld({ settings: { limits: { inspect_body_bytes: LIMIT } } });
const refused = { reason: 'body_too_large_to_inspect' } as const;
const padded = (dialect: InferenceDialect, length: number, behind = '') =>
  `{${' '.repeat(length - membersOf(dialect).length - behind.length - 2)}${membersOf(dialect)}${behind}}`;
const chunked = (text: string, size: number) => {
  let out = '';
  for (let i = 0; i < text.length; i += size) {
    const piece = text.slice(i, i + size);
    out += `${piece.length.toString(16)}\r\n${piece}\r\n`;
  }
  return `${out}0\r\n\r\n`;
};

test.each(DIALECTS)(
  '%s: a body a byte longer than the bound is refused, by length, in chunks and over HTTP/2',
  async (dialect) => {
    const body = padded(dialect, LIMIT + 1);
    await world.refuses(ask(dialect, { body }), refused);
    await world.refuses(ask(dialect, { body }), refused, 2);
    for (const size of [1000, LIMIT + 1]) {
      const headers = { 'transfer-encoding': 'chunked' };
      await world.refuses(ask(dialect, { headers, body: chunked(body, size) }), refused);
    }
  },
);

test('what stands past the bound is never reached, so never let through', async () => {
  await world.refuses(ask('openai', { body: padded('openai', LIMIT * 4, ',"background":true') }), refused);
  await world.refuses(ask('anthropic', { body: padded('anthropic', LIMIT * 4, ',"mcp_servers":[{}]') }), refused);
});

test('a client that waits before it sends too much is refused and not told to go on', async () => {
  for (const dialect of DIALECTS) {
    const attack = ask(dialect);
    const head =
      `POST ${attack.target} HTTP/1.1\r\nHost: x\r\nX-Tenant-ID: acme\r\nX-Data-Classification: identity\r\n` +
      `Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: ${LIMIT + 1}\r\n\r\n`;
    const answers = await world.silently(refused, dialect, () => raw(world.port, head));
    expect(answers.map(({ status }) => status)).toEqual([413]);
    expectRefusal(answers[0]!, refused, attack);
    expect(fieldOf(answers[0]!, 'connection')).toBe('close');
  }
});

test('a length that no body has is refused by the number alone', async () => {
  const head = `POST /v1/responses HTTP/1.1\r\nHost: x\r\nX-Tenant-ID: acme\r\nX-Data-Classification: identity\r\n`;
  const answers = await world.silently(refused, 'openai', () =>
    raw(world.port, `${head}Content-Type: application/json\r\nContent-Length: 999999999999999\r\n\r\n{`),
  );
  expect(answers.map(({ status }) => status)).toEqual([413]);
});

test('a body of the bound exactly is read and sent', async () => {
  for (const dialect of DIALECTS)
    for (const wire of [1, 2] as const) await world.forwards(ask(dialect, { body: padded(dialect, LIMIT) }), wire);
});
