// An upstream whose `Connection` names `content-length` would have the length taken from its answer, and not the bytes: what
// comes next on the client's connection would be read as the rest of this body.
import { afterAll, expect, test } from 'vitest';
import { startRaw } from '../outbound/upstream.ts';
import { startRig } from '../rig/domicile.ts';
import { ENV, regionAt, SETTINGS_CREDENTIALS } from '../rig/regions.ts';
import { Wire } from '../rig/upstream.ts';

const upstream = await startRaw(() => undefined);
const rig = await startRig({
  regions: [regionAt('eu-west', { storage: upstream.origin })],
  policies: [{ id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' }],
  settings: { credentials: SETTINGS_CREDENTIALS },
  env: ENV,
});

afterAll(async () => {
  await rig.stop();
  await upstream.close();
});

test.each(['keep-alive, content-length', 'content-length', 'Content-Length, close'])(
  'Connection: %s leaves the client its length',
  async (connection) => {
    upstream.respond = (peer) =>
      peer.send(`HTTP/1.1 200 OK\r\nConnection: ${connection}\r\nContent-Length: 5\r\nX-Kept: 1\r\n\r\nhello`);
    const wire = await Wire.open(rig.storage);
    for (let i = 1; i <= 2; i++) {
      wire.write('GET /b/k HTTP/1.1\r\nHost: x\r\nX-Tenant-ID: acme\r\nX-Data-Classification: content\r\n\r\n');
      const received = await wire.until(new RegExp(`(?:content-length: 5\\r\\n[^]*?\\r\\n\\r\\nhello[^]*?){${i}}$`));
      expect(received.match(/x-kept: 1/g)).toHaveLength(i);
    }
    wire.socket.destroy();
  },
);
