import { describe, expect, it } from 'vitest';
import type { Service } from '../../src/core/vocabulary.ts';
import { Metrics, type MetricSources } from '../../src/telemetry/metrics.ts';
import { CONTROL, QUIET, sample, types } from './exposition.ts';

const REGIONS = ['eu-west', 'us-east'];

function made(sources: Partial<MetricSources> = {}, tenants: string[] = []): Metrics {
  return new Metrics({ version: '1.2.3', regions: REGIONS, sources: { ...QUIET, ...sources }, tenants });
}

describe('every metric of the contract is there, with its type', () => {
  it.each([
    ['domicile_requests_total', 'counter'],
    ['domicile_request_duration_seconds', 'histogram'],
    ['domicile_upstream_duration_seconds', 'histogram'],
    ['domicile_decision_duration_seconds', 'histogram'],
    ['domicile_inflight_requests', 'gauge'],
    ['domicile_client_connections', 'gauge'],
    ['domicile_client_connections_refused_total', 'counter'],
    ['domicile_bytes_total', 'counter'],
    ['domicile_upstream_connections', 'gauge'],
    ['domicile_region_up', 'gauge'],
    ['domicile_cache_requests_total', 'counter'],
    ['domicile_policy_revision', 'gauge'],
    ['domicile_snapshot_age_seconds', 'gauge'],
    ['domicile_leaks_blocked_total', 'counter'],
    ['domicile_audit_records_total', 'counter'],
    ['domicile_audit_queue_depth', 'gauge'],
    ['domicile_audit_failures_total', 'counter'],
    ['domicile_config_reload_failures_total', 'counter'],
    ['domicile_build_info', 'gauge'],
    ['residency_policies_total', 'untyped'],
    ['data_access_requests_total', 'counter'],
    ['cross_region_access_total', 'counter'],
    ['compliance_violations_total', 'counter'],
    ['emergency_overrides_total', 'counter'],
    ['process_cpu_seconds_total', 'counter'],
    ['nodejs_eventloop_lag_seconds', 'gauge'],
  ])('%s is a %s', async (name, type) => {
    expect(types(await made().expose()).get(name)).toBe(type);
  });

  it('two instances share nothing, not even the names', async () => {
    const one = made();
    const other = made();
    one.reloadFailure();
    expect(sample(await one.expose(), 'domicile_config_reload_failures_total')).toBe(1);
    expect(sample(await other.expose(), 'domicile_config_reload_failures_total')).toBe(0);
  });
});

