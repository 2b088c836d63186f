// Issue 3, section 4: trailing garbage. A streaming parser stops at the end of the first value, another reads all and takes the
// last, a lenient one knows comments and commas. What comes behind the value that was judged may be what is acted on. A body
// is one strict JSON object (RFC 8259) and nothing else.
import { test } from 'vitest';
import { ask, membersOf } from './inference-asks.ts';
import { DIALECTS, startInferenceWorld } from './inference-world.ts';

const world = await startInferenceWorld();

test.each([
  ['a second value', '{%}{"store":true}'],
  ['a second value on a line of its own', '{%}\n{"store":true}\n'],
  ['a word', '{%} x'],
  ['a zero byte', '{%}\0'],
  ['a comma', '{%},'],
  ['a bracket', '{%}}'],
  ['a comma before the end', '{%,}'],
  ['two commas', '{%,,"x":1}'],
  ['a comment', '{%/*,"store":false*/}'],
  ['a comment to the end of its line', '{% // x\n}'],
  ['a hash', '# x\n{%}'],
  ['a prefix against inclusion', ")]}',\n{%}"],
  ['a space that is none of JSON’s', '\u00a0{%}'],
  ['a vertical tab', '{%}\u000b'],
  ['a record separator (RFC 7464)', '\u001e{%}\n'],
  ['a name without quotes', '{%,store:true}'],
  ['a name in single quotes', "{%,'store':true}"],
  ['a number that JSON does not have', '{%,"x":NaN}'],
  ['a number with a zero before it', '{%,"x":01}'],
  ['a hexadecimal number', '{%,"x":0x1}'],
  ['a number that is not ended', '{%,"x":1.}'],
  ['a word that JSON does not have', '{%,"x":undefined}'],
  ['an escape that JSON does not have', '{%,"x":"\\x41"}'],
  ['an escaped line break', '{%,"x":"a\\\nb"}'],
  ['a list', '[{%}]'],
  ['a text', JSON.stringify('{}')],
  ['a word alone', 'null'],
  ['nothing', ''],
  ['spaces', ' \n '],
  ['half of it', '{%'],
])('%s is malformed, whoever is asked', async (_, pattern) => {
  for (const dialect of DIALECTS) {
    const body = pattern.replace('%', () => membersOf(dialect));
    await world.refuses(ask(dialect, { body }), { reason: 'request_malformed' });
  }
});

test('white space around it is none', async () => {
  for (const dialect of DIALECTS) await world.forwards(ask(dialect, { body: `\r\n\t {${membersOf(dialect)}} \n` }));
});
