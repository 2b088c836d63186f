// DESIGN 1.9, request smuggling TE.TE: a Transfer-Encoding that one server takes for chunked and another does not know. It is
// `chunked`, in any case of letters, and nothing else; on HTTP/1.0 it is nothing at all.
import { expect, test } from 'vitest';
import { headWith, startWorld } from './world.ts';

const world = await startWorld();
const PUT = 'PUT /reports/key HTTP/1.1';
const HIDDEN = 'GET /secrets/key HTTP/1.1\r\nHost: a\r\nX-Tenant-ID: globex\r\nX-Data-Classification: content\r\n\r\n';

test.each([
  'xchunked',
  'chunkedx',
  'chunked, identity',
  'identity, chunked',
  'identity',
  'gzip, chunked',
  'chunked, chunked',
  'chunked, gzip',
  'chunked;q=1',
  '"chunked"',
  "'chunked'",
  'chunked,',
  ',chunked',
  'chunk\u00e9d',
  'chunked\x0b',
  '\x0bchunked',
  'chunked\t',
  'chun\tked',
  '',
])('Transfer-Encoding: %j is refused', async (value) => {
  const bytes = `${headWith(`Transfer-Encoding: ${value}\r\n`, PUT)}0\r\n\r\n${HIDDEN}`;
  await world.refusesBytes('storage', bytes, { reason: 'request_malformed' });
});

test.each([
  ['twice', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n'],
  ['once true, once false', 'Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n'],
  ['once true, once false, the other way', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n'],
  ['with an underscore', 'Transfer_Encoding: chunked\r\nTransfer-Encoding: x\r\n'],
])('Transfer-Encoding sent %s is refused', async (_, lines) => {
  const bytes = `${headWith(lines, PUT)}0\r\n\r\n${HIDDEN}`;
  await world.refusesBytes('storage', bytes, { reason: 'request_malformed' });
});

test('on HTTP/1.0 it is refused', async () => {
  const bytes = `${headWith('Transfer-Encoding: chunked\r\n', 'PUT /reports/key HTTP/1.0')}0\r\n\r\n${HIDDEN}`;
  await world.refusesBytes('storage', bytes, { reason: 'request_malformed' });
});

test('chunked in any letters is understood, and nothing is left over', async () => {
  for (const [i, value] of ['chunked', 'Chunked', 'CHUNKED', ' \tchunked'].entries()) {
    const bytes = `${headWith(`Transfer-Encoding:${value}\r\n`, `PUT /reports/${i} HTTP/1.1`)}5\r\nhello\r\n0\r\n\r\n`;
    const answers = await world.sendBytes('storage', bytes);
    expect(answers.map(({ status }) => status)).toEqual([200]);
    expect(world.storage('eu-west').object('reports-eu-west-1', String(i))?.body.toString()).toBe('hello');
  }
  expect(world.storage('eu-west').requests).toBe(4);
});
