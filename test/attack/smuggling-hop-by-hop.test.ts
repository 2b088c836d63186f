// Fields of this hop (RFC 9110 §7.6.1): naming a field in `Connection` takes it away before the region sees it, and
// `Upgrade` turns what follows into something else than requests (h2c smuggling).
import { expect, test } from 'vitest';
import { ALONE, HIDDEN, REFUSED, startSmuggling } from './smuggling.ts';
import { headWith } from './world.ts';

const smuggling = await startSmuggling();
const PUT = 'PUT /reports/key HTTP/1.1';
const LENGTH = `Content-Length: ${HIDDEN.length}\r\n`;

test.each([
  'Content-Length',
  'content-length',
  'close, Content-Length',
  'keep-alive,\tContent-Length ,x',
  ',,Content-Length',
  'X-Tenant-ID',
  'x-tenant-id, X-Data-Classification',
  'keep-alive, X-Subject-ID',
  'X-Requested-Region',
  'X-Residency-Grant',
  'Host',
  'Content-Type',
  'Content-Encoding',
  // Read by the protocol behind: the s3 dialect's to refuse.
  'Transfer-Encoding',
  'Authorization',
  'X-Amz-Date',
  'Traceparent',
])('Connection: %s is refused', async (value) => {
  await smuggling.expects(headWith(`Connection: ${value}\r\n${LENGTH}`, PUT) + HIDDEN, REFUSED);
  await smuggling.expects(
    headWith(`Connection: keep-alive\r\nConnection: ${value}\r\n${LENGTH}`, PUT) + HIDDEN,
    REFUSED,
  );
});

test.each(['X-A', 'X-Request-ID', 'TE', 'Upgrade', 'Expect'])(
  'Connection: %s takes nothing away that frames or signs',
  async (value) => {
    const lines = `Connection: ${value}\r\nX-A: b\r\nTE: trailers\r\nKeep-Alive: timeout=1\r\n`;
    await smuggling.expects(headWith(lines + LENGTH, PUT) + HIDDEN + HIDDEN, ALONE, { body: HIDDEN });
    const body = `${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`;
    const chunked = headWith(`${lines}Transfer-Encoding: chunked\r\n`, PUT);
    await smuggling.expects(chunked + body + HIDDEN, ALONE, { body: HIDDEN });
    const { fields } = smuggling.storage.recorded().at(-1)!;
    expect(fields.map(([name]) => name)).toEqual(
      expect.arrayContaining(['authorization', 'x-amz-date', 'traceparent']),
    );
  },
);

test.each(['close', 'close, keep-alive', 'keep-alive, close', 'CLOSE', 'x, Close', 'keep-alive\r\nConnection: close'])(
  'behind Connection: %s nothing is served',
  async (value) => {
    await smuggling.expects(headWith(`Connection: ${value}\r\n`) + HIDDEN, '200');
    await smuggling.expects(headWith(`Connection: ${value}\r\n${LENGTH}`, PUT) + HIDDEN + HIDDEN, '200', {
      body: HIDDEN,
    });
  },
);

const SETTINGS = 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n';
test.each([
  `Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n${SETTINGS}`,
  `Connection: Upgrade\r\nUpgrade: h2c\r\n${SETTINGS}`,
  `Upgrade: h2c\r\n${SETTINGS}`,
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n',
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 777\r\n',
  'Connection: Upgrade\r\nUpgrade: HTTP/2.0\r\n',
  'Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n',
  'Upgrade: h2c, x\r\n',
  'Upgrade:\r\n',
])('%j is refused, and what follows is not tunnelled', async (lines) => {
  await smuggling.expects(headWith(lines) + HIDDEN, '403');
  await smuggling.expects(headWith(lines + LENGTH, PUT) + HIDDEN + HIDDEN, '403');
  await smuggling.expects(`${headWith(lines)}PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${HIDDEN}`, '403');
});

test('the settings of an upgrade without the upgrade go no further', async () => {
  await smuggling.expects(headWith(`Connection: HTTP2-Settings\r\n${SETTINGS}`) + HIDDEN, ALONE);
  await smuggling.expects(headWith(SETTINGS) + HIDDEN, ALONE);
});

test('a tunnel is refused, and nothing behind it is read', async () => {
  for (const target of ['127.0.0.1:80', `127.0.0.1:${smuggling.storage.port}`, '/reports/key', 'http://127.0.0.1/']) {
    const { answers } = await smuggling.exchange(headWith('', `CONNECT ${target} HTTP/1.1`) + HIDDEN, 9, 1);
    smuggling.variants++;
    expect(answers).toHaveLength(1);
    expect([400, 403]).toContain(answers[0]!.status);
  }
});
