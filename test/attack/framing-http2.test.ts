// DESIGN 1.9 and RFC 9113 §8: the same port speaks HTTP/2, in which a head has no lines to smuggle with, but two names for its
// host, and repeats as HTTP/1 has them.
import { once } from 'node:events';
import { connect, type ClientHttp2Session, type OutgoingHttpHeaders } from 'node:http2';
import { text } from 'node:stream/consumers';
import { afterAll, expect, test } from 'vitest';
import { startWorld } from './world.ts';

const world = await startWorld();
const session: ClientHttp2Session = connect(world.rig.storage);
afterAll(() => session.close());

async function asks(headers: OutgoingHttpHeaders): Promise<{ status: unknown; reason: unknown; body: string }> {
  const stream = session.request({ 'x-tenant-id': 'acme', 'x-data-classification': 'identity', ...headers });
  const [answer] = (await once(stream, 'response')) as [OutgoingHttpHeaders];
  return { status: answer[':status'], reason: answer['x-residency-reason'], body: await text(stream) };
}

test.each([
  [
    'a host beside another :authority',
    { ':path': '/reports/key', ':authority': 'reports', host: 'other' },
    400,
    'request_malformed',
  ],
  ['a fragment', { ':path': '/reports/key#x' }, 400, 'request_malformed'],
  ['a NUL', { ':path': '/reports/key%00' }, 400, 'request_malformed'],
  ['a repeated region', { ':path': '/reports/key', 'x-region': ['eu-west', 'us-east'] }, 400, 'header_conflict'],
  ['another method within', { ':path': '/reports/key', 'x-http-method-override': 'PUT' }, 400, 'request_malformed'],
  ['no tenant', { ':path': '/reports/key', 'x-tenant-id': '' }, 400, 'tenant_missing'],
  ['a tenant of elsewhere', { ':path': '/reports/key', 'x-tenant-id': 'globex' }, 403, 'cross_border_restricted'],
  ['an operation not served', { ':path': '/reports?policy' }, 403, 'operation_not_permitted'],
])('%s is refused', async (_, headers, status, reason) => {
  const bytes = world.bytes();
  const answer = await asks(headers);
  expect(answer).toMatchObject({ status, reason });
  expect(answer.body).toContain(`<Reason>${reason}</Reason>`);
  await world.rig.metrics();
  expect(world.bytes()).toBe(bytes);
});

test('a path of another host is no HTTP/2 at all', async () => {
  const bytes = world.bytes();
  await expect(asks({ ':path': `http://${new URL(world.storage('us-east').url).host}/` })).rejects.toThrow(
    'NGHTTP2_PROTOCOL_ERROR',
  );
  await world.rig.metrics();
  expect(world.bytes()).toBe(bytes);
});

test('an honest request goes through, over HTTP/1 from there', async () => {
  expect(await asks({ ':path': '/reports/key' })).toMatchObject({ status: 404, reason: 'in_residency' });
  expect(world.storage('eu-west').lastRequest?.headers.host).toBe(new URL(world.storage('eu-west').url).host);
});
