import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { Metrics } from '../../src/telemetry/metrics.ts';
import { available, program } from '../servers/servers.ts';
import { CONTROL, QUIET } from './exposition.ts';

describe.skipIf(available('promtool'))('promtool check metrics', () => {
  it('has nothing to say about any metric, those of the process, of a control plane and of listed tenants included', async () => {
    const metrics = new Metrics({
      version: '1.2.3',
      regions: ['eu-west'],
      tenants: ['acme'],
      control: CONTROL,
      sources: {
        ...QUIET,
        controlPlaneConnected: () => true,
        upstreamConnections: () => [{ service: 'storage', region: 'eu-west', state: 'idle', count: 7 }],
        regionUp: () => [{ service: 'storage', region: 'eu-west', up: true }],
        cacheRequests: () => [{ cache: 'bundles', result: 'hit', count: 5 }],
      },
    });
    metrics.requests.count(metrics.requests.slot('storage', 's3', 'identity', 'store', 'allow', 'grant', 'eu-west'));
    metrics.requestDuration.observe(metrics.row('storage', 'eu-west'), 0.01);
    metrics.upstreamDuration.observe(metrics.row('storage', 'eu-west'), 0.01);
    metrics.leakBlocked('s3', 'arn');
    metrics.violation(['gdpr']);
    const exposition = await metrics.expose();
    const { status, stdout, stderr } = spawnSync(program('promtool'), ['check', 'metrics'], {
      input: exposition,
      encoding: 'utf8',
    });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  it('does object where a name breaks the rules, so its silence means something', () => {
    const { status, stderr } = spawnSync(program('promtool'), ['check', 'metrics'], {
      input: '# HELP policies_total Policies.\n# TYPE policies_total gauge\npolicies_total 1\n',
      encoding: 'utf8',
    });
    expect(status).not.toBe(0);
    expect(stderr).toContain('non-counter metrics should not have "_total" suffix');
  });
});
