import { describe, expect, test } from 'vitest';
import { array, assert, constantFrom, jsonValue, nat, property } from 'fast-check';
import { decodeUtf8, MalformedJson, member, parseJson, splice, type JsonNode } from '../../../src/dialect/json.ts';

function plain(node: JsonNode): unknown {
  switch (node.kind) {
    case 'object':
      return Object.fromEntries(node.keys.map((key, i) => [key, plain(node.values[i] as JsonNode)]));
    case 'array':
      return node.items.map(plain);
    default:
      return node.value;
  }
}

function nodes(node: JsonNode): JsonNode[] {
  const below = node.kind === 'object' ? node.values : node.kind === 'array' ? node.items : [];
  return [node, ...below.flatMap(nodes)];
}

function problem(text: string, depth?: number): string {
  try {
    parseJson(text, depth === undefined ? {} : { depth });
  } catch (error) {
    if (error instanceof MalformedJson) return error.message;
    throw error;
  }
  return 'accepted';
}

describe('what JSON.parse accepts and we refuse, because two servers may read it in two ways', () => {
  test.each([
    ['{"a":1,"a":1}', 'duplicate key at 7'],
    ['{"store":true,"\\u0073tore":false}', 'duplicate key at 14'],
    ['{"__proto__":1}', 'key __proto__ at 1'],
    ['[{"\\u005f_proto__":{}}]', 'key __proto__ at 2'],
    ['"\\ud800"', 'lone surrogate at 0'],
    ['"\\udc00\\ud800"', 'lone surrogate at 0'],
    ['{"\\ud800":1}', 'lone surrogate at 1'],
    ['['.repeat(65) + ']'.repeat(65), 'nested too deeply at 64'],
  ])('%s', (text, expected) => {
    expect(() => JSON.parse(text)).not.toThrow();
    expect(problem(text)).toBe(expected);
  });

  test('a duplicate is found among many keys too', () => {
    const keys = Array.from({ length: 100 }, (_, i) => `"k${i}":0`);
    expect(problem(`{${keys.join()}}`)).toBe('accepted');
    expect(problem(`{${keys.join()},"k3":0}`)).toMatch(/^duplicate key/);
    expect(problem(`{${keys.slice(0, 12).join()},"k11":0}`)).toMatch(/^duplicate key/);
    expect(problem(`{${keys.slice(0, 13).join()},"k12":0}`)).toMatch(/^duplicate key/);
  });
});

describe('what is not JSON', () => {
  test.each(
    [
      '',
      ' ',
      '{',
      '[',
      '{"a"',
      '{"a":',
      '{"a":1',
      '[1',
      '[1,',
      '"a',
      '"\\',
      '"\\"',
      '{"a":1}x',
      '{}{}',
      '1 2',
      '[1,]',
      '[,1]',
      '{,}',
      '{"a":1,}',
      '{a:1}',
      "{'a':1}",
      '{"a" 1}',
      '{1:1}',
      '[1 2]',
      '{"a":1]',
      '[1}',
      '01',
      '-',
      '+1',
      '.5',
      '1.',
      '1.e3',
      '1e',
      '1e+',
      '0x10',
      '-01',
      '--1',
      'NaN',
      'Infinity',
      '-Infinity',
      'True',
      'nul',
      'truefalse',
      '"\u0001"',
      '"a\nb"',
      '"\t"',
      '"\\x41"',
      '"\\u12"',
      '"\\u12g4"',
      '"\\\'"',
      '// x\n1',
      '/* x */1',
      '\ufeff{}',
      '{}\ufeff',
      '\u00a0{}',
      '{\u0000}',
      '\v1',
      '\f1',
      '1\u2028',
    ].map((text) => [text]),
  )('%j', (text) => {
    expect(() => JSON.parse(text)).toThrow(SyntaxError);
    expect(problem(text)).toMatch(/ at \d+$/);
  });
});

test('the position of the problem is told, and nothing of the text', () => {
  expect(problem('{"secret": tru}')).toBe('unexpected character at 11');
  expect(problem('["secret"')).toBe('unexpected end at 9');
});

test('nesting is bounded before it is followed, so no text overflows the stack', () => {
  expect(problem('['.repeat(64) + ']'.repeat(64))).toBe('accepted');
  expect(problem('[{"a":'.repeat(1_000_000))).toBe('nested too deeply at 192');
  expect(problem('['.repeat(512) + ']'.repeat(512), 512)).toBe('accepted');
  expect(problem('[[]]', 1)).toBe('nested too deeply at 1');
  expect(() => parseJson('[]', { depth: 513 })).toThrow(TypeError);
  expect(() => parseJson('[]', { depth: Number.NaN })).toThrow(TypeError);
});

test('siblings do not count as depth', () => {
  expect(problem(`[${'[[]],'.repeat(500)}{}]`, 3)).toBe('accepted');
});

describe('a text of a megabyte is read in line with its length', () => {
  test.each([
    ['keys', `{${Array.from({ length: 90_000 }, (_, i) => `"k${i}":0`).join()}}`],
    ['escapes', `"${'\\u0041\\n'.repeat(125_000)}"`],
    ['spaces', `${' '.repeat(1_000_000)}1`],
    ['items', `[${'1,'.repeat(500_000)}1]`],
    ['strings', `[${'"\\"a",'.repeat(160_000)}1]`],
    ['digits', '1'.repeat(1_000_000)],
  ])('%s', (_, text) => {
    const { user } = process.cpuUsage();
    expect(problem(text)).toBe('accepted');
    // Tens of milliseconds; at a step per pair of characters, or of keys, it would be minutes.
    expect(process.cpuUsage().user - user).toBeLessThan(4_000_000);
  });
});

