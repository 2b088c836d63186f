// PROTOCOLS, leak table "S3", row "Acceleration": `s3-accelerate` takes an upload in at the nearest edge of a worldwide
// network, whatever the region of the bucket.
import { expect, test } from 'vitest';
import { startWorld } from './world.ts';

const world = await startWorld();

test.each([
  'reports.s3-accelerate.amazonaws.com',
  'reports.s3-accelerate.dualstack.amazonaws.com',
  'REPORTS.S3-ACCELERATE.AMAZONAWS.COM:443',
])('Host %s is refused', async (host) => {
  const write = { method: 'PUT', target: '/key', body: 'bytes', host };
  await world.refuses(write, { reason: 'leak_blocked', leak: 'acceleration' });
});

test('turning acceleration on is refused', async () => {
  const body = '<AccelerateConfiguration><Status>Enabled</Status></AccelerateConfiguration>';
  await world.refuses({ method: 'PUT', target: '/reports?accelerate', body }, { reason: 'operation_not_permitted' });
});

test('what is sent goes to the regional endpoint under its own name', async () => {
  const { received } = await world.forwards(
    { method: 'PUT', target: '/reports/key', body: 'bytes', host: 's3.eu-west-1.amazonaws.com' },
    { region: 'eu-west', reason: 'in_residency' },
  );
  expect(received.headers.host).toBe(new URL(world.storage('eu-west').url).host);
});
