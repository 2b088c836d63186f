import { Type } from 'typebox';
import { closed, recordId, Shape, tenantId } from '../../core/schema.ts';
import { approvalsOf } from '../../store/approvals.ts';
import { listRequests, requestById } from '../../store/requests.ts';
import { ASK, ASK_ALIASES, askOf, mustBeGrantable } from '../approval/access-body.ts';
import { answerAccess, askAccess, checkWindow, partiesOf, revokeAccess } from '../approval/access.ts';
import { ANSWER, COMMENT, listedTenant, perhaps } from '../approval/fields.ts';
import { REQUEST } from '../approval/shapes.ts';
import { requestView } from '../approval/views.ts';
import { checkQuorum } from '../approval/words.ts';
import { sees } from '../auth/authorize.ts';
import { conflict, notFound } from '../call.ts';
import { afterOf, pageFrom, pageOf, pageQuery } from '../page.ts';
import { route, type AnyRoute } from '../route.ts';
import { tenantNow } from '../tenant-now.ts';
import { fileGrant } from './grants.ts';

const TAG = 'access';

export const ACCESS_ROUTES: readonly AnyRoute[] = [
  route({
    method: 'POST',
    path: '/api/v1/access/request',
    action: 'access.request',
    tag: TAG,
    summary: 'Ask for a grant, which others must approve',
    body: ASK,
    aliases: ASK_ALIASES,
    examples: [
      {
        data_id: 'data-456',
        target_region: 'eu-west-1',
        access_type: 'read',
        reason: 'Customer support investigation',
      },
    ],
    answers: { 201: REQUEST },
    async handle(call) {
      const { store, settings } = call.context;
      const ask = await askOf(call);
      const now = await store.now();
      checkWindow(ask, now, settings.approvals);
      const quorum = { tenant: ask.tenantId, parties: partiesOf(ask), quorum: settings.approvals.grantQuorum };
      await checkQuorum(store.db, now, quorum, settings.jwt === null);
      return call.change(async (change) => {
        const { row, words } = await askAccess(change, ask, settings.approvals);
        return {
          status: 201,
          body: requestView(row, words, change.now, settings.approvals),
          revision: row.revision,
          location: `/api/v1/access/requests/${row.id}`,
        };
      });
    },
  }),

  route({
    method: 'GET',
    path: '/api/v1/access/requests',
    action: 'access.read',
    tag: TAG,
    summary: 'Access requests, the oldest first',
    query: pageQuery({
      tenant_id: perhaps(tenantId({}), 'Only this tenant’s.'),
      status: perhaps(Type.Enum(['pending', 'approved', 'denied', 'revoked', 'expired']), 'Only those.'),
    }),
    answers: { 200: pageOf(REQUEST) },
    async handle(call) {
      const { context, query } = call;
      const { limit } = query;
      const after = afterOf(query);
      const tenant = listedTenant(call, query.tenant_id);
      const { db } = context.store;
      const rows = await listRequests(db, { tenant, state: query.status, after, limit: limit + 1 });
      const page = pageFrom(rows, limit, ({ id }) => id);
      const words = Map.groupBy(
        await approvalsOf(
          db,
          'request',
          page.items.map(({ id }) => id),
        ),
        ({ id }) => id,
      );
      const now = await context.store.now();
      const items = page.items.map((row) => requestView(row, words.get(row.id) ?? [], now, context.settings.approvals));
      return { body: { ...page, items } };
    },
  }),

  route({
    method: 'GET',
    path: '/api/v1/access/requests/{request_id}',
    action: 'access.read',
    tag: TAG,
    summary: 'One access request',
    answers: { 200: REQUEST },
    async handle(call) {
      const { store, settings } = call.context;
      const id = call.param('request_id');
      const row = await requestById(store.db, id);
      if (row === null || !sees(call.principal, row.tenant)) throw notFound('request', id);
      const words = await approvalsOf(store.db, 'request', [id]);
      return { body: requestView(row, words, await store.now(), settings.approvals), revision: row.revision };
    },
  }),

  route({
    method: 'POST',
    path: '/api/v1/access/approve',
    action: 'access.approve',
    tag: TAG,
    summary: 'Approve or deny an access request of someone else',
    body: new Shape(closed({ request_id: recordId({}), ...ANSWER })),
    answers: { 200: REQUEST },
    handle(call) {
      const { request_id: id, approved, reason, request_hash: hash } = call.body;
      const { context, principal } = call;
      const settings = context.settings.approvals;
      return call.change(async (change) => {
        const answer = { approved, reason, hash };
        const { row, words } = await answerAccess(change, principal, id, answer, settings, async (ask) => {
          mustBeGrantable(ask, await tenantNow(context, ask.tenantId));
        });
        return { body: requestView(row, words, change.now, settings), revision: row.revision };
      });
    },
  }),

  route({
    method: 'POST',
    path: '/api/v1/access/revoke',
    action: 'access.revoke',
    tag: TAG,
    summary: 'Revoke a grant, or a request with whatever came of it',
    body: new Shape(
      closed({
        grant_id: perhaps(recordId({}), 'The grant, or'),
        request_id: perhaps(recordId({}), 'the request.'),
        reason: COMMENT,
      }),
    ),
    answers: {
      200: closed({
        request_id: Type.String(),
        grant_id: Type.Union([Type.String(), Type.Null()]),
        status: Type.Enum(['revoked']),
      }),
    },
    async handle(call) {
      const { grant_id: grantId, request_id: requestId, reason } = call.body;
      if ((grantId === null) === (requestId === null))
        throw call.bad(
          call.problem([grantId === null ? 'grant_id' : 'request_id'], 'give either grant_id or request_id'),
        );
      const { context, principal } = call;
      const file = grantId === null ? null : fileGrant(call, grantId);
      if (file !== null) throw conflict(`grant ${file.id} is kept in a file: take it out of the file`);
      const what = grantId === null ? { requestId: requestId as string } : { grantId };
      return call.change(async (change) => {
        const { request, grant } = await revokeAccess(
          change,
          principal,
          what,
          reason || null,
          context.settings.approvals,
        );
        const { revision } = grant ?? request.row;
        return { body: { request_id: request.row.id, grant_id: grant?.id ?? null, status: 'revoked' }, revision };
      });
    },
  }),
];
