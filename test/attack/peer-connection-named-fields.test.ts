// PEERS, "`Connection: x-foo` from a client strips headers the proxy added" (reply-from 12.6.2, hono GHSA-79qm-7rj5-m7r9): what
// Connection names goes before anything of ours is added, in requests and in answers. And what was left out of the request
// must not have been read into the decision.
import { expect, test } from 'vitest';
import { startStandIn } from '../../src/standin/standin.ts';
import { fieldOf } from './answers.ts';
import { startWorld } from './world.ts';

let answerHeaders: Record<string, string> = {};
const storage = await startStandIn((request, response) => {
  request.resume();
  request.on('end', () => response.writeHead(200, answerHeaders).end('ok'));
});
const world = await startWorld({ replace: { 'eu-west': { storage } } });
const home = { region: 'eu-west', reason: 'in_residency' } as const;

test.each(['X-Request-ID, X-Hop', 'x-forwarded-for', 'keep-alive, X-Hop, TE', 'close, Upgrade-Insecure-Requests'])(
  'Connection: %s takes nothing of ours away, and what it names is dropped',
  async (connection) => {
    const { received } = await world.forwards(
      {
        method: 'PUT',
        target: '/reports/key',
        headers: { Connection: connection, 'X-Hop': '1', 'X-Forwarded-For': '10.0.0.1', 'X-Request-ID': 'abc' },
        body: 'bytes',
      },
      home,
    );
    expect(received.headers).toMatchObject({
      host: new URL(storage.url).host,
      authorization: expect.stringContaining('/eu-west-1/s3/aws4_request'),
      'x-amz-date': expect.any(String),
      'x-amz-content-sha256': expect.any(String),
      'x-amz-server-side-encryption': 'AES256',
      'x-request-id': 'abc',
    });
    expect(received.headers['x-hop']).toBeUndefined();
  },
);

test.each([
  // Read into the decision and dropped afterwards, it would store identity data without encryption.
  ['x-amz-server-side-encryption', 'AES256'],
  ['X-Amz-Copy-Source', 'other/key'],
  ['Authorization', 'x'],
  ['x-amz-date, x-amz-content-sha256', 'x'],
  ['x-amz-decoded-content-length', '5'],
  ['close, X-Amz-Acl', 'private'],
])('naming %s, which storage goes by, is refused', async (connection, value) => {
  const name = connection.split(', ').at(-1)!;
  for (const headers of [{ Connection: connection }, { Connection: connection, [name]: value }]) {
    await world.refuses(
      { method: 'PUT', target: '/reports/key', headers, body: 'bytes' },
      { reason: 'request_malformed' },
    );
  }
});

test.each(['Content-Length', 'Content-Encoding', 'close ,content-type', 'Host'])(
  'naming %s, without which the body is another one, is refused',
  async (names) => {
    for (const service of ['storage', 'search'] as const) {
      await world.refuses(
        {
          service,
          method: 'POST',
          target: service === 'storage' ? '/reports/key?restore' : '/notes/_search',
          headers: { Connection: names, 'Content-Type': 'application/json' },
          body: '{}',
        },
        { reason: 'request_malformed' },
      );
    }
  },
);

test.each(['X-Tenant-ID', 'x-data-classification', 'keep-alive, X-Region', 'X-Learner-ID ,close', 'X-Residency-Grant'])(
  'naming an identity field is refused: %s',
  async (connection) => {
    await world.refuses(
      { target: '/reports/key', headers: { Connection: connection } },
      { reason: 'request_malformed' },
    );
  },
);

test('an answer whose Connection names our fields has them all the same, and not its own', async () => {
  answerHeaders = {
    Connection: 'x-residency-decision, x-residency-reason, X-Residency-Region, x-request-id, x-internal, Keep-Alive',
    'x-internal': '1',
    'Keep-Alive': 'timeout=9',
    'Proxy-Authenticate': 'Basic',
    Upgrade: 'h2c',
  };
  const { answer } = await world.forwards({ target: '/reports/key' }, home);
  for (const [name, value] of [
    ['x-residency-decision', 'allow'],
    ['x-residency-reason', 'in_residency'],
    ['x-residency-region', 'eu-west'],
  ] as const) {
    expect(fieldOf(answer, name)).toBe(value);
  }
  expect(fieldOf(answer, 'x-request-id')).not.toBeNull();
  for (const name of ['x-internal', 'proxy-authenticate', 'upgrade']) expect(fieldOf(answer, name)).toBeNull();
});
