// PEERS, "Chunked DELETE/OPTIONS given `content-length: 0`" (CVE-2026-29057): the proxy told the upstream that there is no body and
// sent the chunks all the same; they were the next request on that connection, and the answer to it went to the next client.
import { expect, test } from 'vitest';
import { startStandIn } from '../../src/standin/standin.ts';
import { headWith, startWorld } from './world.ts';

const bodies: string[] = [];
const answers = async (request: AsyncIterable<Buffer> & { method?: string | undefined }) => {
  let body = '';
  for await (const chunk of request) body += chunk.toString('latin1');
  bodies.push(`${request.method} ${body}`);
};
const storage = await startStandIn(async (request, response) => {
  await answers(request);
  response.end('ok');
});
const search = await startStandIn(async (request, response) => {
  await answers(request);
  response.setHeader('content-type', 'application/json');
  response.end('{}');
});
const world = await startWorld({ replace: { 'eu-west': { storage, search } } });
const HIDDEN = 'DELETE /secrets/key HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n';
const CHUNKED = `${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`;

test.each(['GET', 'HEAD', 'PUT', 'DELETE'])(
  'the chunks of %s are its body upstream, and nothing else',
  async (method) => {
    bodies.length = 0;
    const before = storage.requests;
    const head = headWith('Transfer-Encoding: chunked\r\n', `${method} /reports/key HTTP/1.1`);
    const [answer, ...more] = await world.sendBytes('storage', head + CHUNKED, [method]);
    expect([answer?.status, more]).toEqual([200, []]);
    expect(bodies).toEqual([`${method} ${HIDDEN}`]);
    // What comes next on the same upstream connection is still a request of its own.
    await world.forwards({ target: '/reports/next' }, { region: 'eu-west', reason: 'in_residency' });
    expect(storage.requests).toBe(before + 2);
    expect(bodies.at(-1)).toBe('GET ');
  },
);

test.each(['OPTIONS', 'PATCH', 'TRACE', 'PROPFIND'])(
  'the chunks of %s, which is not served, go nowhere',
  async (method) => {
    const head = headWith('Transfer-Encoding: chunked\r\n', `${method} /reports/key HTTP/1.1`);
    await world.refusesBytes('storage', head + CHUNKED, { reason: 'operation_not_permitted' });
  },
);

test.each(['DELETE /notes/_doc/1', 'HEAD /notes', 'GET /_cat/indices', 'DELETE /notes'])(
  '%s, which takes no body in search, is refused with one',
  async (line) => {
    const head = headWith('Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n', `${line} HTTP/1.1`);
    await world.refusesBytes('search', head + CHUNKED, { reason: 'request_malformed' });
  },
);

test('a body that an operation of search does take is told by its length', async () => {
  const body = '{"scroll_id":[]}';
  const chunked = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  const lines = 'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n';
  bodies.length = 0;
  await world.sendBytes('search', headWith(lines, 'DELETE /_search/scroll HTTP/1.1') + chunked);
  expect(bodies).toEqual([`DELETE ${body}`]);
  expect(search.lastRequest?.headers).toMatchObject({ 'content-length': String(body.length) });
  expect(search.lastRequest?.headers['transfer-encoding']).toBeUndefined();
});
