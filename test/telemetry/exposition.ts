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
  snapshotAgeSeconds: () => 0,
  auditQueueDepth: () => 0,
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
