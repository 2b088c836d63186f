import { Type } from 'typebox';
import { closed, instant, momentOf, optional, personId, regionName, Shape } from '../../core/schema.ts';
import { VERBS, type Verb } from '../../core/vocabulary.ts';
import { tenantsWithRecord } from '../../store/records.ts';
import type { Call } from '../call.ts';
import { Names } from '../names.ts';
import { tenantNow, type TenantNow } from '../tenant-now.ts';
import type { AccessAsk } from './ask.ts';
import {
  impossible,
  mustOpen,
  perhaps,
  placeOf,
  REASON,
  SUBJECTS,
  TENANT,
  TICKET,
  unlessAll,
  words,
} from './fields.ts';
import { primariesOf } from './openable.ts';
import { ticketProblem } from './words.ts';

const VERB_OF: Readonly<Record<'read' | 'write' | 'delete', Verb>> = {
  read: 'access',
  write: 'store',
  delete: 'delete',
};

/** Body of POST access/request. */
export const ASK = new Shape(
  closed({
    tenant_id: TENANT,
    subjects: SUBJECTS,
    subject_id: perhaps(personId({}), 'The one person whose data it opens: the same as `subjects` with one.'),
    classifications: optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 64 }), {
        default: [],
        maxItems: 64,
        description: 'Classes that it opens; empty or `*` = all.',
      }),
    ),
    verbs: optional(
      Type.Array(Type.Enum([...VERBS]), {
        default: [],
        maxItems: 64,
        description: 'What may be done; empty = access.',
      }),
    ),
    access_type: perhaps(Type.Enum(['read', 'write', 'delete']), 'The same as `verbs` with access, store or delete.'),
    resource: perhaps(
      Type.String({
        minLength: 1,
        maxLength: 2048,
        pattern: '^[^\\u0000-\\u001f\\u007f]+$',
        'x-shape': 'a glob over bucket/key, index or model, without control characters',
      }),
      'Glob over the whole resource in which `*` crosses `/`; absent or `*` = all.',
    ),
    user_id: perhaps(personId({}), 'Who would use the grant; by default you.'),
    from_region: perhaps(regionName({}), 'Where the data is pinned; by default the policy’s primary region.'),
    to_region: regionName({ description: 'Where it would go.' }),
    not_before: perhaps(instant({}), 'First moment at which it would be in force; by default when it is approved.'),
    not_after: perhaps(instant({}), 'First moment at which it no longer would be.'),
    duration_minutes: perhaps(
      Type.Number({ minimum: 0 }),
      'Minutes that it would last, fractions allowed; by default `approvals.grant_default_minutes`.',
    ),
    max_uses: perhaps(
      Type.Integer({ minimum: 1, maximum: 1_000_000_000 }),
      'How often it may be used; null = without limit.',
    ),
    legal_basis: perhaps(words('a legal basis', ''), 'What allows it, for the record.'),
    reason: REASON,
    ticket: TICKET,
  }),
);

export const ASK_ALIASES = { data_id: 'resource', target_region: 'to_region' };

type AskCall = Call<ReturnType<(typeof ASK)['withDefaults']>>;

/** What a body asks for. @throws ApiError 400, 404, and 422 for what can never be granted */
export async function askOf(call: AskCall): Promise<AccessAsk> {
  const { body, principal, context } = call;
  const names = new Names(call);
  const classifications = unlessAll(body.classifications).map((word, i) =>
    names.classification(word, 'classifications', i),
  );
  const toRegion = names.region(body.to_region, 'to_region');
  const fromRegion = body.from_region === null ? null : names.region(body.from_region, 'from_region');
  names.check();
  const times = timesOf(call);
  const subjects = subjectsOf(call);
  const verbs = verbsOf(call);
  const ticket = ticketProblem(body.ticket, context.settings.approvals);
  if (ticket !== null) throw call.bad(call.problem(['ticket'], ticket));
  const tenantId = await tenantOf(call);

  const now = await tenantNow(context, tenantId);
  const asked = {
    tenantId,
    requester: principal.subject,
    userId: body.user_id ?? principal.subject,
    subjects,
    classifications: [...new Set(classifications)],
    verbs,
    resource: body.resource === '*' ? null : body.resource,
    toRegion,
    ...times,
    maxUses: body.max_uses,
    legalBasis: body.legal_basis,
    reason: body.reason,
    ticket: body.ticket,
    policyRevision: now.revision,
  };
  const ask = { ...asked, fromRegion: fromRegion ?? pinnedIn(call, now, asked) ?? toRegion };
  mustBeGrantable(ask, now);
  return ask;
}

