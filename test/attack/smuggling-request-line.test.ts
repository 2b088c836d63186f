// Request lines that two servers read as two targets, two hosts or two versions (RFC 9112 §3).
import { test } from 'vitest';
import { ALONE, HIDDEN, REFUSED, startSmuggling } from './smuggling.ts';
import { headWith } from './world.ts';

const smuggling = await startSmuggling();

test.each([
  'GET http://other/reports/key HTTP/1.1',
  'GET http://127.0.0.1:1/reports/key HTTP/1.1',
  'GET http://a@127.0.0.1/reports/key HTTP/1.1',
  'GET http://127.0.0.1@other/reports/key HTTP/1.1',
  'GET http://127.0.0.1#@other/reports/key HTTP/1.1',
  'GET http:///reports/key HTTP/1.1',
  'GET http:/reports/key HTTP/1.1',
  'GET ftp://127.0.0.1/reports/key HTTP/1.1',
  'GET file:///reports/key HTTP/1.1',
  'GET 127.0.0.1/reports/key HTTP/1.1',
  'GET reports/key HTTP/1.1',
  'GET * HTTP/1.1',
  'GET ?x HTTP/1.1',
  'GET @other/reports/key HTTP/1.1',
  'GET  /reports/key HTTP/1.1',
  'GET /reports/key  HTTP/1.1',
  'GET /reports/key\tHTTP/1.1',
  'GET /reports/key\x0cHTTP/1.1',
  '\nGET /reports/key HTTP/1.1',
  '\r\n\r\nGET /reports/key HTTP/1.1',
  '\rGET /reports/key HTTP/1.1',
  'GET /reports/key HTTP/1.1 ',
  'GET /reports/key HTTP/1.1\t',
  'GET /reports/key HTTP/1.1 x',
  'GET /reports/key HTTP/1.1\r',
  'GET /reports/key HTTP/1.1/../other HTTP/1.1',
  'GET /reports/a b HTTP/1.1',
  'GET /reports/key HTTP/1.1\nX: a',
  'GET /reports/key\rX HTTP/1.1',
  'GET /reports/key\nX HTTP/1.1',
  'GET /reports/key\0 HTTP/1.1',
  'GET /reports/\x80 HTTP/1.1',
  'GET /reports/\xff HTTP/1.1',
  'GET /reports/\xe5\x98\x8a HTTP/1.1',
  'GET /reports/\x7f HTTP/1.1',
  'GET /reports/key#fragment HTTP/1.1',
  'GET /reports/key#?policy HTTP/1.1',
  'GET /reports\\key HTTP/1.1',
  'GET /reports/%00 HTTP/1.1',
  'GET /reports/%zz HTTP/1.1',
  'GET /reports/% HTTP/1.1',
  'GET /reports/key',
  'GET /reports/key ',
  'GET /reports/key HTTP/0.9',
  'GET /reports/key HTTP/1.2',
  'GET /reports/key HTTP/2.0',
  'GET /reports/key HTTP/3.0',
  'GET /reports/key HTTP/1',
  'GET /reports/key HTTP/1.',
  'GET /reports/key HTTP/1.10',
  'GET /reports/key HTTP/01.1',
  'GET /reports/key HTTP/11',
  'GET /reports/key http/1.1',
  'GET /reports/key Http/1.1',
  'GET /reports/key HTTPS/1.1',
  'GET /reports/key HTTP /1.1',
  'GET /reports/key HTTP/1,1',
  'GET /reports/key HTTP/ 1.1',
  'GET /reports/key RTSP/1.0',
  'GET /reports/key ICY/1.1',
])('%j is refused', async (first) => {
  await smuggling.expects(headWith('', first) + HIDDEN, REFUSED);
});

// What stands where the method should is none that is known (RFC 9110 §9.1): 501, and the connection ends likewise.
test.each([
  'GET\t/reports/key HTTP/1.1',
  'GET\x0b/reports/key HTTP/1.1',
  ' GET /reports/key HTTP/1.1',
  '\tGET /reports/key HTTP/1.1',
  'GET',
  'HTTP/1.1 200 OK',
])('%j names no method that is known', async (first) => {
  await smuggling.expects(headWith('', first) + HIDDEN, '501');
});

test.each(['get', 'Get', 'GETX', 'GE\0T', 'G\xc9T', 'GIVE', 'BREW', '"GET"', '{}', '', 'PRIX', '*'])(
  'the method %j is refused',
  async (method) => {
    await smuggling.expects(headWith('', `${method} /reports/key HTTP/1.1`) + HIDDEN, '501');
  },
);

test.each(['http://127.0.0.1/reports/key', 'HTTP://127.0.0.1/reports/key', 'https://127.0.0.1/reports/key'])(
  'the absolute form %s of the same host leaves in origin form',
  async (target) => {
    await smuggling.expects(headWith('', `GET ${target} HTTP/1.1`) + HIDDEN, ALONE);
  },
);

test.each([
  '/reports/key%0d%0aX-Tenant-ID:%20globex',
  '/reports/a%20HTTP/1.1',
  '/reports/%E5%98%8A',
  '/reports/%23key',
])('the target %s stays one target', async (target) => {
  await smuggling.expects(headWith('', `GET ${target} HTTP/1.1`) + HIDDEN, ALONE);
});

test('an empty line before a request is ignored, and the next is its own', async () => {
  await smuggling.expects(`\r\n${headWith('')}\r\n${HIDDEN}`, ALONE);
});

test('HTTP/1.0 ends with its answer, unless it asks to stay', async () => {
  const first = 'GET /reports/key HTTP/1.0';
  await smuggling.expects(headWith('', first) + HIDDEN, '200');
  await smuggling.expects(headWith('Connection: keep-alive\r\n', first) + HIDDEN, ALONE);
});

test('what is nearly the preface of HTTP/2 is no request', async () => {
  await smuggling.expects(`PRI * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n${HIDDEN}`, REFUSED);
  await smuggling.expects(`PRI / HTTP/2.0\r\n\r\n${HIDDEN}`, REFUSED);
});
