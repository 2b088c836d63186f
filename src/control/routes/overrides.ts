import { Type } from 'typebox';
import { closed, regionName, Shape, tenantId } from '../../core/schema.ts';
import { approvalsOf, type ApprovalRow } from '../../store/approvals.ts';
import { listOverrides, overrideById, type OverrideRow } from '../../store/overrides.ts';
import type { Db } from '../../store/store.ts';
import { usesOf } from '../../store/uses.ts';
import type { OverrideAsk } from '../approval/ask.ts';
import {
  ANSWER,
  COMMENT,
  impossible,
  listedTenant,
  mustOpen,
  perhaps,
  placeOf,
  REASON,
  SUBJECTS,
  TENANT,
  TICKET,
  unlessAll,
  words,
} from '../approval/fields.ts';
import {
  answerOverride,
  askOverride,
  reviewOverride,
  revokeOverride,
  type OverrideState,
} from '../approval/override.ts';
import { OVERRIDE } from '../approval/shapes.ts';
import { overrideView } from '../approval/views.ts';
import { overrideLength } from '../approval/window.ts';
import { checkQuorum, ticketProblem } from '../approval/words.ts';
import { sees } from '../auth/authorize.ts';
import { notFound, unprocessable, type Call } from '../call.ts';
import type { ControlContext } from '../context.ts';
import { Names } from '../names.ts';
import { afterOf, pageFrom, pageOf, pageQuery } from '../page.ts';
import { route, type AnyRoute, type Answer } from '../route.ts';
import { tenantNow, type TenantNow } from '../tenant-now.ts';

const TAG = 'emergency';

const ASK = new Shape(
  closed({
    tenant_id: TENANT,
    subjects: SUBJECTS,
    source_region: regionName({ description: 'Where the data is pinned.' }),
    target_region: regionName({ description: 'Where it may go, even if a policy prohibits it.' }),
    duration_hours: perhaps(
      Type.Number({ minimum: 0 }),
      'Hours that it lasts once in force, fractions allowed; by default `approvals.override_default_minutes`.',
    ),
    reason: REASON,
    ticket: TICKET,
  }),
);

type AskCall = Call<ReturnType<(typeof ASK)['withDefaults']>>;

export const OVERRIDE_ROUTES: readonly AnyRoute[] = [
  route({
    method: 'POST',
    path: '/api/v1/emergency/override',
    action: 'overrides.request',
    tag: TAG,
    summary: 'Break the glass: in force once others have approved it',
    description:
      'With `approvals.after_the_fact_minutes` above 0 it is in force at once, and lapses unless it is approved in time.',
    body: ASK,
    aliases: { affected_learners: 'subjects' },
    examples: [
      {
        tenant_id: 'acme-edu',
        reason: 'Regional outage, incident 4711',
        affected_learners: ['student-123', 'student-456'],
        source_region: 'us-east',
        target_region: 'eu-west',
        duration_hours: 24,
      },
    ],
    answers: { 201: OVERRIDE },
    async handle(call) {
      const { store, settings } = call.context;
      const ask = await askOf(call);
      const parties = new Set([ask.requester]);
      const quorum = { tenant: ask.tenantId, parties, quorum: settings.approvals.overrideQuorum };
      await checkQuorum(store.db, await store.now(), quorum, settings.jwt === null);
      return call.change(async (change) => {
        const state = await askOverride(change, ask, settings.approvals);
        const location = `/api/v1/emergency/overrides/${state.row.id}`;
        return { ...(await answerOf(call.context, change.db, state, change.now)), status: 201, location };
      });
    },
  }),

  route({
    method: 'GET',
    path: '/api/v1/emergency/overrides',
    action: 'overrides.read',
    tag: TAG,
    summary: 'Emergency overrides, the oldest first',
    query: pageQuery({
      tenant_id: perhaps(tenantId({}), 'Only this tenant’s.'),
      status: perhaps(Type.Enum(['pending', 'active', 'denied', 'revoked', 'expired']), 'Only those.'),
    }),
    answers: { 200: pageOf(OVERRIDE) },
    async handle(call) {
      const { context, query } = call;
      const { db } = context.store;
      const tenant = listedTenant(call, query.tenant_id);
      const list = { tenant, state: query.status, after: afterOf(query), limit: query.limit + 1 };
      const page = pageFrom(await listOverrides(db, list), query.limit, ({ id }) => id);
      return { body: { ...page, items: await viewsOf(context, db, page.items, await context.store.now()) } };
    },
  }),

  route({
    method: 'GET',
    path: '/api/v1/emergency/overrides/{override_id}',
    action: 'overrides.read',
    tag: TAG,
    summary: 'One emergency override',
    answers: { 200: OVERRIDE },
    async handle(call) {
      const { store } = call.context;
      const id = call.param('override_id');
      const row = await overrideById(store.db, id);
      if (row === null || !sees(call.principal, row.tenant)) throw notFound('override', id);
      const [body] = await viewsOf(call.context, store.db, [row], await store.now());
      return { body };
    },
  }),

  route({
    method: 'POST',
    path: '/api/v1/emergency/overrides/{override_id}/approve',
    action: 'overrides.approve',
    tag: TAG,
    summary: 'Approve or deny an emergency override of someone else',
    body: new Shape(closed(ANSWER)),
    answers: { 200: OVERRIDE },
    handle(call) {
      const { context, principal } = call;
      const { approved, reason, request_hash: hash } = call.body;
      return call.change(async (change) => {
        const state = await answerOverride(
          change,
          principal,
          call.param('override_id'),
          { approved, reason, hash },
          context.settings.approvals,
          async (ask) => {
            mustBePossible(ask, await tenantNow(context, ask.tenantId));
          },
        );
        return answerOf(context, change.db, state, change.now);
      });
    },
  }),

  route({
    method: 'POST',
    path: '/api/v1/emergency/overrides/{override_id}/revoke',
    action: 'overrides.revoke',
    tag: TAG,
    summary: 'End an emergency override, or take back the request for one',
    body: new Shape(closed({ reason: COMMENT })),
    answers: { 200: OVERRIDE },
    handle(call) {
      const { context, principal, body } = call;
      const id = call.param('override_id');
      return call.change(async (change) => {
        const state = await revokeOverride(change, principal, id, body.reason || null, context.settings.approvals);
        return answerOf(context, change.db, state, change.now);
      });
    },
  }),

  route({
    method: 'POST',
    path: '/api/v1/emergency/overrides/{override_id}/review',
    action: 'overrides.review',
    tag: TAG,
    summary: 'Note what the review of an override that was in force has found',
    description:
      'Due 24 hours after the first use, or after the end of one that was not used. Not by who asked for it.',
    body: new Shape(
      closed({
        outcome: words('what was found', 'What was found.'),
      }),
    ),
    answers: { 200: OVERRIDE },
    handle(call) {
      const { context, principal, body } = call;
      return call.change(async (change) => {
        const state = await reviewOverride(change, principal, call.param('override_id'), body.outcome);
        return answerOf(context, change.db, state, change.now);
      });
    },
  }),
];

