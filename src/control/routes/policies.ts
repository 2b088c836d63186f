import { randomBytes } from 'node:crypto';
import { Type } from 'typebox';
import { tenantId } from '../../core/schema.ts';
import type { PolicyEntry } from '../../policy/schema.ts';
import { historyOf } from '../../store/history.ts';
import { deletePolicy, policyById, putPolicy } from '../../store/policies.ts';
import type { Change } from '../../store/store.ts';
import { listedTenant, perhaps } from '../approval/fields.ts';
import { mustBeForAll, sees } from '../auth/authorize.ts';
import { conflict, notFound, type Call } from '../call.ts';
import { afterOf, afterRevisionOf, pageFrom, pageOf, pageQuery, type PageQuery } from '../page.ts';
import { entryFrom, EXAMPLES, POST_BODY, PUT_BODY, type PolicyBody } from '../policies/body.ts';
import { pageOfPolicies } from '../policies/page.ts';
import { fileView, HISTORY_ITEM, historyView, POLICY, storedView } from '../policies/views.ts';
import { route, type AnyRoute, type Answer } from '../route.ts';
import { writeRefusal } from '../write-refusal.ts';

/** Policies of files and store. */
export const POLICY_ROUTES: readonly AnyRoute[] = [
  ...policyRoutes('/api/v1/policies', false),
  ...policyRoutes('/api/v1/residency/policies', true),
];

/** @param defaults whether a policy without a tenant is a default policy for those who are for all tenants */
function policyRoutes(base: string, defaults: boolean): readonly AnyRoute[] {
  const tag = 'policies';
  const page = pageOf(POLICY);
  return [
    route({
      method: 'GET',
      path: base,
      action: 'policies.read',
      tag,
      summary: 'Policies by id',
      query: pageQuery({ tenant_id: perhaps(tenantId({}), 'Only this tenant’s.') }),
      answers: { 200: page },
      async handle(call) {
        const { query } = call;
        const tenant = listedTenant(call, query.tenant_id);
        return { body: await pageOfPolicies(call.context, tenant, afterOf(query), query.limit) };
      },
    }),
    route({
      method: 'POST',
      path: base,
      action: 'policies.write',
      tag,
      summary: 'Makes a policy',
      description: defaults
        ? 'Without `tenant_id`, by a token for all tenants: a default policy.'
        : 'A token for all tenants must send `tenant_id`; null makes a default policy.',
      body: POST_BODY,
      examples: EXAMPLES,
      answers: { 201: POLICY },
      async handle(call) {
        const { body } = call;
        const tenant = tenantOfNew(call, defaults);
        const entry = entryFrom(call, body, body.id ?? `pol-${randomBytes(8).toString('hex')}`, tenant);
        return call.change(async (change) => {
          await check(call, change, entry, null);
          const policy = await putPolicy(change, entry);
          const location = `${base}/${encodeURIComponent(entry.id)}`;
          return { status: 201, body: storedView(policy), revision: policy.revision, location };
        });
      },
    }),
    route({
      method: 'GET',
      path: `${base}/{policy_id}`,
      action: 'policies.read',
      tag,
      summary: 'A policy; or, by the id of a tenant, a page of its policies',
      query: pageQuery({}),
      answers: { 200: Type.Union([POLICY, page]) },
      handle: policyOrPage,
    }),
    route({
      method: 'PUT',
      path: `${base}/{policy_id}`,
      action: 'policies.write',
      tag,
      summary: 'Puts another in the place of a policy',
      body: PUT_BODY,
      ifMatch: true,
      answers: { 200: POLICY },
      async handle(call) {
        const id = call.param('policy_id');
        const { body } = call;
        if (body.id !== null && body.id !== id)
          throw call.bad(call.problem(['id'], `is not the one of the path, ${id}: leave it out`));
        const given = call.sent('tenant_id') ? body.tenant_id : null;
        const written = entryFrom(call, body, id, given);
        return call.change(async (change) => {
          const before = await stored(call, change, id);
          const tenant = before.entry.tenant_id;
          if (call.sent('tenant_id') && given !== tenant) {
            if (given !== null && !sees(call.principal, given)) throw notFound('tenant', given);
            throw conflict(`policy ${id} belongs to ${tenant ?? 'no tenant'} for good: make another for ${given}`);
          }
          const entry = { ...written, tenant_id: tenant };
          await check(call, change, entry, id);
          call.matches(before.revision);
          const policy = await putPolicy(change, entry);
          return { body: storedView(policy), revision: policy.revision };
        });
      },
    }),
    route({
      method: 'DELETE',
      path: `${base}/{policy_id}`,
      action: 'policies.write',
      tag,
      summary: 'Deletes a policy',
      ifMatch: true,
      answers: { 204: null },
      async handle(call) {
        const id = call.param('policy_id');
        return call.change(async (change) => {
          const before = await stored(call, change, id);
          const problems = call.context.registry.checkDeletion(id);
          if (problems.length > 0) throw writeRefusal(call, problems);
          call.matches(before.revision);
          await deletePolicy(change, id);
          return { status: 204 };
        });
      },
    }),
    route({
      method: 'GET',
      path: `${base}/{policy_id}/history`,
      action: 'policies.read',
      tag,
      summary: 'Every revision of a policy, the latest first',
      query: pageQuery({}),
      answers: { 200: pageOf(HISTORY_ITEM) },
      handle: history,
    }),
  ];
}