describe('requests', () => {
  it('are counted by all seven labels, and the same labels find the same slot', async () => {
    const metrics = made();
    const slot = metrics.requests.slot('storage', 's3', 'identity', 'store', 'allow', 'in_residency', 'eu-west');
    metrics.requests.count(slot);
    metrics.requests.count(slot);
    expect(metrics.requests.slot('storage', 's3', 'identity', 'store', 'allow', 'in_residency', 'eu-west')).toBe(slot);
    expect(
      sample(
        await metrics.expose(),
        'domicile_requests_total{service="storage",dialect="s3",classification="identity",verb="store",decision="allow",reason="in_residency",region="eu-west"}',
      ),
    ).toBe(2);
  });

  it('that differ in any one label have slots of their own, and each slot has its own labels', () => {
    const { requests } = made();
    const slots = [
      requests.slot('storage', 's3', 'identity', 'store', 'allow', 'in_residency', 'eu-west'),
      requests.slot('search', 's3', 'identity', 'store', 'allow', 'in_residency', 'eu-west'),
      requests.slot('storage', 'opensearch', 'identity', 'store', 'allow', 'in_residency', 'eu-west'),
      requests.slot('storage', 's3', 'analytical', 'store', 'allow', 'in_residency', 'eu-west'),
      requests.slot('storage', 's3', 'identity', 'admin', 'allow', 'in_residency', 'eu-west'),
      requests.slot('storage', 's3', 'identity', 'store', 'deny', 'in_residency', 'eu-west'),
      requests.slot('storage', 's3', 'identity', 'store', 'allow', 'upstream_reset', 'eu-west'),
      requests.slot('storage', 's3', 'identity', 'store', 'allow', 'in_residency', 'us-east'),
      requests.slot('storage', 's3', 'identity', 'store', 'allow', 'in_residency', null),
      requests.slot('storage', null, null, null, 'allow', 'in_residency', 'eu-west'),
    ];
    expect(new Set(slots).size).toBe(slots.length);
    const seen: string[] = [];
    requests.each((labels) => seen.push(Object.values(labels).join(' ')));
    expect(seen).toEqual([
      'storage s3 identity store allow in_residency eu-west',
      'search s3 identity store allow in_residency eu-west',
      'storage opensearch identity store allow in_residency eu-west',
      'storage s3 analytical store allow in_residency eu-west',
      'storage s3 identity admin allow in_residency eu-west',
      'storage s3 identity store deny in_residency eu-west',
      'storage s3 identity store allow upstream_reset eu-west',
      'storage s3 identity store allow in_residency us-east',
      'storage s3 identity store allow in_residency none',
      'storage none none none allow in_residency eu-west',
    ]);
  });

  it('keep their counts when there are more series than there was room for', () => {
    const { requests } = made();
    let series = 0;
    for (const service of ['storage', 'search', 'inference'] as const) {
      for (const dialect of ['s3', 'opensearch', 'bedrock', 'openai', 'anthropic'] as const) {
        for (const verb of ['store', 'process', 'access', 'delete', 'admin'] as const) {
          for (const reason of ['in_residency', 'failover', 'no_policy', 'leak_blocked', 'overloaded'] as const) {
            requests.count(requests.slot(service, dialect, 'content', verb, 'allow', reason, 'us-east'));
            series++;
          }
        }
      }
    }
    const counts: number[] = [];
    requests.each((_, count) => counts.push(count));
    expect(series).toBeGreaterThan(256);
    expect(counts).toEqual(Array.from({ length: series }, () => 1));
  });

  it('to a region that is not in the catalogue are counted as none, so that no input becomes a label', async () => {
    const metrics = made();
    metrics.requests.count(
      metrics.requests.slot('search', 'opensearch', 'content', 'access', 'allow', 'in_residency', 'mars'),
    );
    const text = await metrics.expose();
    expect(text).not.toContain('mars');
    expect(sample(text, 'data_access_requests_total{region="none"}')).toBe(1);
  });

  it('to a region of a reloaded catalogue get its label, and counts of the old ones stay', async () => {
    const metrics = made();
    const count = (region: string) => {
      metrics.requests.count(
        metrics.requests.slot('storage', 's3', 'content', 'access', 'allow', 'in_residency', region),
      );
      metrics.requestDuration.observe(metrics.row('storage', region), 0.002);
    };
    count('us-east');
    metrics.addRegions(['ca-central', 'us-east']);
    count('ca-central');
    count('us-east');
    const text = await metrics.expose();
    expect(sample(text, 'data_access_requests_total{region="us-east"}')).toBe(2);
    expect(sample(text, 'data_access_requests_total{region="ca-central"}')).toBe(1);
    const durations = 'domicile_request_duration_seconds_count{service="storage",region=';
    expect(sample(text, `${durations}"us-east"}`)).toBe(2);
    expect(sample(text, `${durations}"ca-central"}`)).toBe(1);
  });

  it('with a word outside the vocabulary are a mistake of ours, and throw', () => {
    expect(() =>
      made().requests.slot('tape' as Service, 's3', 'content', 'access', 'allow', 'in_residency', null),
    ).toThrow(TypeError);
  });
});

describe('durations', () => {
  it('fall into the bucket whose bound they reach, and are cumulated', async () => {
    const metrics = made();
    const row = metrics.row('inference', 'us-east');
    for (const seconds of [0.0004, 0.001, 0.0011, 59, 61]) metrics.upstreamDuration.observe(row, seconds);
    const text = await metrics.expose();
    const bucket = (le: string) =>
      sample(text, `domicile_upstream_duration_seconds_bucket{le="${le}",service="inference",region="us-east"}`);
    expect([bucket('0.0005'), bucket('0.001'), bucket('0.005'), bucket('60'), bucket('+Inf')]).toEqual([1, 2, 3, 4, 5]);
    const of = '{service="inference",region="us-east"}';
    expect(sample(text, `domicile_upstream_duration_seconds_count${of}`)).toBe(5);
    expect(sample(text, `domicile_upstream_duration_seconds_sum${of}`)).toBeCloseTo(120.0025, 6);
    expect(text).not.toContain('domicile_request_duration_seconds_count{');
  });

  it('of decisions have buckets of microseconds, and are shown before the first one', async () => {
    const metrics = made();
    expect(sample(await metrics.expose(), 'domicile_decision_duration_seconds_count')).toBe(0);
    metrics.decisionDuration.observe(0, 0.000_000_8);
    metrics.decisionDuration.observe(0, 0.000_003);
    const text = await metrics.expose();
    expect(sample(text, 'domicile_decision_duration_seconds_bucket{le="0.000001"}')).toBe(1);
    expect(sample(text, 'domicile_decision_duration_seconds_bucket{le="0.000005"}')).toBe(2);
  });
});

