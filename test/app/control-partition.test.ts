import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { selfSigned } from '../attack/certificate.ts';
import { Relay } from '../feed/world.ts';
import { writeFiles } from '../rig/domicile.ts';
import { regionAt } from '../rig/regions.ts';
import { startUpstream, type Upstream } from '../rig/upstream.ts';
import { ask, Cluster } from './cluster-rig.ts';
import { becomes, fed, People, reasonOf, type Send } from './people.ts';

/** Milliseconds that a grant may outlive the last word of the control plane. */
const LEASE = 5000;
const ENV = { FEED_TOKEN: 'a secret of both ends' };
const POLICIES = [
  { id: 'acme-eu', tenant_id: 'acme', primary_region: 'eu-west' },
  { id: 'other-eu', tenant_id: 'other', primary_region: 'eu-west' },
];

const asTenant = (tenant: string) => ({ 'x-tenant-id': tenant, 'x-data-classification': 'content' });
const AT_HOME = asTenant('acme');
const ABROAD = { ...AT_HOME, 'x-user-id': 'alice', 'x-requested-region': 'us-east' };

let home: Upstream;
let abroad: Upstream;
beforeAll(async () => {
  [home, abroad] = await Promise.all([
    startUpstream((_, answer) => answer.end('{}')),
    startUpstream((_, answer) => answer.end('{}')),
  ]);
});
afterAll(async () => {
  await home.close();
  await abroad.close();
});

/** A control plane, and a proxy that hears it over TLS through a relay that can be cut. It has been asked for acme. */
async function connected() {
  const { cert, key } = selfSigned('127.0.0.1');
  const regions = [regionAt('eu-west', { search: home.url }), regionAt('us-east', { search: abroad.url })];
  const write = (policies: readonly (typeof POLICIES)[number][], name: string, feed: object) => {
    const settings = { self: { region: 'eu-west', name }, feed: { token: '${env:FEED_TOKEN}', ...feed } };
    const folder = writeFiles({ regions, policies, settings });
    writeFileSync(join(folder, 'feed.pem'), cert);
    writeFileSync(join(folder, 'feed.key'), key);
    return folder;
  };
  const listen = { listen: '127.0.0.1:0', tls: { cert: 'feed.pem', key: 'feed.key' } };
  const control = Cluster.in(write(POLICIES, 'control-1', listen), ENV, [], 'control');
  onTestFinished(() => control.stop());
  await control.logged('ready');
  const relay = new Relay(control.feed);
  const url = await relay.listen();
  const folder = write([], 'proxy-1', { tls: { ca: 'feed.pem' } });
  const begin = () => Cluster.in(folder, ENV, ['--workers', '1', '--control', url], 'proxy');
  const people = await People.of(control);
  onTestFinished(() => people.close());
  const proxy = begin();
  onTestFinished(() => proxy.stop());
  await proxy.logged('connected to the control plane');
  await becomes(document(proxy), AT_HOME, 'in_residency');
  return { relay, people, proxy, begin, folder };
}

const document = (proxy: Cluster) => `${proxy.url('search')}/idx/_doc/1`;
const decided = async (proxy: Cluster, headers: Record<string, string>) =>
  reasonOf(await ask(document(proxy), headers));
const ready = async (proxy: Cluster) => (await ask(`${proxy.ops}/readyz`)).status;

async function sidecars(operator: Send) {
  const { body } = await operator('GET', '/api/v1/sidecars');
  return body.items as { name: string; region: string; revision: number; lag_ms: number; refused: string | null }[];
}

