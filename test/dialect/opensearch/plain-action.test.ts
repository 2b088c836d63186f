import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MalformedJson, parseJson } from '../../../src/dialect/json.ts';
import { readPlainAction } from '../../../src/dialect/opensearch/plain-action.ts';

test('the form that clients write is read, with the place of each value', () => {
  const line = '{"index":{"_index":"logs","_id":"1"}}';
  const read = readPlainAction(line)!;
  expect(read.action).toBe('index');
  expect(read.keys).toEqual(['_index', '_id']);
  expect(read.values.map(({ start, end, value }) => [line.slice(start, end), value])).toEqual([
    ['"logs"', 'logs'],
    ['"1"', '1'],
  ]);
});

test.each([
  '{"index":{}}',
  '{"index":{"_id":1}}',
  '{"index": {"_id":"1"}}',
  '{"index":{"_id":"1"}} ',
  '{"index":{"_id":"\\u0031"}}',
  '{"index":{"_id":"1"},"delete":{"_id":"1"}}',
  '{"index":{"_id":"1","_id":"2"}}',
  '{"index":{"_id":"1",}}',
  '{"index":{"_id":"1"}}}',
  '{"index":{"_id":"1","a":"b"',
  '{"index":{"__proto__":"1"}}',
  '{"__proto__":{"_id":"1"}}',
  '{"index":{"_id":"1\t"}}',
  '',
  '{"}}',
])('%j is left to the parser of JSON', (line) => {
  expect(readPlainAction(line)).toBeNull();
});

test('what is read is what the parser of JSON reads, whatever pieces a line is made of', () => {
  const piece = fc.constantFrom(
    '{',
    '}',
    '"',
    ':',
    ',',
    '"index"',
    '"_index"',
    '"_id"',
    '"a"',
    '"logs"',
    '{"index":{',
    '}}',
    '":"',
    ' ',
    '\\',
  );
  let read = 0;
  const check = (line: string) => {
    const plain = readPlainAction(line);
    if (plain === null) return;
    read++;
    const root = parseJson(line);
    if (root.kind !== 'object' || root.values[0]?.kind !== 'object') throw new Error(`no action: ${line}`);
    const [meta] = root.values;
    expect([root.keys, meta.keys, meta.values]).toEqual([[plain.action], plain.keys, plain.values]);
  };
  const string = fc
    .string({ unit: fc.constantFrom('a', 'b', '{', '}', ',', ':', ' '), maxLength: 4 })
    .map((text) => `"${text}"`);
  const pair = fc.tuple(string, string).map(([key, value]) => `${key}:${value}`);
  const action = fc
    .tuple(string, fc.array(pair, { minLength: 1, maxLength: 4 }))
    .map(([name, pairs]) => `{${name}:{${pairs.join(',')}}}`);
  fc.assert(
    fc.property(
      fc.oneof(
        action,
        fc.array(piece, { maxLength: 14 }).map((pieces) => pieces.join('')),
      ),
      check,
    ),
    { numRuns: 20_000 },
  );
  expect(read).toBeGreaterThan(3000);
});

test('a key that comes twice is for the parser to refuse', () => {
  expect(() => parseJson('{"index":{"_id":"1","_id":"2"}}')).toThrow(MalformedJson);
});
