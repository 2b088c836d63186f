// Issue 3, section 4: deep nesting. Every parser has a depth at which it stops, and stops differently: one cuts off, one crashes,
// one takes the rest for text. A body of brackets is also the cheapest way to exhaust a stack. Past a fixed depth a body is
// malformed, long before any parser's own limit.
import { test } from 'vitest';
import { ask, membersOf } from './inference-asks.ts';
import { DIALECTS, startInferenceWorld } from './inference-world.ts';

const world = await startInferenceWorld();
const nested = (open: string, inside: string, close: string, depth: number) =>
  open.repeat(depth) + inside + close.repeat(depth);

test.each([64, 1000, 100_000])('arrays and objects %d deep are malformed, whoever is asked', async (depth) => {
  for (const dialect of DIALECTS) {
    const members = membersOf(dialect);
    for (const value of [nested('[', '', ']', depth), nested('{"a":', '1', '}', depth)])
      await world.refuses(ask(dialect, { body: `{${members},"x":${value}}` }), { reason: 'request_malformed' });
  }
});

test.each(['[', '{"a":', '[{"a":'])(
  '%s opened a hundred thousand times and never closed is malformed',
  async (open) => {
    for (const dialect of DIALECTS)
      await world.refuses(ask(dialect, { body: open.repeat(100_000) }), { reason: 'request_malformed' });
  },
);

test('what is opaque to the guard is no place for it either', async () => {
  const schema = nested('{"properties":', '{}', '}', 1000);
  const tools = `"tools":[{"type":"function","name":"f","parameters":${schema}}]`;
  await world.refuses(ask('openai', { body: `{${membersOf('openai')},${tools}}` }), { reason: 'request_malformed' });
});

test('a body as deep as honest ones are goes through', async () => {
  const schema = nested('{"properties":', '{}', '}', 40);
  const tools = `"tools":[{"type":"function","name":"f","parameters":${schema}}]`;
  await world.forwards(ask('openai', { body: `{${membersOf('openai')},${tools}}` }));
});
