// CL.CL, CL.0 and 0.CL: a length that two servers read as two numbers, or that only one of them looks at (RFC 9112 §6.3).
import { test } from 'vitest';
import { ALONE, HIDDEN, REFUSED, startSmuggling } from './smuggling.ts';
import { headWith } from './world.ts';

const smuggling = await startSmuggling();
const PUT = 'PUT /reports/key HTTP/1.1';
const GET = 'GET /reports/key HTTP/1.1';
const BODY = 'abc';

test.each([
  'Content-Length: +3',
  'Content-Length: -3',
  'Content-Length: -0',
  'Content-Length: 0x3',
  'Content-Length: 0b11',
  'Content-Length: 3,3',
  'Content-Length: 3, 3',
  'Content-Length: 3,',
  'Content-Length: ,3',
  'Content-Length: 3;3',
  'Content-Length: 3 3',
  'Content-Length: 3\t3',
  'Content-Length: 3.0',
  'Content-Length: 3e0',
  'Content-Length: 3_',
  'Content-Length: 3a',
  'Content-Length: "3"',
  'Content-Length: ',
  'Content-Length:',
  'Content-Length',
  'Content-Length: \x0b3',
  'Content-Length: \x0c3',
  'Content-Length: 3\x0b',
  'Content-Length: 3\0',
  'Content-Length: \xa03',
  'Content-Length: 3\xa0',
  'Content-Length: \xb3',
  'Content-Length: 18446744073709551619',
  'Content-Length: 4294967299000000000000',
  'Content-Length: 9007199254740993',
  `Content-Length: ${'0'.repeat(40)}3`,
  'Content-Length: 3\r\nContent-Length: 3',
  'Content-Length: 3\r\nContent-Length: 0',
  `Content-Length: 3\r\nContent-Length: ${BODY.length + HIDDEN.length}`,
  'Content-Length: 3\r\ncontent-length: 4',
  'Content-Length: 3\r\nContent-Length: ',
  'Content-Length: 0\r\nX: a\r\nContent-Length: 3',
  'Content-Length:\r\n 3',
  'Content-Length: 0\r\n 3',
  'Content-Length : 3',
  'Content-Length\t: 3',
  ' Content-Length: 3',
  'X: a\nContent-Length: 3',
  'X: a\rContent-Length: 3',
  'X: a\0Content-Length: 3',
  'Content Length: 3',
  'Content-Length\0: 3',
  'Content-Length: 3\r\nTransfer-Encoding: identity',
])('%j is refused on every method', async (line) => {
  await smuggling.expects(headWith(`${line}\r\n`, PUT) + BODY + HIDDEN, REFUSED);
  await smuggling.expects(headWith(`${line}\r\n`, GET) + BODY + HIDDEN, REFUSED);
});

test.each(['3', '3 ', '  3', '\t3', '03', '000000000000003'])('%j is three bytes, and no more', async (length) => {
  const head = headWith(`Content-Length:${length}\r\n`, PUT);
  await smuggling.expects(head + BODY + HIDDEN, ALONE, { body: BODY });
});

test.each(['Content_Length', 'Content.Length', 'ContentLength', 'X-Content-Length', 'Content-Lengt'])(
  '%s tells no length: what follows is a request of its own',
  async (name) => {
    await smuggling.expects(headWith(`${name}: ${HIDDEN.length}\r\n`, PUT) + HIDDEN, ALONE, { body: '' });
  },
);

test.each(['GET', 'DELETE', 'HEAD', 'PUT'])(
  'the body of a %s is its body, and never a request (CL.0)',
  async (method) => {
    const head = headWith(`Content-Length: ${HIDDEN.length}\r\n`, `${method} /reports/key HTTP/1.1`);
    await smuggling.expects(head + HIDDEN, '200', { methods: [method], body: HIDDEN });
    await smuggling.expects(head + HIDDEN + HIDDEN, ALONE, { methods: [method], body: HIDDEN });
    const zero = headWith('Content-Length: 0\r\n', `${method} /reports/key HTTP/1.1`);
    await smuggling.expects(zero + HIDDEN, ALONE, { methods: [method] });
  },
);

test.each(['GET', 'DELETE', 'HEAD'])('the body of a refused %s is none either (0.CL)', async (method) => {
  const target = '/reports?policy';
  const head = headWith(`Content-Length: ${HIDDEN.length}\r\n`, `${method} ${target} HTTP/1.1`);
  await smuggling.expects(head + HIDDEN, '403', { methods: [method] });
  await smuggling.expects(head + HIDDEN + HIDDEN, '403 403', { methods: [method] });
});

test('a body longer than what comes is waited for, and what came is no request', async () => {
  const head = headWith(`Content-Length: ${HIDDEN.length + 1}\r\n`, PUT);
  await smuggling.expects(head + HIDDEN, '400 cut', { half: true });
});
