import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { selfSigned } from '../attack/certificate.ts';
import { writeFiles } from '../rig/domicile.ts';
import { regionAt } from '../rig/regions.ts';
import { ask, Cluster } from './cluster-rig.ts';

const regions = (country: string) => [
  { ...regionAt('eu-west', { search: 'http://127.0.0.1:1' }), country },
  regionAt('us-east', { search: 'http://127.0.0.1:1' }),
];

/** A command from files of its own, ended with the test. */
async function begin(command: 'control' | 'proxy', args: readonly string[]): Promise<Cluster> {
  const folder = writeFiles({ regions: regions('IE'), policies: [] });
  const cluster = Cluster.in(folder, {}, args, command);
  onTestFinished(() => cluster.stop());
  await cluster.logged('ready');
  return cluster;
}

test('files that contradict the control plane refuse the reload of all workers, and not one of them goes for it', async () => {
  const control = await begin('control', []);
  const proxy = await begin('proxy', ['--workers', '2', '--control', control.feed]);
  await proxy.serving(2);
  const { workers } = proxy;
  proxy.write('regions.yaml', { regions: regions('DE') });
  expect((await proxy.logged('reload refused'))['message']).toContain(
    'no worker can put the files in force: Error: region eu-west: country is DE here and IE at the control plane',
  );
  proxy.write('regions.yaml', { regions: regions('IE') });
  await proxy.logged('reloaded');
  expect(proxy.workers).toEqual(workers);
}, 60_000);

test('files that are put right take up what was refused before, without a restart', async () => {
  const control = await begin('control', []);
  const proxy = Cluster.in(
    writeFiles({ regions: regions('DE'), policies: [] }),
    {},
    ['--workers', '1', '--control', control.feed],
    'proxy',
  );
  onTestFinished(() => proxy.stop());
  await proxy.logged('ready');
  const ready = async () => {
    const { status, body } = await ask(`${proxy.ops}/readyz`);
    return `${status} ${body}`;
  };
  await expect.poll(ready, { timeout: 10_000 }).toContain('contradicts the files here');
  expect(await ready()).toMatch(/^503 /);
  proxy.write('regions.yaml', { regions: regions('IE') });
  await proxy.logged('reloaded');
  await expect.poll(ready, { timeout: 10_000 }).toMatch(/^200 /);
}, 60_000);

test('serve finds its own feed whatever name stands in the certificate that it shows to others', async () => {
  const folder = writeFiles({
    regions: regions('IE'),
    policies: [],
    settings: {
      feed: { listen: '127.0.0.1:0', token: '${env:FEED_TOKEN}', tls: { cert: 'feed.pem', key: 'feed.key' } },
    },
  });
  const { cert, key } = selfSigned('feed.example');
  writeFileSync(join(folder, 'feed.pem'), cert);
  writeFileSync(join(folder, 'feed.key'), key);
  const serve = Cluster.in(folder, { FEED_TOKEN: 'nobody may guess this one' }, ['--workers', '2']);
  onTestFinished(() => serve.stop());
  await serve.logged('ready');
  expect(serve.feed).toMatch(/^https:/);
  expect((await ask(`${serve.ops}/readyz`)).status).toBe(200);
}, 60_000);
