import { isDeepStrictEqual } from 'node:util';
import { closed, Shape } from '../../core/schema.ts';
import { putRecord, recordOf, tenantsWithRecord, type StoredRecord } from '../../store/records.ts';
import type { Db } from '../../store/store.ts';
import { notFound, unprocessable, type Call } from '../call.ts';
import {
  askForLowering,
  demanded,
  isBelow,
  pendingLowering,
  type Lowered,
  type RecordFacts,
} from '../records/lowering.ts';
import { Names } from '../names.ts';
import type { ApiError } from '../problem.ts';
import { CLASSIFY_BODY, RECORD, RECORD_TENANT, recordView } from '../records/views.ts';
import { route, type AnyRoute } from '../route.ts';

const tag = 'data';

/** Classes on record of single resources. */
export const RECORD_ROUTES: readonly AnyRoute[] = [
  route({
    method: 'POST',
    path: '/api/v1/data/classify',
    action: 'records.write',
    tag,
    summary: 'Records the class of a resource',
    description:
      'No request is then decided by a lower class. A class below that of the record, or below `identity` where ' +
      '`pii_present`, takes a `reason` (else 422) and two people: the first is answered with 202 and changes nothing, ' +
      'and it holds once another person sends the same with a reason, within `approvals.pending_minutes`.',
    body: CLASSIFY_BODY,
    examples: [
      {
        data_id: 'user-profile-12345',
        classification_level: 'identity',
        data_type: 'user_profile',
        sensitivity: 'high',
        pii_present: true,
        encryption_required: true,
      },
    ],
    answers: { 200: RECORD, 202: RECORD },
    async handle(call) {
      const { body, context, principal } = call;
      const { pendingMinutes } = context.settings.approvals;
      const names = new Names(call);
      const classification = names.classification(body.classification_level, 'classification_level');
      names.check();
      const { data_id: dataId, data_type, sensitivity, pii_present, encryption_required, reason } = body;
      const facts: RecordFacts = { data_type, sensitivity, pii_present, encryption_required };
      const id = { tenant: await tenantOf(call, context.store.db, dataId, body.tenant_id), dataId };
      return call.change(async (change) => {
        const floor = demanded(await recordOf(change.db, id.tenant, dataId), facts);
        if (floor === null || !isBelow(classification, floor)) {
          await putRecord(change, { ...id, classification, body: facts });
          return answerOf(call, change, id);
        }
        if (reason === null)
          throw unprocessable(
            `${classification} is below ${floor}, which ${pii_present ? 'personal data or ' : ''}the record demands: ` +
              'give a reason, and have a second person send the same',
          );
        const pending = await pendingLowering(change.db, id, change.now, pendingMinutes);
        const same =
          pending !== null && isDeepStrictEqual([pending.classification, pending.facts], [classification, facts]);
        if (same && pending.requester !== principal.subject) {
          const lowered: Lowered = {
            requested_by: pending.requester,
            reason: pending.reason,
            approved_by: principal.subject,
            approval: reason,
          };
          await putRecord(change, { ...id, classification, body: { ...facts, lowered } });
          return answerOf(call, change, id);
        }
        await askForLowering(change, id, { classification, facts, reason });
        return { ...(await answerOf(call, change, id)), status: 202 };
      });
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/data/{data_id}/classification',
    action: 'records.read',
    tag,
    summary: 'The class on record of a resource, its id percent-encoded',
    query: new Shape(closed({ tenant_id: RECORD_TENANT })),
    answers: { 200: RECORD },
    async handle(call) {
      const { store } = call.context;
      const dataId = call.param('data_id');
      const tenant = await tenantOf(call, store.db, dataId, call.query.tenant_id, notFound('record of', dataId));
      const answer = await answerOf(call, { db: store.db, now: await store.now() }, { tenant, dataId });
      if (answer.body.classification === null && answer.body.pending === null) throw notFound('record of', dataId);
      return answer;
    },
  }),
];

/**
 * Whose record it is: as told, or of the one tenant that has one of this id.
 * @param without what to refuse with when none has one; default: that `tenant_id` is missing
 */
async function tenantOf(
  call: Call,
  db: Db,
  dataId: string,
  given: string | null,
  without: ApiError | null = null,
): Promise<string> {
  if (given !== null || call.principal.tenant !== null) return call.tenant(given);
  const [one, other] = await tenantsWithRecord(db, dataId, 2);
  if (one !== undefined && other === undefined) return one;
  if (one === undefined && without !== null) throw without;
  const why = one === undefined ? 'your token is for all tenants' : 'several tenants have a record of this id';
  throw call.bad(call.problem(['tenant_id'], `is missing: ${why}, so say which one this is about`));
}

async function answerOf(
  { context }: Call,
  { db, now }: { readonly db: Db; readonly now: number },
  id: Pick<StoredRecord, 'tenant' | 'dataId'>,
) {
  const record = await recordOf(db, id.tenant, id.dataId);
  const pending = await pendingLowering(db, id, now, context.settings.approvals.pendingMinutes);
  const body = recordView(id, record, pending);
  // What waits is no change of the record: while there is any, the record's ETag would hide it.
  return { body, ...(pending === null ? { revision: body.revision } : {}) };
}
