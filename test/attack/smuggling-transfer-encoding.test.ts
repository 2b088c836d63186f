// CL.TE, TE.CL and TE.TE: two servers that disagree on which of two framings counts. Behind each the hidden request stands
// where one of the readings ends (RFC 9112 §6.3 and §11.2).
import { test } from 'vitest';
import { ALONE, HIDDEN, REFUSED, startSmuggling } from './smuggling.ts';
import { headWith } from './world.ts';

const smuggling = await startSmuggling();
const PUT = 'PUT /reports/key HTTP/1.1';
const END = '0\r\n\r\n';
/** The hidden request as a chunk: data to the one, a request to the other. */
const CHUNK = `${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n${END}`;

/** Lines that some server takes for chunked coding, and another does not. */
const CODINGS = [
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding: chunkedx',
  'Transfer-Encoding: chunk',
  'Transfer-Encoding : chunked',
  'Transfer-Encoding\t: chunked',
  'Transfer-Encoding:\x0bchunked',
  'Transfer-Encoding: \x0bchunked',
  'Transfer-Encoding: \x0cchunked',
  'Transfer-Encoding: chunked\x0b',
  'Transfer-Encoding: chunked\0',
  'Transfer-Encoding: \0chunked',
  'Transfer-Encoding: chunked\x80',
  'Transfer-Encoding: \xffchunked',
  'Transfer-Encoding: chunked\xa0',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding: identity, chunked',
  'Transfer-Encoding: identity',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: chunked, chunked',
  'Transfer-Encoding: chunked,',
  'Transfer-Encoding: ,chunked',
  'Transfer-Encoding: chunked;q=1',
  'Transfer-Encoding: chunked; a',
  'Transfer-Encoding: "chunked"',
  "Transfer-Encoding: 'chunked'",
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity',
  'Transfer-Encoding: identity\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: x\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: chunked\r\nTransfer-encoding: x',
  'Transfer-Encoding:\r\n chunked',
  'Transfer-Encoding:\r\n\tchunked',
  'Transfer-Encoding: chunked\r\n , identity',
  'Transfer-Encoding:',
  'Transfer-Encoding: ',
  'Transfer-Encoding',
  ' Transfer-Encoding: chunked',
  '\tTransfer-Encoding: chunked',
  'X: a\rTransfer-Encoding: chunked',
  'X: a\nTransfer-Encoding: chunked',
  'X: a\r\r\nTransfer-Encoding: chunked',
  'X: a\n\rTransfer-Encoding: chunked',
  '\0Transfer-Encoding: chunked',
  'Transfer\0-Encoding: chunked',
  'Transfer Encoding: chunked',
  '"Transfer-Encoding": chunked',
  'Transfer-Encoding:: chunked',
  'Transfer-Encoding: : chunked',
  'Transfer-Encoding: chunked HTTP/1.1',
  'Transfer-Encoding: ch\r\n unked',
  'Transfer-Encoding: \x63hunked\x01',
  'Transfer-\xc4\xabncoding: chunked',
  'Transfer-Encoding: chun\u212aed',
];

test.each(CODINGS)('%j beside a length is refused, whichever of the two would count', async (line) => {
  const lengthOfChunk = `Content-Length: ${CHUNK.length}\r\n`;
  const short = `Content-Length: 4\r\n`;
  // CL.TE, with the hidden request behind the end of the chunks, and TE.CL, with it behind the end of the length.
  const both = `Content-Length: ${END.length + HIDDEN.length}\r\n`;
  await smuggling.expects(headWith(`${both}${line}\r\n`, PUT) + END + HIDDEN, REFUSED);
  await smuggling.expects(headWith(`${line}\r\n${short}`, PUT) + CHUNK, REFUSED);
  await smuggling.expects(headWith(`${line}\r\n${lengthOfChunk}`, PUT) + CHUNK + HIDDEN, REFUSED);
});

test.each(CODINGS)('%j alone is refused', async (line) => {
  await smuggling.expects(headWith(`${line}\r\n`, PUT) + END + HIDDEN, REFUSED);
  await smuggling.expects(headWith(`${line}\r\n`, 'GET /reports/key HTTP/1.1') + HIDDEN, REFUSED);
});

test.each(['chunked', 'CHUNKED', 'cHuNkEd', '\tchunked', ' \t chunked', 'chunked '])(
  '%j is chunked coding, beside a length it is refused',
  async (coding) => {
    const line = `Transfer-Encoding:${coding}\r\n`;
    await smuggling.expects(headWith(line, PUT) + CHUNK + HIDDEN, ALONE, { body: HIDDEN });
    await smuggling.expects(headWith(line, PUT) + END + HIDDEN, ALONE, { body: '' });
    for (const length of ['0', '4', String(CHUNK.length)]) {
      const lines = [`Content-Length: ${length}\r\n${line}`, `${line}Content-Length: ${length}\r\n`];
      for (const both of lines) await smuggling.expects(headWith(both, PUT) + CHUNK + HIDDEN, REFUSED);
    }
  },
);

test.each(['1.0', '0.9', '1.2', '2.0'])('chunked coding with HTTP/%s is refused', async (version) => {
  const first = `PUT /reports/key HTTP/${version}`;
  const lines = 'Transfer-Encoding: chunked\r\n';
  await smuggling.expects(headWith(lines, first) + END + HIDDEN, REFUSED);
  await smuggling.expects(headWith(`Connection: keep-alive\r\n${lines}`, first) + END + HIDDEN, REFUSED);
});

// Names that are not the field's are fields like any others: what follows is a request of its own.
test.each(['Transfer_Encoding', 'Transfer.Encoding', 'TransferEncoding', 'X-Transfer-Encoding', 'Transfer-Encodin'])(
  '%s frames nothing here',
  async (name) => {
    const lines = `Content-Length: 5\r\n${name}: chunked\r\n`;
    await smuggling.expects(headWith(lines, PUT) + END + HIDDEN, ALONE, { body: END });
  },
);