test('cut off, a grant ends within five seconds and pins hold; mended, all is as it should be', async () => {
  const { relay, people, proxy } = await connected();
  const operator = await people.someone('operator', 'olga');
  const grant = await people.grant('acme', {});
  await becomes(document(proxy), ABROAD, 'grant');
  await expect
    .poll(() => sidecars(operator))
    .toEqual([
      expect.objectContaining({
        name: 'proxy-1',
        region: 'eu-west',
        revision: grant.revision,
        lag_ms: 0,
        refused: null,
      }),
    ]);

  relay.cut();
  const cutAt = performance.now();
  // It is revoked where the proxy cannot hear it.
  expect((await grant.revoke()).status).toBe(200);
  let last = cutAt;
  for (;;) {
    const sent = performance.now();
    const reason = await decided(proxy, ABROAD);
    if (reason !== 'grant') {
      expect(reason).toBe('region_not_allowed');
      break;
    }
    last = sent;
    expect(await decided(proxy, AT_HOME)).toBe('in_residency');
  }
  const ended = performance.now() - cutAt;
  console.log(`cut off: the grant ended after ${Math.round(ended)} ms`);
  expect(last - cutAt, 'last request that it opened').toBeLessThanOrEqual(LEASE);
  const [lagging] = await sidecars(operator);
  expect(lagging === undefined || lagging.lag_ms > 0, 'the control plane knows that it has not been heard').toBe(true);

  await expect.poll(async () => (await fed(proxy.ops))[0]!.connected, { timeout: 15_000 }).toBe(false);
  expect(await decided(proxy, AT_HOME), 'a pin holds').toBe('in_residency');
  expect(await decided(proxy, asTenant('other')), 'a tenant that was never asked for').toBe('policy_unavailable');
  expect(await ready(proxy)).toBe(200);
  await expect.poll(() => sidecars(operator), { timeout: 15_000 }).toEqual([]);

  relay.reset();
  const [before] = await fed(proxy.ops);
  await becomes(document(proxy), asTenant('other'), 'in_residency', 15_000);
  const [after] = await fed(proxy.ops);
  expect(after).toMatchObject({ connected: true });
  expect(after!.revision).toBeGreaterThan(before!.revision);
  expect(await decided(proxy, ABROAD), 'what was revoked meanwhile').toBe('region_not_allowed');
  expect(await decided(proxy, AT_HOME)).toBe('in_residency');
  await expect.poll(() => sidecars(operator)).toEqual([expect.objectContaining({ name: 'proxy-1', lag_ms: 0 })]);
  await people.grant('acme', {});
  await becomes(document(proxy), ABROAD, 'grant');
}, 60_000);

test('a restart while cut off keeps the pins, if what was kept of them is as it was written', async () => {
  const { relay, people, proxy: first, begin, folder } = await connected();
  await people.grant('acme', {});
  await becomes(document(first), ABROAD, 'grant');
  relay.cut();
  await first.end('SIGKILL');

  const second = begin();
  onTestFinished(() => second.end('SIGKILL'));
  await second.logged('ready');
  expect(await ready(second)).toBe(200);
  expect(await decided(second, AT_HOME)).toBe('in_residency');
  expect(await decided(second, ABROAD), 'what widens is not kept').toBe('region_not_allowed');
  expect(await decided(second, asTenant('other'))).toBe('policy_unavailable');
  await second.end('SIGTERM');

  const kept = join(folder, 'state', 'last-good');
  const text = readFileSync(kept, 'utf8');
  const altered = text.replaceAll('"acme-eu"', '"acme-us"');
  expect(altered).not.toBe(text);
  writeFileSync(kept, altered);
  const third = begin();
  onTestFinished(() => third.end('SIGKILL'));
  await third.logged('ready');
  expect(await ready(third)).toBe(503);
  for (const headers of [AT_HOME, ABROAD, asTenant('other')]) {
    const answer = await ask(document(third), headers);
    expect([answer.status, reasonOf(answer)]).toEqual([503, 'policy_unavailable']);
  }
  expect((await fed(third.ops))[0]!.last_good!.refused).not.toBeNull();
  expect(third.log.map(({ message }) => String(message)).join('\n')).toContain('the last good state is refused');

  relay.reset();
  await becomes(document(third), AT_HOME, 'in_residency', 15_000);
  expect(await ready(third)).toBe(200);
}, 60_000);
