// DESIGN 1.9: a whole request inside the body of another, and a request that follows another on the same connection. The first
// is bytes, and the second is decided by itself: no identity carries over.
import { expect, test } from 'vitest';
import { fieldOf } from './answers.ts';
import { headWith, startWorld } from './world.ts';

const world = await startWorld();
const HIDDEN = headWith('', 'GET /secrets/key HTTP/1.1').replace('acme', 'globex').replace('identity', 'content');
const bytesOf = (key: string) => world.storage('eu-west').object('reports-eu-west-1', key)?.body.toString();

test.each([
  ['length', `Content-Length: ${HIDDEN.length}\r\n`, HIDDEN],
  ['chunks', 'Transfer-Encoding: chunked\r\n', `${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`],
])('inside a body told by its %s it is bytes', async (key, lines, body) => {
  const answers = await world.sendBytes('storage', headWith(lines, `PUT /reports/${key} HTTP/1.1`) + body);
  expect(answers.map(({ status }) => status)).toEqual([200]);
  expect(bytesOf(key)).toBe(HIDDEN);
});

test('a body that nobody expects, on every method that is served, is not a request either', async () => {
  for (const method of ['GET', 'HEAD', 'DELETE']) {
    const before = world.storage('eu-west').requests;
    const head = headWith(`Content-Length: ${HIDDEN.length}\r\n`, `${method} /reports/length HTTP/1.1`);
    const answers = await world.sendBytes('storage', head + HIDDEN, [method]);
    expect(answers).toHaveLength(1);
    expect(fieldOf(answers[0]!, 'x-residency-region')).toBe('eu-west');
    expect(world.storage('eu-west').requests).toBe(before + 1);
    expect(world.storage('eu-west').lastRequest?.target).toBe('/reports-eu-west-1/length');
  }
});

test('behind an answer that ends the connection it is not served, be it ever so honest', async () => {
  const honest = headWith('', 'DELETE /reports/length HTTP/1.1');
  // A connection is there already, so that what is sent would arrive at once.
  await world.forwards(
    { method: 'PUT', target: '/reports/length', body: HIDDEN },
    { region: 'eu-west', reason: 'in_residency' },
  );
  for (const [lines, body, reason] of [
    ['Transfer-Encoding: chunked\r\n', '0\r\n\r\n', 'operation_not_permitted'],
    ['Upgrade: websocket\r\n', '', 'operation_not_permitted'],
    ['X-HTTP-Method-Override: GET\r\n', '', 'request_malformed'],
    ['Connection: close\r\n', '', 'operation_not_permitted'],
    ['Expect: 100-continue, x\r\n', '', 'request_malformed'],
    ['Expect: x\r\n', '', 'request_malformed'],
  ] as const) {
    const bytes = headWith(lines, 'PUT /reports?policy HTTP/1.1') + body + honest;
    await world.refusesBytes('storage', bytes, { reason, ...(lines.startsWith('Expect') ? { status: 417 } : {}) });
  }
  expect(bytesOf('length')).toBe(HIDDEN);
});

test('what follows a request on its connection is decided by itself', async () => {
  const first = headWith('Content-Length: 2\r\n', 'PUT /reports/first HTTP/1.1');
  const nobody = 'GET /reports/first HTTP/1.1\r\nHost: a\r\n\r\n';
  const other = headWith('', 'GET /reports/first HTTP/1.1').replace('acme', 'globex');
  const before = world.storage('eu-west').requests;
  const answers = await world.sendBytes('storage', `${first}ok${other}${nobody}`);
  expect(answers.map((answer) => [answer.status, fieldOf(answer, 'x-residency-reason')])).toEqual([
    [200, 'in_residency'],
    [403, 'cross_border_restricted'],
    [400, 'tenant_missing'],
  ]);
  expect(world.storage('eu-west').requests).toBe(before + 1);
});

test.each([
  ['a malformed request', 'GET /x HTTP/1.1\r\nHost : a\r\n\r\n', 400, 'request_malformed'],
  ['a method that nobody knows', 'GIVE /x HTTP/1.1\r\nHost: a\r\n\r\n', 501, 'request_malformed'],
  ['a tunnel', 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n', 403, 'operation_not_permitted'],
])('%s does not answer for the request before it', async (_, second, status, reason) => {
  const first = headWith('Content-Length: 2\r\n', 'PUT /reports/first HTTP/1.1');
  const answers = await world.sendBytes('storage', `${first}ok${second}`);
  const [own, next] = answers.map((answer) => [answer.status, fieldOf(answer, 'x-residency-reason')]);
  expect(own).toEqual([200, 'in_residency']);
  // The end of the connection answers it as well.
  expect([undefined, [status, reason]]).toContainEqual(next);
});