describe('what others own is asked for at each scrape', () => {
  it('so the answer is the one of now', async () => {
    let revision = 4;
    const metrics = made({
      inflight: (service) => (service === 'search' ? 3 : 0),
      clients: () => [{ service: 'search', connections: 11, turnedAway: 2, acceptErrors: 1 }],
      upstreamConnections: () => [{ service: 'storage', region: 'eu-west', state: 'idle', count: 7 }],
      regionUp: () => [
        { service: 'storage', region: 'eu-west', up: true },
        { service: 'storage', region: 'us-east', up: false },
      ],
      cacheRequests: () => [{ cache: 'bundles', result: 'hit', count: 5 }],
      policyRevision: () => revision++,
      policies: () => 9,
      snapshotAgeSeconds: () => 1.5,
      auditQueueDepth: () => 2,
    });
    const first = await metrics.expose();
    expect(sample(first, 'domicile_inflight_requests{service="search"}')).toBe(3);
    expect(sample(first, 'domicile_inflight_requests{service="storage"}')).toBe(0);
    expect(sample(first, 'domicile_client_connections{service="search"}')).toBe(11);
    const refused = (cause: string) => `domicile_client_connections_refused_total{service="search",cause="${cause}"}`;
    expect([sample(first, refused('limit')), sample(first, refused('accept'))]).toEqual([2, 1]);
    expect(sample(first, 'domicile_upstream_connections{service="storage",region="eu-west",state="idle"}')).toBe(7);
    expect(sample(first, 'domicile_region_up{service="storage",region="eu-west"}')).toBe(1);
    expect(sample(first, 'domicile_region_up{service="storage",region="us-east"}')).toBe(0);
    expect(sample(first, 'domicile_cache_requests_total{cache="bundles",result="hit"}')).toBe(5);
    expect(sample(first, 'residency_policies_total')).toBe(9);
    expect(sample(first, 'domicile_snapshot_age_seconds')).toBe(1.5);
    expect(sample(first, 'domicile_audit_queue_depth')).toBe(2);
    expect(sample(first, 'domicile_policy_revision')).toBe(4);
    expect(sample(await metrics.expose(), 'domicile_policy_revision')).toBe(5);
  });

  it('and a source that throws fails the scrape instead of hiding behind an old value', async () => {
    const metrics = made({
      policies: () => {
        throw new Error('no snapshot');
      },
    });
    await expect(metrics.expose()).rejects.toThrow('no snapshot');
  });
});

