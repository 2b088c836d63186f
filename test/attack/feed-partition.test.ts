// A grant is revoked while a proxy is cut off: by an accident, or by the one who has the grant. The proxy cannot know. What
// it can do is not to believe in any grant for longer than five seconds without a word from its control plane; and what
// restricts it keeps, for as long as it takes.
import { expect, test } from 'vitest';
import { selfSigned } from './certificate.ts';
import { MemorySource } from '../feed/source.ts';
import { connected, Relay, serve, until, type Rig } from '../feed/world.ts';

const { cert, key } = selfSigned('127.0.0.1');

/** A proxy behind a relay, with a pin and a grant of acme. */
async function cutOff(): Promise<{ source: MemorySource; relay: Relay; rig: Rig }> {
  const source = new MemorySource();
  // The store's clock is an hour off, and nothing depends on it.
  source.ahead = 3_600_000;
  source.pin('acme', 'eu-west');
  source.give('acme', 'g-1');
  const { url } = await serve(source, {
    listen: { host: '127.0.0.1', port: 0 },
    tls: { cert, key, clientCa: null },
    token: 'a secret',
  });
  const relay = new Relay(url);
  const rig = await connected(await relay.listen(), { tls: { ca: cert, cert: null, key: null }, token: 'a secret' });
  await rig.fetch('acme');
  return { source, relay, rig };
}

const widens = (rig: Rig) =>
  rig.client.now() < rig.client.wideningUntil && rig.client.get('acme')!.policies!.grants.length > 0;

test('a grant that is revoked beyond a partition ends within five seconds; pins stay, and all is well when it mends', async () => {
  const { source, relay, rig } = await cutOff();
  expect(widens(rig)).toBe(true);
  expect(Math.abs(rig.client.now() - Date.now() - source.ahead)).toBeLessThan(100);
  relay.cut();
  const revoked = performance.now();
  source.revoke('g-1');
  await until(() => !widens(rig));
  const ended = performance.now() - revoked;
  console.log(`revoked beyond a partition: ended after ${Math.round(ended)} ms`);
  expect(ended).toBeLessThan(5050);
  expect(rig.pinned('acme')).toBe('eu-west');
  expect(rig.client.world).not.toBeNull();
  expect(await rig.take('g-1')).toBe(false);
  await until(() => !rig.client.state().connected);
  expect(rig.pinned('acme')).toBe('eu-west');
  relay.reset();
  await until(() => rig.client.state().connected && rig.client.get('acme')?.policies?.grants.length === 0);
  expect(rig.client.now()).toBeLessThan(rig.client.wideningUntil);
});

test('connected, it ends at once', async () => {
  const { source, rig } = await cutOff();
  const began = performance.now();
  source.revoke('g-1');
  await until(() => rig.dropped.includes('acme'));
  expect(rig.client.get('acme')?.policies?.grants ?? []).toEqual([]);
  expect(performance.now() - began).toBeLessThan(1000);
});

test('a control plane whose store is silent prolongs nothing either', async () => {
  const { source, rig } = await cutOff();
  const began = performance.now();
  source.down = new Error('no route to host');
  await until(() => !widens(rig));
  expect(performance.now() - began).toBeLessThan(5050);
  expect(rig.client.state().connected).toBe(true);
  source.down = null;
  await until(() => widens(rig));
});