/** @throws ApiError 400, 404, and 422 for what can never be in force */
async function askOf(call: AskCall): Promise<OverrideAsk> {
  const { body, context, principal } = call;
  const { approvals } = context.settings;
  const names = new Names(call);
  const sourceRegion = names.region(body.source_region, 'source_region');
  const targetRegion = names.region(body.target_region, 'target_region');
  names.check();
  if (body.duration_hours === 0) throw call.bad(call.problem(['duration_hours'], 'is 0: write more than that'));
  const ticket = ticketProblem(body.ticket, approvals);
  if (ticket !== null) throw call.bad(call.problem(['ticket'], ticket));
  const tenant = call.tenant(body.tenant_id);
  const durationMs = overrideLength(body.duration_hours, approvals);
  if (typeof durationMs !== 'number') throw unprocessable(`${call.pointer(durationMs.field)} ${durationMs.why}`);
  const now = await tenantNow(context, tenant);
  const ask = {
    tenantId: tenant,
    requester: principal.subject,
    subjects: unlessAll(body.subjects),
    sourceRegion,
    targetRegion,
    durationMs,
    reason: body.reason,
    ticket: body.ticket,
    policyRevision: now.revision,
  };
  mustBePossible(ask, now);
  return ask;
}

/** @throws ApiError 422 for what can never be in force as regions and policies stand */
function mustBePossible(ask: OverrideAsk, { bundle, catalogue }: TenantNow): void {
  const { subjects, sourceRegion, targetRegion } = ask;
  const from = placeOf(catalogue, sourceRegion);
  const to = placeOf(catalogue, targetRegion);
  mustOpen(bundle, { kind: 'override', subjects, classifications: [], to });
  if (from === to)
    throw impossible(`the data is in ${targetRegion} already: there is nothing to override`, 'request_malformed');
}

async function answerOf(context: ControlContext, db: Db, { row, words }: OverrideState, now: number): Promise<Answer> {
  const uses = (await usesOf(db, [row.id])).get(row.id) ?? 0;
  return { body: overrideView(row, words, uses, now, context.settings.approvals) };
}

async function viewsOf(context: ControlContext, db: Db, rows: readonly OverrideRow[], now: number) {
  const ids = rows.map(({ id }) => id);
  const said = Map.groupBy(await approvalsOf(db, 'override', ids), ({ id }: ApprovalRow) => id);
  const uses = await usesOf(db, ids);
  return rows.map((row) =>
    overrideView(row, said.get(row.id) ?? [], uses.get(row.id) ?? 0, now, context.settings.approvals),
  );
}
