// Lines of a head that two servers part in two ways, or whose name they read as two names (RFC 9112 §2.2, §5, RFC 9110
// §5.5). The field in it is the one that would matter: who asks, for which host, how long the body is.
import { test } from 'vitest';
import { ALONE, HIDDEN, REFUSED, startSmuggling } from './smuggling.ts';
import { headWith } from './world.ts';

const smuggling = await startSmuggling();
const GET = 'GET /reports/key HTTP/1.1';
const OTHER = 'X-Tenant-ID: globex';

test.each([
  ['a bare LF', `X: a\n${OTHER}`],
  ['a bare CR', `X: a\r${OTHER}`],
  ['LF and CR', `X: a\n\r${OTHER}`],
  ['two CR and LF', `X: a\r\r\n${OTHER}`],
  ['two LF', `X: a\n\n${HIDDEN}`],
  ['LF, CR, LF', `X: a\n\r\n${HIDDEN}`],
  ['two CR', `X: a\r\r${HIDDEN}`],
  ['a NUL', `X: a\0${OTHER}`],
  ['a vertical tab', `X: a\x0b${OTHER}`],
  ['a form feed', `X: a\x0c${OTHER}`],
  ['an escape', `X: a\x1b${OTHER}`],
  ['a DEL', `X: a\x7f${OTHER}`],
  ['a folded line', `X: a\r\n ${OTHER}`],
  ['a line folded by a tab', `X: a\r\n\t${OTHER}`],
  ['an empty line with a space in it', `X: a\r\n \r\n${OTHER}`],
  ['a folded identity', `X-Subject-ID: a\r\n b`],
  ['an identity that begins on the next line', `X-Subject-ID:\r\n a`],
  ['a space before the colon', 'X-Subject-ID : a'],
  ['a tab before the colon', 'X-Subject-ID\t: a'],
  ['a space before the name', ' X-Subject-ID: a'],
  ['a NUL in the name', 'X-Subject\0-ID: a'],
  ['a vertical tab in the name', 'X-Subject\x0b-ID: a'],
  ['a byte beyond ASCII in the name', 'X-Subject\x85-ID: a'],
  ['a space in the name', 'X Subject-ID: a'],
  ['quotes about the name', '"X-Subject-ID": a'],
  ['parentheses in the name', 'X-Subject(ID): a'],
  ['no colon', 'X-Subject-ID'],
  ['an equals sign for a colon', 'X-Subject-ID=a'],
  ['an empty name', ': a'],
  ['an empty name and a space', ' : a'],
  ['a request line', 'GET /reports/other HTTP/1.1'],
  ['a second host', 'Host: other'],
  ['a second host of the same name', 'Host: 127.0.0.1'],
  ['a folded second host', 'Host:\r\n other'],
  ['a host with a space before its colon', 'Host : other'],
])('%s is refused', async (_, line) => {
  await smuggling.expects(headWith(`${line}\r\n`, GET) + HIDDEN, REFUSED);
  await smuggling.expects(
    headWith(`${line}\r\nContent-Length: 3\r\n`, 'PUT /reports/key HTTP/1.1') + `abc${HIDDEN}`,
    REFUSED,
  );
});

test.each([
  ['none', ''],
  ['an empty one', 'Host:\r\n'],
  ['a folded one', 'Host: 127.0.0.1\r\n :1\r\n'],
  ['one that begins on the next line', 'Host:\r\n 127.0.0.1\r\n'],
  ['one ended by LF', 'Host: 127.0.0.1\n'],
  ['one ended by CR', 'Host: 127.0.0.1\r'],
  ['one before which a space stands', ' Host: 127.0.0.1\r\n'],
  ['one before which a line folds', 'X: a\r\n Host: 127.0.0.1\r\n'],
  ['one with a NUL', 'Host: 127.0.0.1\0\r\n'],
])('of hosts, %s is refused', async (_, host) => {
  await smuggling.expects(headWith('', GET, host) + HIDDEN, REFUSED);
});

test('a head whose lines end in LF is refused, all of them or the last', async () => {
  await smuggling.expects(headWith('', GET).replaceAll('\r\n', '\n') + HIDDEN, REFUSED);
  await smuggling.expects(headWith('', GET).replace(/\r\n$/, '\n') + HIDDEN, REFUSED);
  await smuggling.expects(headWith('', GET).replace(/\r\n\r\n$/, '\n\n') + HIDDEN, REFUSED);
  await smuggling.expects(headWith('', GET).replace('\r\n', '\n') + HIDDEN, REFUSED);
});

// What is no end of a line on any reading travels in its field, and nothing of it becomes another.
test.each([
  ['what once was cut down to CR and LF', 'X-A: \u00e5\u0098\u008d\u00e5\u0098\u008aX-Tenant-ID: globex'],
  ['a next line', `X-A: a\x85${OTHER}`],
  ['percent-encoded ends of lines', `X-A: a%0d%0a${OTHER}`],
  ['escaped ends of lines', `X-A: a\\r\\n${OTHER}`],
  ['another name in the value', `X-A: b: ${OTHER}`],
  ['no value', 'X-A:'],
])('%s stays within its field', async (_, line) => {
  await smuggling.expects(headWith(`${line}\r\n`, GET) + HIDDEN, ALONE);
});
