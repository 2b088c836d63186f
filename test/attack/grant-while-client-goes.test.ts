// The use of a grant is asked for elsewhere, and takes its time. A client that goes meanwhile, in the middle of its body, must
// not leave a request behind that waits for a body which never comes.
import { connect } from 'node:net';
import { once } from 'node:events';
import { afterAll, expect, test } from 'vitest';
import type { Uses } from '../../src/proxy/uses.ts';
import { startRig } from '../rig/domicile.ts';
import { ENV, regionAt, SETTINGS_CREDENTIALS } from '../rig/regions.ts';
import { startUpstream } from '../rig/upstream.ts';

const HOUR = 3_600_000;
const at = (offset: number) => new Date(Date.now() + offset).toISOString();
const upstream = await startUpstream(() => undefined); // waits for the body
const rig = await startRig({
  regions: [regionAt('eu-west', { storage: upstream.url }), regionAt('us-east', { storage: upstream.url })],
  policies: [{ id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' }],
  grants: [
    {
      id: 'g1',
      tenant_id: 'acme',
      user_id: 'support-1',
      verbs: ['store'],
      from_region: 'eu-west',
      to_region: 'us-east',
      not_before: at(-HOUR),
      not_after: at(HOUR),
      max_uses: 5,
      reason: 'case 1',
      approved_by: ['dpo'],
    },
  ],
  settings: { credentials: SETTINGS_CREDENTIALS },
  env: ENV,
});

afterAll(async () => {
  await rig.stop();
  await upstream.close();
});

test.each(['ends its side', 'resets'] as const)(
  'a client that %s meanwhile is refused or gone, and nothing leaves',
  async (how) => {
    const { proxy } = rig.domicile.plane;
    const asked = Promise.withResolvers<() => void>();
    const { uses } = proxy;
    const slow: Uses = {
      of: (grant) => uses.of(grant),
      take: (grants, done) => asked.resolve(() => uses.take(grants, done)),
      note: (id) => uses.note(id),
    };
    Object.assign(proxy, { uses: slow });
    const socket = connect({ port: Number(new URL(rig.storage).port), host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => undefined); // it resets itself in one case
    socket.write(
      'PUT /b/k HTTP/1.1\r\nHost: x\r\nX-Tenant-ID: acme\r\nX-Data-Classification: content\r\nX-User-ID: support-1\r\n' +
        'X-Requested-Region: us-east\r\nContent-Length: 100000\r\n\r\n',
    );
    const answer = await asked.promise;
    if (how === 'resets') socket.resetAndDestroy();
    else {
      socket.end();
      socket.resume();
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
    answer();
    if (!socket.destroyed) await once(socket, 'close');
    await expect.poll(() => proxy.inflight.storage).toBe(0);
    await expect.poll(() => rig.domicile.plane.proxy.snapshot.door.connections(1, 's3').active).toBe(0);
    Object.assign(proxy, { uses });
  },
);
