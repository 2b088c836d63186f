import { overallHealth } from '../region/health.ts';
import { isLogLevel, LOG_LEVELS } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Redactor } from '../telemetry/redact.ts';
import type { OpsState } from './state.ts';

const SERVICE_NAME = 'Domicile';

export interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  /** Value of `Allow`, on a 405. */
  readonly allow?: string;
}

/** What the routes answer from. */
export interface OpsParts {
  readonly state: OpsState;
  readonly metrics: Pick<Metrics, 'expose' | 'contentType'>;
  readonly redactor: Redactor;
}

interface Route {
  /** `POST` changes something and `GET` changes nothing; HEAD goes wherever GET does. */
  readonly method: 'GET' | 'POST';
  /** Shown by `/`. */
  readonly about: string;
  answer(parts: OpsParts, query: URLSearchParams): Reply | Promise<Reply>;
}

export function json(status: number, value: unknown): Reply {
  return { status, type: 'application/json; charset=utf-8', body: `${JSON.stringify(value)}\n` };
}

function index(): Reply {
  const lines = [...ROUTES].map(([path, { method, about }]) => `${method.padEnd(5)}${path.padEnd(17)}${about}`);
  const body = `${SERVICE_NAME}: ops port\n\n${lines.join('\n')}\n`;
  return { status: 200, type: 'text/plain; charset=utf-8', body };
}

async function exposition({ metrics }: OpsParts): Promise<Reply> {
  return { status: 200, type: metrics.contentType, body: await metrics.expose() };
}

async function ready({ state }: OpsParts): Promise<Reply> {
  const reasons = await state.notReady();
  const workers = state.workers();
  const rest = workers === null ? { reasons } : { reasons, workers };
  return reasons.length === 0 ? json(200, { status: 'ready', ...rest }) : json(503, { status: 'not_ready', ...rest });
}

async function store({ state }: OpsParts): Promise<Reply> {
  const health = await state.store();
  return json(health.status === 'unhealthy' ? 503 : 200, health);
}

async function regions({ state }: OpsParts): Promise<Reply> {
  const regions = await state.regions();
  const status = overallHealth(regions);
  return json(status === 'unhealthy' ? 503 : 200, { status, regions });
}

async function configDump({ state, redactor }: OpsParts): Promise<Reply> {
  return json(200, redactor.redact(await state.configDump()));
}

function drain({ state }: OpsParts): Reply {
  state.drain();
  return json(202, { status: 'draining' });
}

function logging({ state }: OpsParts, query: URLSearchParams): Reply {
  const given = query.getAll('level');
  const level = given[0];
  if (level === undefined || given.length > 1 || !isLogLevel(level)) {
    return json(400, { error: `level must be given once, as one of: ${LOG_LEVELS.join(', ')}`, levels: LOG_LEVELS });
  }
  const previous = state.level();
  state.setLevel(level);
  return json(200, { level, previous });
}

/** Every path of the ops port (DESIGN 1.2). */
export const ROUTES: ReadonlyMap<string, Route> = new Map<string, Route>([
  ['/', { method: 'GET', about: 'this list', answer: index }],
  ['/metrics', { method: 'GET', about: 'Prometheus metrics', answer: exposition }],
  ['/livez', { method: 'GET', about: 'the process answers', answer: () => json(200, { status: 'live' }) }],
  ['/readyz', { method: 'GET', about: 'traffic may come; 503 with the reasons if not', answer: ready }],
  [
    '/health',
    {
      method: 'GET',
      about: 'name and version',
      answer: ({ state }) => json(200, { status: 'healthy', service: SERVICE_NAME, version: state.version }),
    },
  ],
  ['/health/db', { method: 'GET', about: 'the store', answer: store }],
  ['/health/regions', { method: 'GET', about: 'every region and service', answer: regions }],
  ['/config_dump', { method: 'GET', about: 'effective configuration, without secrets', answer: configDump }],
  [
    '/version',
    {
      method: 'GET',
      about: 'version',
      answer: ({ state }) => json(200, { service: SERVICE_NAME, version: state.version, node: process.versions.node }),
    },
  ],
  ['/drain', { method: 'POST', about: 'stop accepting, finish what is in flight', answer: drain }],
  ['/logging', { method: 'POST', about: `?level=${LOG_LEVELS.join('|')}`, answer: logging }],
]);
