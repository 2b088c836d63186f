import { expect, it } from 'vitest';
import { REASON_NAMES } from '../../src/core/reasons.ts';
import { read } from './markdown.ts';

const LIFE = read('docs/life-of-a-request.md');
const HANDLE = read('src/proxy/handle.ts');

/** Names of the passes, in the order in which `handle` calls them. */
function passes(): string[] {
  const calls = HANDLE.slice(HANDLE.indexOf('export function handle')).matchAll(
    /(?<=[ =]|new )(frame|admit|identify|recognise|takeBundle|decideHead|guardHead|collect|guardBody|takeWidenings|depart|Answer)\(/g,
  );
  return [...calls].map(([, name]) => name!);
}

it('tells the passes that handle.ts has, in its order, between the listener and the record', () => {
  const told = [...LIFE.matchAll(/^### (\w+)$/gm)].map(([, name]) => name);
  expect(passes()).toEqual(
    expect.arrayContaining(['frame', 'identify', 'guardHead', 'collect', 'guardBody', 'Answer']),
  );
  expect(told).toEqual(['listener', ...passes(), 'record']);
});

it('shows the same passes in the same order in its picture', () => {
  const drawn = [...LIFE.matchAll(/^ {3}[├└]─ (\w+)/gm)].map(([, name]) => name);
  expect(drawn).toEqual(['listener', ...passes(), 'record']);
});

it('names only reasons that there are', () => {
  const known = new Set<string>(REASON_NAMES);
  const picture = /```text\n(.*?)```/s.exec(LIFE)![1]!;
  for (const [word] of picture.matchAll(/[a-z]+(?:_[a-z]+)+(?!\w|\*)/g)) expect(known).toContain(word);
});
