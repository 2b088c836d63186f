// PROTOCOLS, leak table "S3", row "Batch": the S3 control plane runs jobs that copy whole buckets to wherever they are told.
import { test } from 'vitest';
import { startWorld } from './world.ts';

const world = await startWorld();

test.each(['/v20180820/jobs', '/v20180820/jobs/1', '/v20180820/accesspoint/x', '/v20180820/mrap/instances'])(
  '%s is no route',
  async (target) => {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      await world.refuses({ method, target }, { reason: 'operation_not_permitted' });
    }
  },
);

test('nor is it one with a body, encoded, or under the host of the control plane', async () => {
  const body = '<CreateJobRequest/>';
  await world.refuses({ method: 'POST', target: '/v20180820/jobs', body }, { reason: 'operation_not_permitted' });
  await world.refuses({ target: '/%7620180820/jobs' }, { reason: 'operation_not_permitted' });
  const host = '123456789012.s3-control.us-east-1.amazonaws.com';
  await world.refuses({ target: '/reports/key', host }, { reason: 'leak_blocked', leak: 'control_plane' });
});

test('a request that names an account is refused', async () => {
  await world.refuses(
    { target: '/reports/key', headers: { 'X-Amz-Account-Id': '123456789012' } },
    { reason: 'leak_blocked', leak: 'control_plane' },
  );
});
