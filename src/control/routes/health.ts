import { Type } from 'typebox';
import { closed } from '../../core/schema.ts';
import { SERVICES, STATUSES } from '../../core/vocabulary.ts';
import { overallHealth } from '../../region/health.ts';
import { route, type AnyRoute } from '../route.ts';

const HEALTH = closed({
  status: Type.Enum(['healthy']),
  service: Type.String(),
  version: Type.String(),
});

const STORE_HEALTH = closed({
  status: Type.Enum(['healthy', 'unhealthy']),
  kind: Type.Enum(['sqlite', 'postgres']),
  latency_ms: Type.Union([Type.Number(), Type.Null()], { description: 'Null: it does not answer.' }),
});

const REGIONS_HEALTH = closed({
  status: Type.Enum(['healthy', 'degraded', 'unhealthy'], {
    description: 'Degraded: not everything is up. Unhealthy: nothing is.',
  }),
  regions: Type.Array(
    closed({
      id: Type.String(),
      status: Type.Enum([...STATUSES]),
      services: Type.Array(closed({ service: Type.Enum([...SERVICES]), up: Type.Boolean() })),
    }),
  ),
});

/** How long the store may take to answer. */
const PING_MS = 2000;

/** Open to everybody, and without tenant data. */
export const HEALTH_ROUTES: readonly AnyRoute[] = [
  route({
    method: 'GET',
    path: '/health',
    action: null,
    tag: 'health',
    summary: 'Name and version',
    answers: { 200: HEALTH },
    handle: async ({ context }) => ({ body: { status: 'healthy', service: 'Domicile', version: context.version } }),
  }),
  route({
    method: 'GET',
    path: '/health/db',
    action: null,
    tag: 'health',
    summary: 'Whether the store answers',
    answers: { 200: STORE_HEALTH, 503: STORE_HEALTH },
    async handle({ context: { store, log }, requestId }) {
      const { kind } = store;
      try {
        const latency = await withinTime(store.ping());
        return { body: { status: 'healthy', kind, latency_ms: Math.round(latency * 100) / 100 } };
      } catch (error) {
        log.warn('the store does not answer', { request_id: requestId, error });
        return { status: 503, body: { status: 'unhealthy', kind, latency_ms: null } };
      }
    },
  }),
  route({
    method: 'GET',
    path: '/health/regions',
    action: null,
    tag: 'health',
    summary: 'Every region and service',
    answers: { 200: REGIONS_HEALTH, 503: REGIONS_HEALTH },
    async handle({ context }) {
      const regions = await context.world.regions();
      const status = overallHealth(regions);
      return { status: status === 'unhealthy' ? 503 : 200, body: { status, regions } };
    },
  }),
];

async function withinTime(answer: Promise<number>): Promise<number> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${PING_MS} ms`)), PING_MS);
  try {
    return await Promise.race([answer, promise]);
  } finally {
    clearTimeout(timer);
  }
}
