// PEERS, "One pool per region, never a mixed pool; no panic mode across regions": a balancer that has one list of upstreams sends to
// whichever is well, and when too few are well to all of them. Here the own region is gone while others are in the best of health.
import { expect, test } from 'vitest';
import { startStandIn } from '../../src/standin/standin.ts';
import { fieldOf } from './answers.ts';
import { startWorld } from './world.ts';

const gone = await startStandIn(() => undefined);
await gone.close();
const alone = await startWorld({ replace: { 'eu-west': { storage: gone, search: gone } } });
const failing = await startWorld({
  replace: { 'eu-west': { storage: gone, search: gone } },
  policies: [
    {
      id: 'acme-eu',
      tenant_id: 'acme',
      mode: 'client-owned',
      primary_region: 'eu-west',
      allowed_regions: ['eu-central'],
      allow_cross_region_failover: true,
    },
  ],
  silent: ['us-east'],
});
const both = await startWorld({ silent: ['eu-central'] });

test('without failover the request fails, time after time, and goes nowhere else', async () => {
  for (let i = 0; i < 5; i++) {
    const answer = await alone.send({ method: 'PUT', target: '/reports/key', body: 'bytes' });
    expect(['502 upstream_connect_failed', '503 no_compliant_region']).toContain(
      `${answer.status} ${fieldOf(answer, 'x-residency-reason')}`,
    );
    expect(alone.bytes()).toBe(0);
  }
});

test('with failover it goes to a region of the policy, signed for that one, and never to a third', async () => {
  const first = await failing.send({ method: 'PUT', target: '/reports/0', body: 'bytes' });
  expect(fieldOf(first, 'x-residency-reason')).toBe('upstream_connect_failed');
  for (const key of ['1', '2', '3']) {
    const { received, answer } = await failing.forwards(
      { method: 'PUT', target: `/reports/${key}`, body: 'bytes' },
      { region: 'eu-central', reason: 'failover' },
    );
    expect(answer.status).toBe(200);
    expect(received.headers.authorization).toContain('/eu-central-1/s3/');
    expect(received.target).toBe(`/reports-eu-central-1/${key}`);
  }
});

test('a region that fails over is no longer asked for by name', async () => {
  const headers = { 'X-Requested-Region': 'us-east' };
  await failing.refuses({ target: '/reports/key', headers }, { reason: 'region_not_allowed' });
});

test('a hundred requests of two tenants at once each end where they belong', async () => {
  const tenants = Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? 'acme' : 'globex'));
  const answers = await Promise.all(
    tenants.map((tenant, i) => both.send({ method: 'PUT', target: `/reports/${i}`, tenant, body: `${tenant} ${i}` })),
  );
  for (const [i, tenant] of tenants.entries()) {
    const [own, other] = tenant === 'acme' ? (['eu-west', 'us-east'] as const) : (['us-east', 'eu-west'] as const);
    expect([answers[i]?.status, fieldOf(answers[i]!, 'x-residency-region')]).toEqual([200, own]);
    expect(both.storage(own).object(`reports-${own}-1`, String(i))?.body.toString()).toBe(`${tenant} ${i}`);
    expect(both.storage(other).object(`reports-${other}-1`, String(i))).toBeNull();
  }
});
