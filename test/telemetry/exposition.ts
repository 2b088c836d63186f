import { AuditCounts } from '../../src/telemetry/audit.ts';
import type { ControlSources } from '../../src/telemetry/control.ts';
import type { MetricSources } from '../../src/telemetry/metrics.ts';

/** Sources that have nothing to tell. */
export const QUIET: MetricSources = {
  inflight: () => 0,
  clients: () => [],
  upstreamConnections: () => [],
  regionUp: () => [],
  cacheRequests: () => [],
  policyRevision: () => 0,
  policies: () => 0,
  controlPlaneConnected: () => null,
  snapshotAgeSeconds: () => 0,
  auditQueueDepth: () => 0,
  shipping: () => ({ lagEntries: 3, lagSeconds: 4, failures: 1 }),
};

/** A control plane that has something to tell of everything. */
export const CONTROL: ControlSources = {
  policies: () => 12,
  overrides: () => ({ pending: 5, active: 4, denied: 1, revoked: 2, expired: 3 }),
  feed: () => ({ clients: 3, revision: 41, lagSeconds: 0.25 }),
  audit: new AuditCounts(),
  indexProblems: () => 1,
  storeUp: () => true,
  requests: () => [
    { method: 'GET', route: '/api/v1/policies/{policy_id}', status: 200, count: 7 },
    { method: 'GET', route: '/api/v1/policies/{policy_id}', status: 404, count: 2 },
  ],
};

/** Value of one line of an exposition, found by its whole name and labels; null when it is not there. */
export function sample(exposition: string, series: string): number | null {
  for (const line of exposition.split('\n')) {
    if (line.startsWith(`${series} `)) return Number(line.slice(series.length + 1));
  }
  return null;
}

/** `# TYPE` of every metric. */
export function types(exposition: string): Map<string, string> {
  return new Map([...exposition.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name!, type!]));
}
