// What restricts is kept across a restart, and is outdated when policies have changed while the proxy was away. With the control plane
// there to say so, not one request may be decided by what was kept.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Domicile } from '../../src/app/domicile.ts';
import { writeFiles } from '../rig/domicile.ts';
import { ENV, regionAt } from '../rig/regions.ts';
import { policy } from '../feed/source.ts';
import { until } from '../feed/world.ts';
import { regionsWith, ScriptedControl } from './fed-world.ts';

const REGIONS = ['eu-west', 'eu-central', 'us-east'] as const;

/** A folder with the files of a proxy, and a control plane of it on a socket. */
async function world() {
  const folder = writeFiles({
    regions: REGIONS.map((id) => regionAt(id, { search: 'http://127.0.0.1:1' })),
    policies: [],
  });
  const sockets = mkdtempSync(join(tmpdir(), 'domicile-feed-'));
  const regions = regionsWith();
  const all = { revision: 1, regions, regimes: [], presignKey: 'c2VjcmV0', policies: 1 };
  const control = new ScriptedControl(join(sockets, 'feed.sock'), all);
  control.documents = (tenant) => {
    const policies = { tenant, policies: [policy(tenant)], grants: [], overrides: [], records: [] };
    return { tenant, revision: control.world.revision, policies };
  };
  await control.listen();
  const start = async () => {
    const origin = { kind: 'remote', url: `unix:${control.path}` } as const;
    const config = join(folder, 'domicile.yaml');
    const domicile = await Domicile.start({
      config,
      version: '0.0.0-test',
      env: ENV,
      origin,
      log: { write: () => undefined },
    });
    onTestFinished(() => domicile.drain(0));
    return domicile;
  };
  onTestFinished(() => {
    control.close();
    for (const path of [folder, sockets]) rmSync(path, { recursive: true, force: true });
  });
  return { control, start };
}

const ask = async (domicile: Domicile) => {
  const { port } = domicile.listeners.find(({ name }) => name === 'listeners.search')!;
  const headers = { 'x-tenant-id': 'acme', 'x-data-classification': 'content', 'x-requested-region': 'eu-west' };
  const answer = await fetch(`http://127.0.0.1:${port}/reports/_doc/1`, { headers });
  return answer.headers.get('x-residency-reason');
};

test('a proxy that starts listens to its control plane before it is listened to', async () => {
  const { control, start } = await world();
  const first = await start();
  await until(() => first.plane.proxy.wideningUntil() > 0);
  expect(await ask(first)).toBe('upstream_connect_failed');
  await first.drain(0);
  // It closes the region while nobody is there to hear it.
  control.world = { ...control.world, revision: 2, regions: regionsWith({ 'eu-west': 'inactive' }) };
  control.resumes = 300;
  const second = await start();
  expect(await ask(second)).toBe('region_not_allowed');
});

test('cut off from it, it goes by what it had, after a moment', async () => {
  const { control, start } = await world();
  const first = await start();
  await until(() => first.plane.proxy.wideningUntil() > 0);
  expect(await ask(first)).toBe('upstream_connect_failed');
  await first.drain(0);
  control.close();
  const began = performance.now();
  const second = await start();
  expect(performance.now() - began).toBeLessThan(5000);
  expect(await ask(second)).toBe('upstream_connect_failed');
});