test('every value that JSON.parse accepts has the same value here, unless it is refused for a listed reason', () => {
  const listed = /^(duplicate key|key __proto__|lone surrogate|nested too deeply) at \d+$/;
  let accepted = 0;
  assert(
    property(jsonValue({ noUnicodeString: false, maxDepth: 6 }), nat(3), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      const outcome = problem(text);
      if (outcome !== 'accepted') return listed.test(outcome);
      accepted++;
      expect(plain(parseJson(text))).toEqual(JSON.parse(text));
      return true;
    }),
    { numRuns: 1_000 },
  );
  expect(accepted).toBeGreaterThan(750);
});

const TOKENS = [
  ...'{}[]:,0-1.eE+ \n\t\r\u0000\ufeff\u00e9\u2028"\\',
  ...'"a" "b" "\\u0061" "\\ud83d\\ude00" "\\ud83d" \\u00 12 true false null nu "__proto__" [] {} {"a": [1, 1e5 -0 0.5'.split(
    ' ',
  ),
];

test('texts that are nearly JSON are judged as JSON.parse judges them, or more strictly for a listed reason', () => {
  const listed = /^(duplicate key|key __proto__|lone surrogate|nested too deeply) at \d+$/;
  const token = constantFrom(...TOKENS);
  const tally = { both: 0, neither: 0 };
  assert(
    property(array(token, { maxLength: 9 }), (tokens) => {
      const text = tokens.join('');
      let theirs: unknown;
      let refused = false;
      try {
        theirs = JSON.parse(text);
      } catch {
        refused = true;
      }
      const outcome = problem(text);
      if (refused) {
        tally.neither++;
        return outcome !== 'accepted';
      }
      if (outcome !== 'accepted') return listed.test(outcome);
      tally.both++;
      expect(plain(parseJson(text))).toEqual(theirs);
      return true;
    }),
    { numRuns: 15_000 },
  );
  expect(tally.both).toBeGreaterThan(300);
  expect(tally.neither).toBeGreaterThan(1_000);
});

test('every node spans exactly its own text', () => {
  assert(
    property(jsonValue({ maxDepth: 5 }), nat(2), (value, indent) => {
      const text = ` ${JSON.stringify(value, null, indent)}\n`;
      if (problem(text) !== 'accepted') return;
      for (const node of nodes(parseJson(text))) {
        expect(JSON.parse(text.slice(node.start, node.end))).toEqual(plain(node));
        if (node.kind !== 'object') continue;
        node.keys.forEach((key, i) => {
          expect(text.startsWith(JSON.stringify(key), node.keyStarts[i])).toBe(true);
        });
      }
    }),
    { numRuns: 500 },
  );
});

test('members are found by their exact name, however it is escaped', () => {
  const root = parseJson('{"Store":1,"\\u0073tore":2,"constructor":3,"toString":4}');
  expect(member(root, 'store')).toMatchObject({ kind: 'number', value: 2, start: 24 });
  expect(member(root, 'constructor')).toMatchObject({ value: 3 });
  expect(member(root, 'hasOwnProperty')).toBeNull();
  expect(member(parseJson('[1]'), '0')).toBeNull();
});

test('a splice changes its spans and keeps every other character', () => {
  const text = '{"a": 1 ,"b":"\u{1f600}x" , "c":[]}';
  const root = parseJson(text);
  const a = member(root, 'a') as JsonNode;
  const c = member(root, 'c') as JsonNode;
  const edits = [
    { start: c.start, end: c.end, text: 'null' },
    { start: a.start, end: a.end, text: '22' },
    { start: 1, end: 1, text: '"z":0,' },
  ];
  expect(splice(text, edits)).toBe('{"z":0,"a": 22 ,"b":"\u{1f600}x" , "c":null}');
  expect(splice(text, [])).toBe(text);
  expect(() => splice(text, [edits[0] as never, { start: c.start, end: c.end, text: '' }])).toThrow(TypeError);
  expect(() => splice(text, [{ start: 3, end: 2, text: '' }])).toThrow(TypeError);
  expect(() => splice(text, [{ start: 0, end: 1_000, text: '' }])).toThrow(TypeError);
});

describe('bytes', () => {
  test('UTF-8 is decoded, and a byte order mark is left for the parser to refuse', () => {
    expect(decodeUtf8(Buffer.from('{"é":"\u{1f600}"}'))).toBe('{"é":"\u{1f600}"}');
    expect(problem(decodeUtf8(Buffer.from([0xef, 0xbb, 0xbf, 0x7b, 0x7d])))).toBe('unexpected character at 0');
  });

  test.each([
    ['UTF-16 little-endian', Buffer.from('{"a":1}', 'utf16le')],
    ['UTF-16 big-endian', Buffer.from('{"a":1}', 'utf16le').swap16()],
    ['UTF-16 with a mark', Buffer.from('\ufeff{}', 'utf16le')],
    ['UTF-32', Buffer.from([0, 0, 0, 0x7b])],
    ['Latin-1', Buffer.from('"é"', 'latin1')],
    ['an overlong slash', Buffer.from([0x22, 0xc0, 0xaf, 0x22])],
    ['an encoded surrogate', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
    ['a cut sequence', Buffer.from([0x22, 0xe2, 0x82])],
  ])('%s is refused', (_, bytes) => {
    expect(() => decodeUtf8(bytes)).toThrow(MalformedJson);
  });
});
