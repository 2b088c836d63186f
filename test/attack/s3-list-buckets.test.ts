// PROTOCOLS, leak table "S3", row "ListBuckets": one call names every bucket of an account, of all regions and tenants.
import { test } from 'vitest';
import { startWorld } from './world.ts';

const world = await startWorld({
  settings: {
    listeners: {
      storage: { listen: '127.0.0.1:0', virtual_host_suffix: 's3.local' },
      search: { listen: '127.0.0.1:0' },
      inference: { listen: '127.0.0.1:0' },
    },
  },
});

test.each(['/', '/?bucket-region=us-east-1', '/?max-buckets=10', '/?x-id=ListBuckets', '/?X-Amz-Signature=0'])(
  'GET %s is refused',
  async (target) => {
    for (const method of ['GET', 'HEAD', 'POST']) {
      await world.refuses({ method, target }, { reason: 'operation_not_permitted' });
    }
  },
);

test('the service under the name of the virtual-host suffix is refused too', async () => {
  for (const host of ['s3.local', 'S3.LOCAL:9100']) {
    await world.refuses({ target: '/', host }, { reason: 'operation_not_permitted' });
  }
});

test('the same request for one bucket, by path or by host, goes through', async () => {
  await world.forwards({ target: '/reports' }, { region: 'eu-west', reason: 'in_residency' });
  await world.forwards({ target: '/', host: 'reports.s3.local' }, { region: 'eu-west', reason: 'in_residency' });
});