/** @throws ApiError 422 for what can never be granted as regions and policies stand */
export function mustBeGrantable(ask: AccessAsk, { bundle, catalogue }: TenantNow): void {
  const { subjects, classifications, fromRegion, toRegion } = ask;
  const from = placeOf(catalogue, fromRegion);
  const to = placeOf(catalogue, toRegion);
  mustOpen(bundle, { kind: 'grant', subjects, classifications, to });
  if (from === to)
    throw impossible(`the data is in ${toRegion} already: there is nothing to grant`, 'request_malformed');
}

/** The primary region of what is asked for; null where no policy covers it, which is refused in a moment. */
function pinnedIn(
  call: AskCall,
  { bundle, catalogue }: TenantNow,
  { subjects, classifications }: Pick<AccessAsk, 'subjects' | 'classifications'>,
): string | null {
  if (bundle === null) return null;
  const primaries = primariesOf(bundle, subjects, classifications).map((place) => catalogue.regions[place]!.id);
  if (primaries.length > 1)
    throw call.bad(
      call.problem(['from_region'], `is needed: the data is pinned in ${primaries.join(' and ')}; say which it is`),
    );
  return primaries[0] ?? null;
}

function timesOf(call: AskCall): Pick<AccessAsk, 'notBefore' | 'notAfter' | 'durationMinutes'> {
  const { body } = call;
  const at = (field: 'not_before' | 'not_after') => {
    const text = body[field];
    const moment = text === null ? null : momentOf(text);
    if (text !== null && moment === null)
      throw call.bad(call.problem([field], `${text} is not in the calendar: write a day that there is`));
    return moment;
  };
  const notBefore = at('not_before');
  const notAfter = at('not_after');
  const durationMinutes = body.duration_minutes;
  if (durationMinutes === 0) throw call.bad(call.problem(['duration_minutes'], 'is 0: write more than that'));
  if (durationMinutes !== null && notAfter !== null)
    throw call.bad(call.problem(['duration_minutes'], 'and not_after say the same: send one of the two'));
  if (notBefore !== null && notAfter !== null && notAfter <= notBefore)
    throw call.bad(call.problem(['not_after'], 'is not after not_before: put it later'));
  return { notBefore, notAfter, durationMinutes };
}

function subjectsOf(call: AskCall): readonly string[] {
  const { subjects, subject_id: subject } = call.body;
  if (subject === null) return unlessAll(subjects);
  if (subjects.length > 0)
    throw call.bad(call.problem(['subject_id'], 'and subjects say the same: send one of the two'));
  return [subject];
}

function verbsOf(call: AskCall): readonly Verb[] {
  const { verbs, access_type: type } = call.body;
  if (type === null) return verbs.length === 0 ? ['access'] : [...new Set(verbs)];
  if (verbs.length > 0) throw call.bad(call.problem(['access_type'], 'and verbs say the same: send one of the two'));
  return [VERB_OF[type]];
}

/** The tenant that is named, or the token's; else the only one that has a record of the resource. */
async function tenantOf(call: AskCall): Promise<string> {
  const { body, principal, context } = call;
  if (body.tenant_id !== null || principal.tenant !== null || body.resource === null)
    return call.tenant(body.tenant_id);
  const tenants = await tenantsWithRecord(context.store.db, body.resource, 2);
  return call.tenant(tenants.length === 1 ? tenants[0] : null);
}
