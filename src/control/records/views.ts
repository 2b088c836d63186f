import { Type, type Static } from 'typebox';
import { closed, nullable, optional, Shape, tenantId } from '../../core/schema.ts';
import { CLASSIFICATIONS } from '../../core/vocabulary.ts';
import type { StoredRecord } from '../../store/records.ts';
import type { Lowered, Lowering, RecordFacts } from './lowering.ts';

const maybeText = (description: string) =>
  optional(nullable(Type.String({ maxLength: 256 }), { default: null, description }));
const flag = (description: string) => optional(Type.Boolean({ default: false, description }));

/** Field of a body or a query. */
export const RECORD_TENANT = optional(
  nullable(tenantId({}), {
    default: null,
    description: 'Tenant; left out, that of the token, or the one that has a record of this id.',
  }),
);

/** What is sent to be recorded. */
export const CLASSIFY_BODY = new Shape(
  closed({
    data_id: Type.String({
      minLength: 1,
      maxLength: 2048,
      pattern: '^[^\\u0000-\\u001f\\u007f]*$',
      'x-shape': 'a resource without control characters',
      description: 'The whole resource as requests name it: `bucket/key`, an index, a model.',
    }),
    classification_level: Type.String({ minLength: 1, maxLength: 64, description: 'A class, or an alias of one.' }),
    tenant_id: RECORD_TENANT,
    data_type: maybeText('What it is, for people.'),
    sensitivity: maybeText('How sensitive it is, for people.'),
    pii_present: flag('Whether there are personal data in it: then its class is `identity`, unless two people agree.'),
    encryption_required: flag('Whether it must be encrypted, for people.'),
    reason: optional(
      nullable(Type.String({ minLength: 1, maxLength: 1024, pattern: '\\S' }), {
        default: null,
        description: 'Why a lower class will do.',
      }),
    ),
  }),
);

const FACTS = {
  data_type: Type.Union([Type.String(), Type.Null()]),
  sensitivity: Type.Union([Type.String(), Type.Null()]),
  pii_present: Type.Boolean(),
  encryption_required: Type.Boolean(),
};

/** A record, as it is answered. */
export const RECORD = closed(
  {
    data_id: Type.String(),
    tenant_id: Type.String(),
    classification: Type.Union([Type.Enum([...CLASSIFICATIONS]), Type.Null()], {
      description: 'In force; null: none, and a lowering waits.',
    }),
    ...FACTS,
    lowered: Type.Union(
      [
        closed({
          requested_by: Type.String(),
          reason: Type.String(),
          approved_by: Type.String(),
          approval: Type.String({ description: 'Reason of the second person.' }),
        }),
        Type.Null(),
      ],
      { description: 'By whom the class was lowered to this, or null.' },
    ),
    revision: Type.Integer({ description: 'Its ETag, unless a lowering waits; 0 without a record.' }),
    updated_at: Type.Union([Type.String({ format: 'date-time' }), Type.Null()]),
    pending: Type.Union(
      [
        closed({
          classification: Type.Enum([...CLASSIFICATIONS]),
          ...FACTS,
          requester: Type.String(),
          reason: Type.String(),
          until: Type.String({ format: 'date-time' }),
        }),
        Type.Null(),
      ],
      { description: 'A lower class that one person has asked for: it holds once another sends the same.' },
    ),
  },
  { title: 'Record' },
);

const NO_FACTS: RecordFacts = { data_type: null, sensitivity: null, pii_present: false, encryption_required: false };

/** A record, a lowering that waits, or both. */
export function recordView(
  { tenant, dataId }: Pick<StoredRecord, 'tenant' | 'dataId'>,
  record: StoredRecord | null,
  pending: Lowering | null,
): Static<typeof RECORD> {
  const { lowered = null, ...facts } = (record?.body ?? NO_FACTS) as RecordFacts & { lowered?: Lowered };
  return {
    data_id: dataId,
    tenant_id: tenant,
    classification: record?.classification ?? null,
    ...facts,
    lowered,
    revision: record?.revision ?? 0,
    updated_at: record === null ? null : new Date(record.updatedAt).toISOString(),
    pending:
      pending === null
        ? null
        : {
            classification: pending.classification,
            ...pending.facts,
            requester: pending.requester,
            reason: pending.reason,
            until: new Date(pending.until).toISOString(),
          },
  };
}
