import { closed, Shape, tenantId } from '../../core/schema.ts';
import type { EvidencePlace } from '../../store/evidence.ts';
import { listedTenant } from '../approval/fields.ts';
import { notFound, type Call } from '../call.ts';
import { accessLog, keptEntries, type FoundEntries } from '../evidence/access-log.ts';
import { cursorOf, FILTERS, filterFrom, PERIOD, periodFrom, placeFrom, TENANT } from '../evidence/query.ts';
import { reportFor } from '../evidence/report.ts';
import { ENTRIES, REPORT } from '../evidence/shapes.ts';
import { shownEntry, shownProblems } from '../evidence/shown.ts';
import { pageQuery } from '../page.ts';
import { route, type AnyRoute, type Answer } from '../route.ts';

const TAG = 'audit';

/** Milliseconds that a report covers unless it is told. */
const REPORTED = 30 * 86_400_000;

const VIEW = pageQuery({ tenant_id: TENANT, ...FILTERS });

const TENANT_ID = new Shape(tenantId({}));

/** Reads of the evidence. Each leaves evidence itself. */
export const AUDIT_ROUTES: readonly AnyRoute[] = [
  route({
    method: 'GET',
    path: '/api/v1/audit/access-logs/{tenant_id}',
    action: 'audit.read',
    tag: TAG,
    summary: 'Everything on record of a tenant, the newest first',
    description:
      'A page may hold fewer entries than asked for, or none, before the last: go on with `next_cursor`. Of logs that ' +
      'are not on the machine that answers it has the notable entries alone, and names them in `incomplete`.',
    query: pageQuery(FILTERS),
    answers: { 200: ENTRIES },
    async handle(call) {
      const { context, query } = call;
      const id = call.param('tenant_id');
      if (!TENANT_ID.conforms(id)) throw notFound('tenant', id);
      const tenant = call.tenant(id);
      const [filter, place] = [filterFrom(call, tenant), placeFrom(query)];
      return read(call, tenant, `/api/v1/audit/access-logs/${tenant}`, () =>
        accessLog(context.index, { ...filter, tenant }, place, query.limit),
      );
    },
  }),

  route({
    method: 'GET',
    path: '/api/v1/audit/violations',
    action: 'audit.read',
    tag: TAG,
    summary: 'Requests that policy refused, or let through as advisory, the newest first',
    query: VIEW,
    answers: { 200: ENTRIES },
    handle: (call) => view(call, 'violation', '/api/v1/audit/violations'),
  }),

  route({
    method: 'GET',
    path: '/api/v1/access/audit',
    action: 'audit.read',
    tag: TAG,
    summary: 'Data that crossed a border, and leave to let it, the newest first',
    description:
      'Uses of grants and overrides, crossings by class or against an advisory policy; requests, approvals, denials, ' +
      'expiries, revocations and overrides.',
    query: VIEW,
    answers: { 200: ENTRIES },
    handle: (call) => view(call, 'crossing', '/api/v1/access/audit'),
  }),

  route({
    method: 'GET',
    path: '/api/v1/audit/reports',
    action: 'audit.read',
    tag: TAG,
    summary: 'What became of a tenant’s requests, with findings; by default of the last 30 days',
    description: '`domicile audit report` makes the same as a page, and verifies the logs first.',
    query: new Shape(closed({ tenant_id: TENANT, ...PERIOD })),
    answers: { 200: REPORT },
    async handle(call) {
      const { context, principal, query } = call;
      const { index } = context;
      const tenant = call.tenant(query.tenant_id);
      const now = context.now();
      const { to } = periodFrom({ from: null, to: query.to }, Number.MIN_SAFE_INTEGER, now);
      const { from } = periodFrom(query, to - REPORTED, to);
      await index.fresh();
      await tell(call, tenant, '/api/v1/audit/reports');
      return { body: await reportFor(index, tenant, { from, to, now }, principal) };
    },
  }),
];

function view(
  call: Call<unknown, ReturnType<(typeof VIEW)['withDefaults']>>,
  which: 'violation' | 'crossing',
  path: string,
): Promise<Answer> {
  const { context, query } = call;
  const tenant = listedTenant(call, query.tenant_id);
  const asked = { filter: filterFrom(call, tenant), view: which };
  const place: EvidencePlace | null = placeFrom(query);
  return read(call, tenant, path, () => keptEntries(context.index, asked, place, query.limit));
}

async function read(
  call: Call,
  tenant: string | null,
  path: string,
  find: () => Promise<FoundEntries>,
): Promise<Answer> {
  const { context, principal } = call;
  const { index } = context;
  await index.fresh();
  const { entries, next, incomplete } = await find();
  await tell(call, tenant, path);
  return {
    body: {
      items: entries.map((entry) => shownEntry(principal, entry)),
      next_cursor: cursorOf(next),
      incomplete,
      problems: await shownProblems(principal, index),
    },
  };
}

/** Reading evidence leaves evidence. */
function tell({ context, principal, requestId }: Call, tenant: string | null, path: string): Promise<void> {
  const facts = { requestId, tenant, actor: principal.subject, action: 'audit.read' as const, resource: path };
  return context.evidence.query({ ...facts, status: 200 }, 'batch');
}
