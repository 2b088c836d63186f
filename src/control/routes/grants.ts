import { Type } from 'typebox';
import { tenantId } from '../../core/schema.ts';
import type { Grant } from '../../policy/model.ts';
import { grantById, listGrants, type GrantRow } from '../../store/grants.ts';
import { usesOf } from '../../store/uses.ts';
import { listedTenant, perhaps } from '../approval/fields.ts';
import { GRANT } from '../approval/shapes.ts';
import { fileGrantView, grantView } from '../approval/views.ts';
import { sees } from '../auth/authorize.ts';
import { notFound, type Call } from '../call.ts';
import { afterOf, pageFrom, pageOf, pageQuery } from '../page.ts';
import { route, type AnyRoute } from '../route.ts';

export const GRANT_ROUTES: readonly AnyRoute[] = [
  route({
    method: 'GET',
    path: '/api/v1/access/grants',
    action: 'access.read',
    tag: 'access',
    summary: 'Grants: those of files, then the others, the oldest first',
    query: pageQuery({
      tenant_id: perhaps(tenantId({}), 'Only this tenant’s.'),
      status: perhaps(Type.Enum(['active', 'expired', 'revoked']), 'Only those; `active` has the exhausted too.'),
    }),
    answers: { 200: pageOf(GRANT) },
    async handle(call) {
      const { context, query } = call;
      const now = await context.store.now();
      const after = afterOf(query);
      const tenant = listedTenant(call, query.tenant_id);
      const { db } = context.store;
      const files = after?.startsWith('store ') ? [] : fileGrants(call, tenant, query.status, now);
      const afterFile = after?.startsWith('file ') ? after.slice(5) : '';
      const kept = files.filter(({ id }) => id > afterFile);
      const rows = await listGrants(db, {
        tenant,
        state: query.status,
        after: after?.startsWith('store ') ? after.slice(6) : null,
        limit: query.limit + 1,
      });
      const page = pageFrom<Grant | GrantRow>([...kept, ...rows], query.limit, (grant) =>
        'body' in grant ? `store ${grant.id}` : `file ${grant.id}`,
      );
      const uses = await usesOf(
        db,
        page.items.map(({ id }) => id),
      );
      const items = page.items.map((grant) => viewOf(grant, uses.get(grant.id) ?? 0, now));
      return { body: { ...page, items } };
    },
  }),

  route({
    method: 'GET',
    path: '/api/v1/access/grants/{grant_id}',
    action: 'access.read',
    tag: 'access',
    summary: 'One grant, with the uses it has left',
    answers: { 200: GRANT },
    async handle(call) {
      const { store } = call.context;
      const id = call.param('grant_id');
      const grant = fileGrant(call, id) ?? (await grantById(store.db, id));
      if (grant === null || !sees(call.principal, 'body' in grant ? grant.tenant : grant.tenantId))
        throw notFound('grant', id);
      const uses = (await usesOf(store.db, [id])).get(id) ?? 0;
      return { body: viewOf(grant, uses, await store.now()) };
    },
  }),
];

/** The grant of a file that the caller may see, or null. */
export function fileGrant(call: Call, id: string): Grant | null {
  const found = call.context.registry.fileGrant(id);
  return found !== null && sees(call.principal, found.tenantId) ? found : null;
}

function fileGrants(call: Call, tenant: string | null, status: string | null, now: number): Grant[] {
  return call.context.registry.files.policySet.grants
    .filter((grant) => tenant === null || grant.tenantId === tenant)
    .filter(({ notAfter }) => status === null || status === (notAfter > now ? 'active' : 'expired'))
    .sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}

function viewOf(grant: Grant | GrantRow, uses: number, now: number) {
  return 'body' in grant ? grantView(grant, uses, now) : fileGrantView(grant, uses, now);
}
