import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, test } from 'vitest';
import { AuditCounts } from '../../src/telemetry/audit.ts';
import { ControlMetrics } from '../../src/app/control-metrics.ts';
import type { Registry } from '../../src/control/registry.ts';
import type { FeedServer } from '../../src/feed/server.ts';
import { storeCounts } from '../../src/store/counts.ts';
import { openStore } from '../../src/store/open.ts';
import { putPolicy } from '../../src/store/policies.ts';
import type { Store } from '../../src/store/store.ts';
import { Log } from '../../src/telemetry/log.ts';
import { writeFiles } from '../rig/domicile.ts';
import { regionAt } from '../rig/regions.ts';
import { policyEntry, putOverride, WHO } from '../store/rows.ts';
import { sample } from '../telemetry/exposition.ts';
import { Cluster } from './cluster-rig.ts';
import { People } from './people.ts';

/** It is said to be exact within a second; a machine with other work may take longer. */
const SOON = { timeout: 5000, interval: 50 };

const FILES = {
  regions: [regionAt('eu-west', {}), regionAt('us-east', {})],
  policies: [{ id: 'acme-eu', tenant_id: 'acme', primary_region: 'eu-west', prohibited_regions: ['us-east'] }],
};
const SETTINGS = { approvals: { override_quorum: 1 } };

const overrides = (page: string) =>
  Object.fromEntries(
    [...page.matchAll(/^emergency_overrides_total\{status="(\w+)"\} (\d+)$/gm)].map(([, status, n]) => [
      status,
      Number(n),
    ]),
  );

