import { afterAll, beforeAll, expect, test } from 'vitest';
import { handle } from '../../src/proxy/handle.ts';
import { OwnRequest, type OwnClaims } from '../../src/proxy/own-request.ts';
import { startStandIn, type StandIn } from '../../src/standin/standin.ts';
import { startRig, type Rig } from '../rig/domicile.ts';
import { ENV, regionAt, SETTINGS_CREDENTIALS } from '../rig/regions.ts';

const CLAIMS: OwnClaims = { tenant: 'acme', classification: 'identity', region: null };
const BODY = Buffer.from('bytes of our own');

let upstream: StandIn;
let rig: Rig;
const reached = Promise.withResolvers<void>();
const gone = Promise.withResolvers<void>();
let received = '';

beforeAll(async () => {
  upstream = await startStandIn((request, response) => {
    received = '';
    request.on('data', (chunk) => (received += chunk));
    request.on('end', () => {
      if (request.url!.endsWith('/silent')) {
        response.on('close', () => gone.resolve());
        return reached.resolve();
      }
      if (request.url!.endsWith('/cut')) {
        response.writeHead(200, { 'content-length': '100000' }).write('x'.repeat(50_000), () => response.destroy());
        return undefined;
      }
      return response.writeHead(200).end('y'.repeat(50_000));
    });
  });
  rig = await startRig({
    regions: [regionAt('eu-west', { storage: upstream.url })],
    policies: [{ id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' }],
    // Clients prove who they are by a path alone: a request of our own has none.
    settings: { credentials: SETTINGS_CREDENTIALS, identity: { sources: ['path'] } },
    env: ENV,
  });
});
afterAll(async () => {
  await rig.stop();
  await upstream.close();
});

function send(key: string, claims: Partial<OwnClaims> = {}, method = 'PUT'): OwnRequest {
  const head = { method, target: `/docs/${key}`, headers: ['x-amz-content-sha256', 'UNSIGNED-PAYLOAD'] };
  const request = new OwnRequest(head, BODY, { ...CLAIMS, ...claims });
  handle(rig.domicile.plane.proxy, 'storage', request);
  return request;
}

test('it is decided by what it states, signed and sent, and what its answer begins with is kept', async () => {
  const { status, reason, body } = await send('key').answer;
  expect({ status, reason, bytes: body.length }).toEqual({ status: 200, reason: 'in_residency', bytes: 4096 });
  expect(received).toBe(BODY.toString());
  const { headers } = upstream.lastRequest!;
  expect(headers.authorization).toMatch(/^AWS4-HMAC-SHA256 .*\/eu-west-1\/s3\//);
  expect(headers['x-tenant-id']).toBeUndefined();
});

test.each<[Partial<OwnClaims>, string, number, string]>([
  [{ tenant: 'nobody' }, 'PUT', 403, 'no_policy'],
  [{ region: 'atlantis' }, 'PUT', 400, 'region_unknown'],
  [{}, 'PATCH', 403, 'operation_not_permitted'],
])('it is refused as anybody’s would be: %j %s is %d %s', async (claims, method, status, reason) => {
  const before = upstream.requests;
  expect(await send('key', claims, method).answer).toMatchObject({ status, reason });
  expect(upstream.requests).toBe(before);
});

test('an answer that breaks off is no answer', async () => {
  await expect(send('cut').answer).rejects.toThrow('the answer broke off (in_residency)');
});

test('given up it ends upstream too, and is counted as any client that goes', async () => {
  const request = send('silent');
  await reached.promise;
  request.abandon();
  await expect(request.answer).rejects.toThrow('given up');
  await gone.promise;
  expect(rig.domicile.plane.proxy.inflight.storage).toBe(0);
});
