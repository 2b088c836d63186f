// Issue 3, section 4: a few thousand bytes of gzip that inflate to gigabytes. What inflates past `limits.inspect_body_bytes` is refused
// as soon as it is past it: neither is it held, nor is it handed on uninspected. The bound holds for what is inside.
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { ask, membersOf } from './inference-asks.ts';
import { DIALECTS, startInferenceWorld } from './inference-world.ts';

const LIMIT = 64 * 1024;
const world = await startInferenceWorld({ settings: { limits: { inspect_body_bytes: LIMIT } } });
const headers = { 'content-encoding': 'gzip' };
const BOMBS = [
  ['64 MiB of spaces', gzipSync(Buffer.alloc(64 << 20, ' '))],
  ['64 MiB of brackets', gzipSync(Buffer.alloc(64 << 20, '['))],
  ['a byte more than the bound', gzipSync(Buffer.alloc(LIMIT + 1, ' '))],
] as const;

test.each(BOMBS)('%s is refused, whoever is asked, without being inflated', async (_, body) => {
  for (const dialect of DIALECTS) {
    const before = process.memoryUsage().arrayBuffers;
    await world.refuses(ask(dialect, { headers, body }), { reason: 'body_too_large_to_inspect' });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 << 20);
  }
});

test('a bomb behind an honest beginning is one', async () => {
  const body = gzipSync(Buffer.from(`{${membersOf('openai')}}${' '.repeat(LIMIT * 10)}{"store":true}`));
  await world.refuses(ask('openai', { headers, body }), { reason: 'body_too_large_to_inspect' });
});

test('what inflates to the bound exactly goes through', async () => {
  const text = `{${membersOf('openai')}}`;
  const body = gzipSync(text.padEnd(LIMIT, ' '));
  await world.forwards(ask('openai', { headers, body }));
});