/** Null: a default policy. @throws ApiError 400, 403 or 404 when the caller may not say so */
function tenantOfNew(call: Call<PolicyBody>, defaults: boolean): string | null {
  const { body, principal } = call;
  if (body.tenant_id !== null || (!call.sent('tenant_id') && (principal.tenant !== null || !defaults)))
    return call.tenant(body.tenant_id);
  mustBeForAll(principal);
  return null;
}

/** @throws ApiError 400 when the policy contradicts itself, 409 when it contradicts another */
async function check(call: Call, change: Change, entry: PolicyEntry, before: string | null): Promise<void> {
  const problems = await call.context.registry.check(change, entry, before);
  if (problems.length > 0) throw writeRefusal(call, problems);
}

/** The stored policy that is to be changed. @throws ApiError 404 without one, 409 for one of a file */
async function stored(call: Call, change: Change, id: string) {
  const inFile = call.context.registry.filePolicy(id);
  const policy = inFile === null ? await policyById(change.db, id) : null;
  const tenant = inFile === null ? policy?.entry.tenant_id : inFile.tenantId;
  if (tenant === undefined || !sees(call.principal, tenant)) throw notFound('policy', id);
  if (policy === null) throw conflict(`policy ${id} is kept in a file: change it there`);
  return policy;
}

/** The one of this id, else those of this tenant. @throws ApiError 404 when there are none that the caller sees */
async function policyOrPage(call: Call<unknown, PageQuery>): Promise<Answer> {
  const { context, principal, query } = call;
  const name = call.param('policy_id');
  const inFile = context.registry.filePolicy(name);
  const found = inFile === null ? await policyById(context.store.db, name) : null;
  const view = inFile === null ? found && storedView(found) : fileView(inFile);
  if (view !== null && sees(principal, view.tenant_id)) return { body: view, revision: view.revision };
  const body = sees(principal, name) ? await pageOfPolicies(context, name, afterOf(query), query.limit) : null;
  if (body === null || (body.items.length === 0 && query.cursor === '')) throw notFound('policy or tenant', name);
  return { body };
}

/** Also of a policy that is gone. @throws ApiError 404 for one that never was, or not for the caller */
async function history(call: Call<unknown, PageQuery>): Promise<Answer> {
  const { context, principal, query } = call;
  const id = call.param('policy_id');
  // An id may have been another tenant's before, or since.
  const page = { before: afterRevisionOf(query), limit: query.limit + 1, tenant: principal.tenant };
  const found = await historyOf(context.store.db, 'policy', id, page);
  const inFile = context.registry.filePolicy(id);
  if (found.length === 0 && !(inFile !== null && sees(principal, inFile.tenantId))) throw notFound('policy', id);
  return { body: pageFrom(found.map(historyView), query.limit, ({ revision }) => String(revision)) };
}
