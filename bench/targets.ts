import { median, rounded } from './rows.ts';

/** A line of the table: what is compared, what must be reached, and what is aimed at. */
export interface Target {
  readonly work: string;
  readonly against: string;
  /** `×`: a ratio to the peer's figure; else the unit of a difference, or, against nothing, of the figure itself. */
  readonly unit: '×' | 'µs' | 'ms';
  readonly must: number;
  readonly aim: number;
  /** Whether more is better. */
  readonly more?: true;
}

const GET = 'GET 200 B, OpenSearch shape, no signing';
const NGINX = 'nginx proxy_pass';

/** CPU time of a request, unless the line says otherwise. */
export const TARGETS = {
  getNginx: { work: GET, against: 'nginx tenant × class map', unit: '×', must: 1.7, aim: 1.4 },
  getAuthRequest: {
    work: GET,
    against: 'nginx + auth_request to a Node decision service',
    unit: '×',
    must: 0.6,
    aim: 0.45,
  },
  getReplyFrom: { work: GET, against: '@fastify/reply-from', unit: '×', must: 0.5, aim: 0.4 },
  getHttpProxy: { work: GET, against: 'http-proxy', unit: '×', must: 0.5, aim: 0.4 },
  getEnvoy: { work: GET, against: 'Envoy, a table of 100 header routes', unit: '×', must: 0.65, aim: 0.5 },
  getExtAuthz: {
    work: GET,
    against: 'Envoy + ext_authz to a Node decision service (both processes)',
    unit: '×',
    must: 0.3,
    aim: 0.2,
  },
  resign: { work: 'S3 GET 16 KB, re-signed', against: 'our own GET unsigned', unit: 'µs', must: 6, aim: 4 },
  put: { work: 'S3 PUT 16 KB, hash reused, re-signed', against: `${NGINX} PUT`, unit: '×', must: 2, aim: 1.6 },
  bulk: { work: 'OpenSearch `_bulk` 64 KB, inspected', against: NGINX, unit: '×', must: 3, aim: 2 },
  chat: {
    work: 'Chat completion, 4 KB JSON inspected, SSE of 200 events',
    against: `${NGINX} (buffering off)`,
    unit: '×',
    must: 2,
    aim: 1.5,
  },
  download: { work: '64 MB download, bytes/s', against: NGINX, unit: '×', must: 0.7, aim: 0.85, more: true },
  upload: { work: '64 MB upload, bytes/s', against: NGINX, unit: '×', must: 0.7, aim: 0.85, more: true },
  latency: { work: 'Latency added at half load, p99', against: NGINX, unit: 'ms', must: 1, aim: 0.5 },
  evidence: {
    work: 'A record in batches, GET 200 B',
    against: 'the same without evidence',
    unit: 'µs',
    must: 2,
    aim: 1.5,
  },
  refusal: { work: 'Refusal (deny path)', against: 'nginx `return 403`', unit: '×', must: 3, aim: 2 },
} as const satisfies Record<string, Target>;

export function decisionTarget(tenants: string): Target {
  return { work: `Decision, ${tenants}`, against: '–', unit: 'µs', must: 0.5, aim: 0.2 };
}

/** A line of the table, measured. */
export interface Line extends Target {
  /** Figures of Domicile and of the peer, with their units. */
  readonly ours: string;
  readonly theirs: string;
  /** Median of the rounds, in the target's unit; null where it could not be measured, and `verdict` says why. */
  readonly measured: number | null;
  readonly runs: readonly number[];
  readonly verdict: string;
}

/** Compares round by round. `theirs` is empty where the peer is not on this machine. */
export function compared(target: Target, ours: readonly number[], theirs: readonly number[], unit: string): Line {
  if (theirs.length === 0) return unmeasured(target, 'no such peer here');
  const runs = ours.map((value, round) => (target.unit === '×' ? value / theirs[round]! : value - theirs[round]!));
  return line(target, runs, withUnit(ours, unit), withUnit(theirs, unit));
}

/** A figure against nothing but its own target. */
export function alone(target: Target, runs: readonly number[]): Line {
  return line(target, runs, withUnit(runs, target.unit), '–');
}

export function unmeasured(target: Target, why: string): Line {
  return { ...target, ours: '–', theirs: '–', measured: null, runs: [], verdict: why };
}

function line(target: Target, runs: readonly number[], ours: string, theirs: string): Line {
  const figure = median(runs);
  const reaches = (bound: number) => (target.more ? figure >= bound : figure <= bound);
  const verdict = reaches(target.aim) ? 'aim met' : reaches(target.must) ? 'must met' : 'missed';
  return { ...target, ours, theirs, measured: figure, runs: runs.map(rounded), verdict };
}

function withUnit(runs: readonly number[], unit: string): string {
  return `${median(runs)} ${unit}`;
}
