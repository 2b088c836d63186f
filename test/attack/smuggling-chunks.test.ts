// Chunks that end at two places (RFC 9112 §7.1): TERM.EXT, EXT.TERM, TERM.SPILL, SPILL.TERM and ONE.TWO of the chunk
// line, sizes that overflow, trailers that are heads. Where a body streams, a part of it is on its way by then: the region
// sees a request that is never whole. Where it is inspected, nothing leaves.
import { test } from 'vitest';
import { ALONE, HIDDEN, REFUSED, startSmuggling } from './smuggling.ts';
import { headWith } from './world.ts';

const smuggling = await startSmuggling();
const LINES = 'Transfer-Encoding: chunked\r\n';
const PUT = headWith(LINES, 'PUT /reports/key HTTP/1.1');
const SEARCH = headWith(`Content-Type: application/json\r\n${LINES}`, 'POST /notes/_search HTTP/1.1');
const END = '0\r\n\r\n';
const size = (text: string) => text.length.toString(16);

test.each([
  ['a prefix', `0x2\r\n{}\r\n${END}`],
  ['a prefix in capitals', `0X2\r\n{}\r\n${END}`],
  ['a sign', `+2\r\n{}\r\n${END}`],
  ['a sign of the other kind', `-2\r\n{}\r\n${END}`],
  ['64 bits and three', `10000000000000002\r\n{}\r\n${END}`],
  ['64 bits', `ffffffffffffffff\r\n{}\r\n${END}`],
  ['63 bits', `7fffffffffffffff\r\n{}\r\n${END}`],
  ['zeros in front', `${'0'.repeat(32)}2\r\n{}\r\n${END}`],
  ['a space in front', ` 2\r\n{}\r\n${END}`],
  ['a tab in front', `\t2\r\n{}\r\n${END}`],
  ['a space behind', `2 \r\n{}\r\n${END}`],
  ['a tab behind', `2\t\r\n{}\r\n${END}`],
  ['a space within', `0 2\r\n{}\r\n${END}`],
  ['an underscore', `0_2\r\n{}\r\n${END}`],
  ['quotes', `"2"\r\n{}\r\n${END}`],
  ['a letter that is no digit', `2g\r\n{}\r\n${END}`],
  ['a NUL', `2\0\r\n{}\r\n${END}`],
  ['a vertical tab', `2\x0b\r\n{}\r\n${END}`],
  ['a next line', `2\x85\r\n{}\r\n${END}`],
  ['no digit', `\r\n{}\r\n${END}`],
  ['an extension alone', `;a\r\n{}\r\n${END}`],
  ['a bare LF', `2\n{}\r\n${END}`],
  ['a bare CR', `2\r{}\r\n${END}`],
  ['two CR', `2\r\r\n{}\r\n${END}`],
  ['LF and CR', `2\n\r{}\r\n${END}`],
])('a chunk size with %s is refused', async (_, body) => {
  await smuggling.expects(SEARCH + body + HIDDEN, REFUSED, { service: 'search' });
  await smuggling.expects(PUT + body + HIDDEN, '400 cut');
});

const SPILL = `${size(`${END}${HIDDEN}`)}\r\n${END}${HIDDEN}\r\n${END}`;

