/**
 * What it costs to count one request: its slot found, counted, and two durations observed. The budget is 0.5 µs
 * (DESIGN 2.3).
 */
import type { Effect, Reason } from '../../src/core/reasons.ts';
import type { Classification, DialectId, Service, Verb } from '../../src/core/vocabulary.ts';
import { Metrics } from '../../src/telemetry/metrics.ts';
import { cpuSince, type Row, row } from '../rows.ts';

const OPS = 1_000_000;

type Request = [Service, DialectId, Classification, Verb, Effect, Reason, string | null];

/** A mix of series, so that no run sees one slot only. */
const MIX: readonly Request[] = [
  ['storage', 's3', 'identity', 'store', 'allow', 'in_residency', 'eu-west'],
  ['storage', 's3', 'content', 'access', 'allow', 'cross_border_class', 'us-east'],
  ['storage', 's3', 'operational', 'access', 'allow', 'cross_border_logged', 'eu-central'],
  ['search', 'opensearch', 'transactional', 'access', 'deny', 'cross_border_restricted', null],
  ['search', 'opensearch', 'content', 'store', 'allow', 'in_residency', 'us-west'],
  ['inference', 'bedrock', 'identity', 'process', 'allow', 'failover', 'eu-central'],
  ['inference', 'openai', 'analytical', 'process', 'audit', 'advisory', 'us-east'],
  ['inference', 'anthropic', 'operational', 'process', 'deny', 'no_compliant_region', null],
];

function count(metrics: Metrics, ops: number): void {
  for (let op = 0; op < ops; op++) {
    const [service, dialect, classification, verb, decision, reason, region] = MIX[op & 7]!;
    const row = metrics.row(service, region);
    metrics.requests.count(metrics.requests.slot(service, dialect, classification, verb, decision, reason, region));
    metrics.requestDuration.observe(row, (op & 63) / 1000);
    metrics.upstreamDuration.observe(row, (op & 31) / 1000);
  }
}

/**
 * Runs of a million requests, in CPU time.
 * @throws Error when not every request was counted
 */
export function counting(rounds: number): Row[] {
  const metrics = new Metrics({
    version: 'bench',
    regions: ['us-east', 'us-west', 'eu-west', 'eu-central', 'apac-south', 'apac-east', 'ca-central'],
    sources: {
      inflight: () => 0,
      clients: () => [],
      upstreamConnections: () => [],
      regionUp: () => [],
      cacheRequests: () => [],
      policyRevision: () => 1,
      policies: () => 0,
      snapshotAgeSeconds: () => 0,
      controlPlaneConnected: () => null,
      auditQueueDepth: () => 0,
      shipping: () => null,
    },
  });
  count(metrics, OPS / 10);
  const runs: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const start = process.cpuUsage();
    count(metrics, OPS);
    runs.push(cpuSince(start) / OPS);
  }
  let counted = 0;
  metrics.requests.each((_, requests) => (counted += requests));
  if (counted !== OPS / 10 + rounds * OPS) throw new Error(`${counted} requests were counted`);
  return [row('metrics of one request (1 count, 2 histograms)', 'µs/op', runs)];
}
