import { expect, test } from 'vitest';
import { Gathered } from '../../src/wire/gathered.ts';

test.each([0, 10, 100_000])('what was added is there, in one piece, with %i bytes expected', (expected) => {
  const body = new Gathered(expected);
  const bytes = Buffer.from('abcdefghij');
  let all = '';
  for (let i = 0; i < 5000; i++) {
    body.add(bytes, i % 7, 8);
    all += bytes.toString('latin1', i % 7, 8);
  }
  expect(body.length).toBe(all.length);
  expect(body.take().toString('latin1')).toBe(all);
});

test('a hundred thousand single bytes are held in no more than twice their size', () => {
  const body = new Gathered(0);
  for (let i = 0; i < 100_000; i++) body.add(Buffer.from('x'), 0, 1);
  expect(body.take().buffer.byteLength).toBeLessThanOrEqual(200_000);
});

test('nothing is an empty body', () => {
  expect(new Gathered(5).take()).toHaveLength(0);
});
