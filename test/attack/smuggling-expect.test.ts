// Expectations (RFC 9110 §10.1.1): who waits for whom, told in a way that two servers see differently, is where a body
// becomes a request (the 0.CL desyncs of 2025). A region is never told of an expectation at all.
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { Wire } from '../rig/upstream.ts';
import { answerTo, ALONE, HIDDEN, startSmuggling } from './smuggling.ts';
import { headWith } from './world.ts';

const smuggling = await startSmuggling();
const PUT = 'PUT /reports/key HTTP/1.1';
const LENGTH = `Content-Length: ${HIDDEN.length}\r\n`;

test.each([
  'Expect: 100-continue, 100-continue',
  'Expect: 100-continue,',
  'Expect: ,100-continue',
  'Expect: y 100-continue',
  'Expect: 100-continue y',
  'Expect: 100 -continue',
  'Expect: 100-continue;q=1',
  'Expect: "100-continue"',
  'Expect: 100-continue\xa0',
  'Expect: \xa0100-continue',
  'Expect: 100_continue',
  'Expect: 100',
  'Expect: 200-ok',
  'Expect: z',
  'Expect:',
  'Expect: z\r\nExpect: 100-continue',
  'Expect: 100-continue\r\nExpect: z',
])('%j is refused', async (line) => {
  await smuggling.expects(headWith(`${line}\r\n${LENGTH}`, PUT) + HIDDEN, '417');
  await smuggling.expects(headWith(`${line}\r\n`, 'GET /reports/key HTTP/1.1') + HIDDEN, '417');
  await smuggling.expects(headWith(`${LENGTH}${line}\r\n`, 'GET /reports/key HTTP/1.1') + HIDDEN, '417');
});

test.each([
  'Expect:\r\n 100-continue',
  'Expect: 100-\r\n continue',
  'Expect : 100-continue',
  ' Expect: 100-continue',
  'Expect: 100-continue\0',
  'Expect: \x0b100-continue',
  'X: a\nExpect: 100-continue',
  'X: a\rExpect: 100-continue',
  `Expect: 100-continue\n${LENGTH.trim()}`,
  'Expect: 100-continue\r\nContent-Length : 3',
  'Expect: 100-continue\r\nContent-Length: +3',
  'Expect: 100-continue\r\nTransfer-Encoding: chunked',
  'Expect: 100-continue\r\n\tContent-Length: 3',
])('%j with a length is refused, unasked', async (line) => {
  await smuggling.expects(headWith(`${line}\r\n${LENGTH}`, PUT) + HIDDEN, '400');
});

test.each(['100-continue', '100-Continue', ' 100-CONTINUE '])(
  'with %j a body sent at once is a body',
  async (value) => {
    const head = headWith(`Expect:${value}\r\n${LENGTH}`, PUT);
    await smuggling.expects(head + HIDDEN, '100 200', { body: HIDDEN });
    await smuggling.expects(head + HIDDEN + HIDDEN, `100 ${ALONE}`, { body: HIDDEN });
    const chunked = headWith(`Transfer-Encoding: chunked\r\nExpect:${value}\r\n`, PUT);
    const body = `${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`;
    await smuggling.expects(chunked + body + HIDDEN, `100 ${ALONE}`, { body: HIDDEN });
  },
);

test('an expectation without a body is nothing to wait for', async () => {
  const get = 'GET /reports/key HTTP/1.1';
  await smuggling.expects(headWith('Expect: 100-continue\r\n', get) + HIDDEN, ALONE);
  await smuggling.expects(headWith('Expect: 100-continue\r\nContent-Length: 0\r\n', get) + HIDDEN, ALONE);
});

test('HTTP/1.0 knows no expectation: the body is taken as it comes', async () => {
  const first = 'PUT /reports/key HTTP/1.0';
  await smuggling.expects(headWith(`Expect: 100-continue\r\n${LENGTH}`, first) + HIDDEN, '200', { body: HIDDEN });
});

test('a body that is held back behind a refusal is no request when it comes', async () => {
  const wire = await Wire.open(smuggling.world.rig.storage);
  smuggling.variants++;
  wire.write(headWith(`Expect: 100-continue\r\n${LENGTH}`, 'PUT /reports?policy HTTP/1.1'));
  await wire.until(/operation_not_permitted/);
  wire.write(HIDDEN + HIDDEN);
  const said = await wire.closed();
  expect(said.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  expect(said.toLowerCase()).toContain('\r\nconnection: close\r\n');
});

test('a region that answers before the body was asked for gets no body, and the client no second answer', async () => {
  smuggling.storage.early = true;
  const wire = await Wire.open(smuggling.world.rig.storage);
  smuggling.variants++;
  wire.write(headWith(`Expect: 100-continue\r\n${LENGTH}`, PUT));
  await wire.until(/answer to \//);
  wire.write(HIDDEN + HIDDEN);
  const said = await wire.closed();
  smuggling.storage.early = false;
  expect(said.match(/HTTP\/1\.1 2/g)).toHaveLength(1);
  expect(said).toContain(answerTo('/reports-eu-west-1/key'));
  expect(said.toLowerCase()).toContain('\r\nconnection: close\r\n');
  const connection = smuggling.storage.connections.at(-1)!;
  if (!connection.over) await once(connection.socket, 'close');
  await smuggling.expects(headWith('') + HIDDEN, ALONE);
});