test.each([
  [
    'TERM.EXT: LF ends the line to one, and is a part of the extension to the other',
    `2;\n{}\r\n${size(HIDDEN)}\r\n${END}`,
  ],
  ['TERM.EXT behind a name', `2;a\n{}\r\n${END}`],
  ['TERM.EXT behind a value', `2;a=b\n{}\r\n${END}`],
  ['TERM.EXT with a CR', `2;a\r{}\r\n${END}`],
  ['TERM.EXT within quotes', `2;a="\n{}\r\n${END}"\r\n`],
  ['TERM.EXT with the end of the line in quotes', `2;a="\r\n{}\r\n${END}`],
  ['EXT.TERM: LF within an extension that goes on', `2;\nxx\r\n{}\r\n${END}`],
  ['EXT.TERM with a CR', `2;\rxx\r\n{}\r\n${END}`],
  ['EXT.TERM with a size behind', `2;\n2\r\n{}\r\n${END}`],
  ['EXT.TERM of the last chunk', `2\r\n{}\r\n0;\n\r\n\r\n`],
  ['TERM.SPILL: LF ends the data', `2\r\n{}\n${SPILL}`],
  ['TERM.SPILL with a CR', `2\r\n{}\r${SPILL}`],
  ['SPILL.TERM: two bytes, whatever they are, end the data', `2\r\n{}xx${SPILL}`],
  ['SPILL.TERM with LF and a digit', `2\r\n{}\n0\r\n${SPILL}`],
  ['SPILL.TERM with CR and a digit', `2\r\n{}\r0\r\n${SPILL}`],
  ['SPILL.TERM with LF and CR', `2\r\n{}\n\r${SPILL}`],
  ['SPILL.TERM with two LF', `2\r\n{}\n\n${SPILL}`],
  ['nothing ends the data', `2\r\n{}${SPILL}`],
  ['data longer than its size', `2\r\n{ }\r\n${END}`],
  ['data shorter than its size', `3\r\n{}\r\n${END}`],
  ['ONE.TWO: two bytes are skipped behind the end, whatever they are', `2\r\n{}\r\n0\r\nxx`],
  ['ONE.TWO with one LF', `2\r\n{}\r\n0\r\n\n`],
  ['ONE.TWO with a CR', `2\r\n{}\r\n0\r\n\r`],
  ['the end of the last chunk told by LF', `2\r\n{}\r\n0\n\n`],
  ['the end of the last chunk told by CR', `2\r\n{}\r\n0\r\r`],
  ['a last chunk of many zeros and a sign', `2\r\n{}\r\n-0\r\n\r\n`],
  ['an extension with a blank', `2; a\r\n{}\r\n${END}`],
  ['an extension in quotes', `2;a="b"\r\n{}\r\n${END}`],
  ['an extension with a NUL', `2;a=\0\r\n{}\r\n${END}`],
  ['an extension without a name', `2;\r\n{}\r\n${END}`],
])('%s: refused', async (_, body) => {
  await smuggling.expects(SEARCH + body + HIDDEN, REFUSED, { service: 'search' });
  await smuggling.expects(PUT + body + HIDDEN, '400 cut');
});

test.each([
  ['a bare LF', 'X: a\nY: b\r\n'],
  ['a bare CR', 'X: a\rY: b\r\n'],
  ['an end told by LF', 'X: a\n\n'],
  ['a folded line', 'X: a\r\n b\r\n'],
  ['a space before the colon', 'X : a\r\n'],
  ['no colon', 'X\r\n'],
  ['an empty name', ': a\r\n'],
  ['a NUL', 'X: a\0\r\n'],
  ['a request line', HIDDEN],
  ['a length', `Content-Length: ${HIDDEN.length}\r\n`],
  ['a coding', 'Transfer-Encoding: chunked\r\n'],
  ['a connection option', 'Connection: keep-alive\r\n'],
  ['a trailer of trailers', 'Trailer: x\r\n'],
])('a trailer with %s is refused', async (_, trailer) => {
  const body = `2\r\n{}\r\n0\r\n${trailer}\r\n`;
  await smuggling.expects(SEARCH + body + HIDDEN, REFUSED, { service: 'search' });
  await smuggling.expects(PUT + body + HIDDEN, '400 cut');
});

test.each([
  ['plain', `2\r\n{}\r\n${END}`],
  ['in two', `1\r\n{\r\n1\r\n}\r\n${END}`],
  ['with zeros in front', `002\r\n{}\r\n000\r\n\r\n`],
  ['with extensions', `2;a;b=c\r\n{}\r\n0;d\r\n\r\n`],
  ['with trailers', `2\r\n{}\r\n0\r\nX-Tenant-ID: globex\r\nHost: a\r\n\r\n`],
])('a body %s is passed on without extensions and trailers, and the next request is its own', async (_, body) => {
  await smuggling.expects(PUT + body + HIDDEN, ALONE, { body: '{}' });
});

test('a request within a chunk is data, however it is cut into chunks', async () => {
  const [a, b] = [HIDDEN.slice(0, 7), HIDDEN.slice(7)];
  const body = `${size(a)}\r\n${a}\r\n${size(b)}\r\n${b}\r\n${END}`;
  await smuggling.expects(PUT + body + HIDDEN, ALONE, { body: HIDDEN });
  await smuggling.expects(PUT + SPILL + HIDDEN, ALONE, { body: `${END}${HIDDEN}` });
});