describe('compliance', () => {
  it('counts each crossing of a border that was allowed, and no denial as one', async () => {
    const metrics = made();
    const { requests } = metrics;
    for (const reason of ['cross_border_logged', 'cross_border_class', 'grant', 'emergency_override'] as const) {
      requests.count(requests.slot('storage', 's3', 'content', 'access', 'allow', reason, 'eu-west'));
    }
    requests.count(requests.slot('storage', 's3', 'content', 'access', 'allow', 'in_residency', 'eu-west'));
    requests.count(requests.slot('storage', 's3', 'identity', 'access', 'deny', 'cross_border_restricted', null));
    expect(sample(await metrics.expose(), 'cross_region_access_total')).toBe(4);
  });

  it('counts a violation for each framework it is one of, and as none where there is no framework', async () => {
    const metrics = made();
    metrics.violation(['gdpr', 'ferpa']);
    metrics.violation(['gdpr']);
    metrics.violation([]);
    const text = await metrics.expose();
    expect(sample(text, 'compliance_violations_total{framework="gdpr"}')).toBe(2);
    expect(sample(text, 'compliance_violations_total{framework="ferpa"}')).toBe(1);
    expect(sample(text, 'compliance_violations_total{framework="none"}')).toBe(1);
  });

  it('counts leaks by dialect and row of the table, bytes by direction, uses of overrides, audit by mode', async () => {
    const metrics = made();
    metrics.leakBlocked('s3', 'copy_source_arn');
    metrics.leakBlocked('s3', 'copy_source_arn');
    metrics.bytesIn('storage', 100);
    metrics.bytesOut('storage', 2000);
    metrics.bytesOut('storage', 1);
    metrics.overrideUsed();
    metrics.audit.records.batch++;
    metrics.audit.failures++;
    const text = await metrics.expose();
    expect(sample(text, 'domicile_leaks_blocked_total{dialect="s3",leak="copy_source_arn"}')).toBe(2);
    expect(sample(text, 'domicile_bytes_total{service="storage",direction="in"}')).toBe(100);
    expect(sample(text, 'domicile_bytes_total{service="storage",direction="out"}')).toBe(2001);
    expect(sample(text, 'emergency_overrides_total{status="used"}')).toBe(1);
    expect(sample(text, 'domicile_audit_records_total{mode="batch"}')).toBe(1);
    expect(sample(text, 'domicile_audit_records_total{mode="strict"}')).toBe(0);
    expect(sample(text, 'domicile_audit_failures_total')).toBe(1);
    expect(sample(text, `domicile_build_info{version="1.2.3",node="${process.versions.node}"}`)).toBe(1);
  });
});

describe('a control plane', () => {
  it('in this process tells of feed, store and API, of overrides, and of all policies', async () => {
    const metrics = new Metrics({ version: '1.2.3', regions: REGIONS, sources: QUIET, control: CONTROL });
    metrics.overrideUsed();
    const text = await metrics.expose();
    expect(sample(text, 'residency_policies_total'), 'its own, not those of the source').toBe(12);
    expect(types(text).get('residency_policies_total')).toBe('untyped');
    for (const [status, count] of Object.entries({ ...CONTROL.overrides(), used: 1 }))
      expect([status, sample(text, `emergency_overrides_total{status="${status}"}`)]).toEqual([status, count]);
    expect(sample(text, 'domicile_feed_clients')).toBe(3);
    expect(sample(text, 'domicile_feed_revision')).toBe(41);
    expect(sample(text, 'domicile_feed_lag_seconds')).toBe(0.25);
    expect(sample(text, 'domicile_store_up')).toBe(1);
    const requests = (status: number) =>
      `domicile_control_requests_total{method="GET",route="/api/v1/policies/{policy_id}",status="${status}"}`;
    expect([sample(text, requests(200)), sample(text, requests(404))]).toEqual([7, 2]);
  });

  it('whose store is silent says so', async () => {
    const control = { ...CONTROL, storeUp: () => false };
    const text = await new Metrics({ version: '1.2.3', regions: REGIONS, sources: QUIET, control }).expose();
    expect(sample(text, 'domicile_store_up')).toBe(0);
  });

  it('elsewhere is heard or not, and where there is none nothing is said of one', async () => {
    const connected = async (heard: boolean | null) =>
      sample(await made({ controlPlaneConnected: () => heard }).expose(), 'domicile_control_plane_connected');
    expect([await connected(true), await connected(false), await connected(null)]).toEqual([1, 0, null]);
    const text = await made().expose();
    expect(text).not.toMatch(/domicile_(?:feed|store|control)_/);
    expect(text.match(/^emergency_overrides_total.*$/gm)).toEqual(['emergency_overrides_total{status="used"} 0']);
  });
});

describe('tenants', () => {
  it('are no label of anything unless they are listed', async () => {
    const metrics = made();
    metrics.tenantRequest('acme', 'allow');
    expect(await metrics.expose()).not.toMatch(/acme|domicile_tenant_requests_total/);
  });

  it('that are listed are counted, and the others still are not', async () => {
    const metrics = made({}, ['acme']);
    metrics.tenantRequest('acme', 'deny');
    metrics.tenantRequest('globex', 'deny');
    const text = await metrics.expose();
    expect(sample(text, 'domicile_tenant_requests_total{tenant="acme",decision="deny"}')).toBe(1);
    expect(sample(text, 'domicile_tenant_requests_total{tenant="acme",decision="allow"}')).toBe(0);
    expect(text).not.toContain('globex');
  });
});
