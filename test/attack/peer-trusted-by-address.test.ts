// PEERS, "A private IP is not a trusted caller: authenticate tenant headers": whoever reaches the port says who the data belongs to.
// Bare headers are taken on loopback and Unix sockets; anywhere else Domicile does not even start with them.
import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { startRig, type Written } from '../rig/domicile.ts';
import { ENV, regionAt, SETTINGS_CREDENTIALS } from '../rig/regions.ts';
import { startWorld } from './world.ts';

const world = await startWorld();

function starts(listen: string, identity: Written = {}) {
  return startRig({
    regions: [regionAt('eu-west', { storage: world.storage('eu-west').url })],
    policies: [{ id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' }],
    settings: { credentials: SETTINGS_CREDENTIALS, listeners: { storage: { listen } }, identity },
    env: ENV,
  });
}

test.each([
  '0.0.0.0:0',
  '[::]:0',
  '10.0.0.1:0',
  '192.168.1.1:0',
  '172.16.0.1:0',
  '169.254.1.1:0',
  '[fd00::1]:0',
  '127.0.0.1.nip.io:0',
])('Domicile does not start on %s with bare headers', async (listen) => {
  await expect(starts(listen)).rejects.toThrow(/identity|allow_unauthenticated_network|loopback/);
  await expect(starts(listen, { sources: ['headers', 'path'] })).rejects.toThrow(
    /identity|allow_unauthenticated_network|loopback/,
  );
});

test('it does on loopback, and elsewhere when told in so many words', async () => {
  for (const [listen, identity] of [
    ['127.0.0.1:0', {}],
    ['[::1]:0', {}],
    [`unix:${tmpdir()}/domicile-${process.pid}.sock`, {}],
    ['0.0.0.0:0', { allow_unauthenticated_network: true }],
  ] as const) {
    const rig = await starts(listen, identity);
    await rig.stop();
  }
});

test.each(['X-Forwarded-For', 'X-Real-IP', 'Forwarded', 'X-Client-IP', 'True-Client-IP', 'CF-Connecting-IP'])(
  'an address told in %s makes nobody trusted',
  async (name) => {
    const headers = { [name]: name === 'Forwarded' ? 'for=127.0.0.1' : '127.0.0.1', 'X-Region': 'us-east' };
    await world.refuses({ target: '/reports/key', tenant: 'globex', headers }, { reason: 'cross_border_restricted' });
    await world.refuses({ target: '/reports/key', tenant: null, headers }, { reason: 'tenant_missing' });
  },
);