describe.each([1, 2])('on the ops port of %i process(es) with a control plane', (workers) => {
  let serve: Cluster;
  let people: People;
  beforeAll(async () => {
    serve = Cluster.begin({ ...FILES, settings: SETTINGS }, ['--workers', String(workers)]);
    await serve.logged('ready');
    people = await People.of(serve);
  });
  afterAll(async () => {
    await people?.close();
    await serve?.stop();
  });

  const policies = async () => sample(await serve.metrics(), 'residency_policies_total');

  it('policies are those of files and store, however they change', async () => {
    expect(await policies()).toBe(1);
    const admin = await people.someone('admin', 'root');
    const made = await admin('POST', '/api/v1/policies', {
      id: 'newco-us',
      tenant_id: 'newco',
      primary_region: 'us-east',
    });
    expect(made.status).toBe(201);
    const since = performance.now();
    await expect.poll(policies, SOON).toBe(2);
    console.log(`${workers} process(es): a new policy was counted ${Math.round(performance.now() - since)} ms later`);
    const path = '/api/v1/policies/newco-us';
    expect((await admin('DELETE', path, undefined, { 'if-match': made.etag })).status).toBe(204);
    await expect.poll(policies, SOON).toBe(1);
    serve.write('policies/policies.yaml', {
      policies: [...FILES.policies, { id: 'other-eu', tenant_id: 'other', primary_region: 'eu-west' }],
    });
    await expect.poll(policies, SOON).toBe(2);
  });

  it('overrides are counted by what became of them', async () => {
    const breaker = await people.someone('breakglass', 'sre', 'acme');
    const approver = await people.someone('approver', 'bob', 'acme');
    const none = { pending: 0, active: 0, denied: 0, revoked: 0, expired: 0, used: 0 };
    expect(overrides(await serve.metrics())).toEqual(none);
    const broken = async (seconds: number) => {
      const body = { source_region: 'eu-west', target_region: 'us-east', reason: 'flood' };
      const asked = await breaker('POST', '/api/v1/emergency/override', { ...body, duration_hours: seconds / 3600 });
      expect(asked.status).toBe(201);
      return `/api/v1/emergency/overrides/${asked.body.override_id}`;
    };
    const [denied, revoked, expired] = [await broken(60), await broken(60), await broken(1)];
    const say = async (path: string, body: object) => expect((await approver('POST', path, body)).status).toBe(200);
    await say(`${denied}/approve`, { approved: false, reason: 'no' });
    await say(`${revoked}/approve`, { approved: true, reason: 'yes' });
    await say(`${expired}/approve`, { approved: true, reason: 'yes' });
    await say(`${revoked}/revoke`, { reason: 'over' });
    const counted = { ...none, pending: 3, active: 2, denied: 1, revoked: 1, expired: 1 };
    await expect.poll(async () => overrides(await serve.metrics()), SOON).toEqual(counted);
  });

  it('feed and store are told of, and every request of the API under the path that was declared', async () => {
    const viewer = await people.someone('viewer', 'vera');
    const asked = async (status: number, route: string, method = 'GET') =>
      sample(
        await serve.metrics(),
        `domicile_control_requests_total{method="${method}",route="${route}",status="${status}"}`,
      ) ?? 0;
    const one = '/api/v1/policies/{policy_id}';
    const before = await asked(200, one);
    for (const id of ['acme-eu', 'acme-eu', 'nowhere']) await viewer('GET', `/api/v1/policies/${id}`);
    await viewer('GET', '/api/v1/nothing/of/the/kind');
    await viewer('DELETE', '/api/v1/policies');
    expect(await asked(200, one)).toBe(before + 2);
    expect(await asked(404, one)).toBe(1);
    expect(await asked(404, 'none')).toBe(1);
    expect(await asked(405, 'none', 'DELETE')).toBe(1);
    const page = await serve.metrics();
    expect(page, 'no id is a label').not.toMatch(/domicile_control_requests_total\{.*(?:acme-eu|nowhere)/);
    expect(sample(page, 'domicile_feed_clients'), 'each process that serves is fed').toBe(workers);
    expect(sample(page, 'domicile_feed_lag_seconds')).toBeLessThan(5);
    expect(sample(page, 'domicile_store_up')).toBe(1);
    expect(sample(page, 'domicile_control_plane_connected')).toBe(1);
    const revision = await people.store.revision();
    await expect
      .poll(async () => sample(await serve.metrics(), 'domicile_feed_revision'), SOON)
      .toBeGreaterThanOrEqual(revision);
  });
});

test(
  'a control plane alone counts from its first answer on, and a proxy says whether it hears it',
  { timeout: 60_000 },
  async () => {
    const folder = writeFiles({ ...FILES, settings: { ...SETTINGS, self: { region: 'eu-west', name: 'control-1' } } });
    const store = await openStore({ url: null, folder: join(folder, 'state') });
    await store.change(WHO, (change) => putPolicy(change, policyEntry({ id: 'newco-eu', tenant_id: 'newco' })));
    await putOverride(store, 'acme', { id: 'o-1' });
    await store.close();
    const control = Cluster.in(folder, {}, [], 'control');
    onTestFinished(() => control.stop());
    await control.logged('ready');
    const page = await control.metrics();
    expect(sample(page, 'residency_policies_total')).toBe(2);
    expect(overrides(page), 'a counter that began at 0 would seem to have risen').toMatchObject({
      pending: 1,
      active: 1,
    });
    expect(sample(page, 'domicile_feed_clients')).toBe(0);
    expect(sample(page, 'domicile_store_up')).toBe(1);
    expect(page).not.toMatch(/domicile_control_plane_connected/);

    const proxyFolder = writeFiles({ ...FILES, policies: [] });
    const args = ['--workers', '1', '--control', control.feed];
    const proxy = Cluster.in(proxyFolder, {}, args, 'proxy');
    onTestFinished(() => proxy.stop());
    await proxy.logged('connected to the control plane');
    const fed = await proxy.metrics();
    expect(sample(fed, 'domicile_control_plane_connected')).toBe(1);
    expect(sample(fed, 'residency_policies_total'), 'as of what it was told').toBe(2);
    expect(fed).not.toMatch(/domicile_(?:feed|store|control_requests)_/);
    expect(overrides(fed), 'what became of them is told elsewhere').toEqual({ used: 0 });
    await expect.poll(async () => sample(await control.metrics(), 'domicile_feed_clients'), SOON).toBe(1);
    await control.end('SIGKILL');
    await expect.poll(async () => sample(await proxy.metrics(), 'domicile_control_plane_connected'), SOON).toBe(0);
  },
);

describe('a store that fails', () => {
  let folder: string;
  let store: Store;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'domicile-metrics-'));
    store = await openStore({ url: null, folder });
  });
  afterEach(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });

  const NO_FILES = { files: { policySet: { policies: [] } } } as unknown as Registry;
  const NO_CLIENTS = { sidecars: () => [], revision: 7 } as unknown as FeedServer;

  /** Over the store, but for what is replaced of it. */
  async function over(replaced: { ping?: () => Promise<number>; db?: () => Store['db'] }) {
    const lines: string[] = [];
    const log = new Log({ level: 'info', destination: { write: (line) => void lines.push(line) } });
    const flawed = {
      onRevision: (listener: (revision: number) => void) => store.onRevision(listener),
      ping: replaced.ping ?? (() => store.ping()),
      get db() {
        return replaced.db?.() ?? store.db;
      },
    } as Store;
    const counts = await storeCounts(store.db);
    const metrics = new ControlMetrics(flawed, NO_FILES, NO_CLIENTS, counts, new AuditCounts(), { failing: [] }, log);
    onTestFinished(() => metrics.close(), 1000);
    metrics.start();
    return { metrics, lines };
  }

  it('is not up when it answers with an error, and is again when it answers', async () => {
    let broken = true;
    const { metrics } = await over({ ping: () => (broken ? Promise.reject(new Error('gone')) : store.ping()) });
    expect(metrics.storeUp(), 'it was opened a moment ago').toBe(true);
    await expect.poll(() => metrics.storeUp(), SOON).toBe(false);
    broken = false;
    await expect.poll(() => metrics.storeUp(), SOON).toBe(true);
  });

  it('is not up when it does not answer at all', async () => {
    const { promise, resolve } = Promise.withResolvers<number>();
    let asked = 0;
    const { metrics } = await over({ ping: () => (asked++, promise) });
    await expect.poll(() => metrics.storeUp(), { ...SOON, timeout: 10_000 }).toBe(false);
    expect(asked, 'nobody is sent after the first who does not come back').toBe(1);
    resolve(1);
    await expect.poll(() => metrics.storeUp(), SOON).toBe(true);
  });

  it('is counted once it can be, and that it could not is told once', async () => {
    let tries = 0;
    const { metrics, lines } = await over({
      db: () => {
        if (++tries <= 3) throw new Error('gone');
        return store.db;
      },
    });
    await store.change(WHO, (change) => putPolicy(change, policyEntry({})));
    expect(metrics.policies()).toBe(0);
    await expect.poll(() => metrics.policies(), SOON).toBe(1);
    expect(tries).toBeGreaterThan(3);
    expect(lines.filter((line) => line.includes('cannot be counted'))).toHaveLength(1);
  });

  it('is asked once for changes that come together, and by no one who reads', async () => {
    let asked = 0;
    const { metrics } = await over({ db: () => (asked++, store.db) });
    for (const id of ['a', 'b', 'c', 'd', 'e'])
      await store.change(WHO, (change) => putPolicy(change, policyEntry({ id })));
    await expect.poll(() => metrics.policies(), SOON).toBe(5);
    const after = asked;
    expect(after).toBeLessThanOrEqual(3);
    expect([metrics.policies(), metrics.overrides().pending, metrics.feed(), metrics.storeUp()]).toEqual([
      5,
      0,
      { clients: 0, revision: 7, lagSeconds: 0 },
      true,
    ]);
    expect(asked).toBe(after);
  });
});
