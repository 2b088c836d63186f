import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { Metrics, type MetricReport, type MetricSources } from '../../src/telemetry/metrics.ts';
import { Totals } from '../../src/telemetry/totals.ts';
import { available, program } from '../servers/servers.ts';
import { CONTROL, QUIET, sample, types } from './exposition.ts';

function worker(sources: Partial<MetricSources> = {}): Metrics {
  return new Metrics({ version: '1.2.3', regions: ['eu-west', 'us-east'], sources: { ...QUIET, ...sources } });
}

function totals(reports: readonly MetricReport[]): Totals {
  return new Totals('1.2.3', { workers: () => 2, restarts: () => 1, reports: () => reports });
}

function request(metrics: Metrics, region: string, seconds: number): void {
  metrics.requests.count(metrics.requests.slot('storage', 's3', 'identity', 'access', 'allow', 'in_residency', region));
  metrics.requestDuration.observe(metrics.row('storage', region), seconds);
}

const COUNT = (region: string) =>
  `domicile_requests_total{service="storage",dialect="s3",classification="identity",verb="access",decision="allow",reason="in_residency",region="${region}"}`;
const BUCKET = (le: string) =>
  `domicile_request_duration_seconds_bucket{le="${le}",service="storage",region="eu-west"}`;

describe('the metrics of several workers', () => {
  it('are added up: counters and histograms, also those that only one of them has', async () => {
    const [one, other] = [worker(), worker()];
    request(one, 'eu-west', 0.003);
    request(other, 'eu-west', 0.003);
    request(other, 'eu-west', 0.3);
    request(other, 'us-east', 0.3);
    const page = await totals([await one.report(), await other.report()]).expose();
    expect(sample(page, COUNT('eu-west'))).toBe(3);
    expect(sample(page, COUNT('us-east'))).toBe(1);
    expect(sample(page, BUCKET('0.005'))).toBe(2);
    expect(sample(page, BUCKET('+Inf'))).toBe(3);
    expect(sample(page, 'domicile_request_duration_seconds_count{service="storage",region="eu-west"}')).toBe(3);
  });

  it('that say how things are become one as it is right for each', async () => {
    const of = (up: boolean, revision: number, age: number, inflight: number) =>
      worker({
        regionUp: () => [{ service: 'storage', region: 'eu-west', up }],
        policyRevision: () => revision,
        snapshotAgeSeconds: () => age,
        policies: () => 7,
        inflight: (service) => (service === 'storage' ? inflight : 0),
        upstreamConnections: () => [{ service: 'storage', region: 'eu-west', state: 'idle', count: 2 }],
      }).report();
    const page = await totals([await of(true, 4, 10, 3), await of(false, 3, 20, 5)]).expose();
    expect(sample(page, 'domicile_region_up{service="storage",region="eu-west"}')).toBe(0);
    expect(sample(page, 'domicile_policy_revision')).toBe(3);
    expect(sample(page, 'domicile_snapshot_age_seconds')).toBe(20);
    expect(sample(page, 'residency_policies_total')).toBe(7);
    expect(sample(page, 'domicile_inflight_requests{service="storage"}')).toBe(8);
    expect(sample(page, 'domicile_upstream_connections{service="storage",region="eu-west",state="idle"}')).toBe(4);
    expect(sample(page, `domicile_build_info{version="1.2.3",node="${process.versions.node}"}`)).toBe(1);
    expect(sample(page, 'domicile_workers')).toBe(2);
    expect(sample(page, 'domicile_worker_restarts_total')).toBe(1);
  });

  it('of the processes are their sum, and the whole began when the primary did', async () => {
    const report = await worker().report();
    const alone = await totals([]).expose();
    const page = await totals([report, report]).expose();
    const memory = 'process_resident_memory_bytes';
    expect(sample(page, memory)!).toBeGreaterThan(2 * sample(alone, memory)!);
    expect(sample(page, 'process_start_time_seconds')).toBe(sample(alone, 'process_start_time_seconds'));
  });

  it('stay counted when a worker is gone, and its gauges go with it', async () => {
    const reports: MetricReport[] = [];
    const total = totals(reports);
    for (let i = 0; i < 3; i++) {
      const metrics = worker({ inflight: () => 9 });
      request(metrics, 'eu-west', 0.003);
      total.retire(await metrics.report());
    }
    const page = await total.expose();
    expect(sample(page, COUNT('eu-west'))).toBe(3);
    expect(sample(page, BUCKET('0.005'))).toBe(3);
    expect(sample(page, 'domicile_inflight_requests{service="storage"}')).toBeNull();
    const live = worker();
    request(live, 'eu-west', 0.003);
    reports.push(await live.report());
    expect(sample(await total.expose(), COUNT('eu-west'))).toBe(4);
  });

  it('have the names and types of one process, and those of the primary', async () => {
    const one = types(await worker().expose());
    const all = types(await totals([await worker().report()]).expose());
    expect([...all.keys()].filter((name) => !one.has(name)).sort()).toEqual([
      'domicile_worker_restarts_total',
      'domicile_workers',
    ]);
    for (const [name, type] of one) expect([name, all.get(name)]).toEqual([name, type]);
  });

  it('have beside them what the control plane of the primary tells, and its number of policies in their place', async () => {
    const reports: MetricReport[] = [];
    const total = new Totals('1.2.3', {
      workers: () => 2,
      restarts: () => 1,
      reports: () => reports,
      control: CONTROL,
    });
    expect(sample(await total.expose(), 'residency_policies_total'), 'no worker has told anything yet').toBe(12);
    const gone = worker({ policies: () => 99 });
    gone.overrideUsed();
    total.retire(await gone.report());
    for (const [policies, heard] of [
      [11, true],
      [13, false],
    ] as const) {
      const metrics = worker({ policies: () => policies, controlPlaneConnected: () => heard });
      metrics.overrideUsed();
      reports.push(await metrics.report());
    }
    const page = await total.expose();
    expect(page.match(/^residency_policies_total.*$/gm)).toEqual(['residency_policies_total 12']);
    expect(types(page).get('residency_policies_total')).toBe('untyped');
    for (const [status, count] of Object.entries({ ...CONTROL.overrides(), used: 3 }))
      expect([status, sample(page, `emergency_overrides_total{status="${status}"}`)]).toEqual([status, count]);
    expect(sample(page, 'domicile_control_plane_connected'), 'one of them does not hear it').toBe(0);
    expect(sample(page, 'domicile_feed_clients')).toBe(3);
    expect(sample(await total.expose(), 'domicile_feed_clients'), 'told again and again, it is no sum').toBe(3);
  });

  it('count a reload that was refused once, however many workers there are', async () => {
    const total = totals([await worker().report(), await worker().report()]);
    total.reloadFailure();
    expect(sample(await total.expose(), 'domicile_config_reload_failures_total')).toBe(1);
  });

  it.skipIf(available('promtool'))('are to the liking of promtool', async () => {
    const metrics = worker({ regionUp: () => [{ service: 'storage', region: 'eu-west', up: true }] });
    request(metrics, 'eu-west', 0.003);
    const reports = [await metrics.report(), await metrics.report()];
    const total = new Totals('1.2.3', {
      workers: () => 2,
      restarts: () => 1,
      reports: () => reports,
      control: CONTROL,
    });
    const { status, stdout, stderr } = spawnSync(program('promtool'), ['check', 'metrics'], {
      input: await total.expose(),
      encoding: 'utf8',
    });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
  });
});
