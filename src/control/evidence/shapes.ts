import { Type, type TProperties } from 'typebox';
import { KINDS } from '../../audit/entry.ts';
import { closed, nullable } from '../../core/schema.ts';

/** An entry of a log, as it is there. */
const ENTRY = Type.Object(
  {
    log: Type.String({ description: 'Origin of its log. With `seq` it can be proven: `domicile audit prove`.' }),
    v: Type.Integer(),
    kind: Type.Enum([...KINDS]),
    seq: Type.Integer({ description: 'Place in its log, from 0.' }),
    time: Type.String({ format: 'date-time', description: 'When it was appended.' }),
    sidecar: Type.String(),
    request_id: Type.String(),
    tenant: Type.String({ description: 'Empty: nobody’s.' }),
  },
  { additionalProperties: true, description: 'What else it holds goes by its kind: docs/evidence.md.' },
);

const PROBLEM = closed({ log: Type.String(), problem: Type.String() });

/** A page of entries. */
export const ENTRIES = closed({
  items: Type.Array(ENTRY, { description: 'The newest first. A page that took long to find holds few, or none.' }),
  next_cursor: nullable(Type.String(), { description: 'Null: this is the last page.' }),
  incomplete: Type.Array(Type.String(), {
    description: 'Origins of logs that cannot be read here, or not yet: there may be more in them.',
  }),
  problems: Type.Array(PROBLEM, { description: 'Logs that are not what they were, or do not open.' }),
});

const count = Type.Integer();
const rate = (description: string) => nullable(Type.Number(), { description });
const texts = Type.Array(Type.String());
const maybe = nullable(Type.String());

const counts = {
  requests: count,
  allowed: count,
  audited: Type.Integer({ description: 'Let through against an advisory policy; not among the allowed.' }),
  refused: count,
  bytes_in: count,
  bytes_out: count,
};

const APPROVALS = closed({
  requested: count,
  approved: count,
  denied: count,
  expired: Type.Integer({ description: 'That nobody decided on in time.' }),
  revoked: count,
  approval_rate: rate('Among those that people decided on, 0 to 1.'),
  median_decision_ms: rate('Milliseconds from the request to the decision.'),
});

const CROSSING = closed({
  time: Type.String({ format: 'date-time' }),
  user: maybe,
  subject: maybe,
  classification: maybe,
  service: Type.String(),
  verb: maybe,
  resource: maybe,
  from_region: maybe,
  to_region: maybe,
  effect: Type.String(),
  reason: Type.String(),
  grants: texts,
  override: maybe,
  approved_by: texts,
  legal_basis: texts,
  status: nullable(Type.Integer()),
  request_id: Type.String(),
  log: Type.String(),
  seq: count,
});

const FINDING = closed({
  severity: Type.Enum(['high', 'medium', 'low', 'info']),
  code: Type.String(),
  text: Type.String(),
  evidence: Type.Array(closed({ log: Type.String(), seq: count })),
});

const LOG = closed({
  origin: Type.String(),
  size: nullable(count, { description: 'Null, as the root: it is shared, and your token is for one tenant.' }),
  root: nullable(Type.String(), { description: 'Base64 of the root of the tree of that size.' }),
  key_ids: Type.Array(Type.String(), { description: 'Of the keys that signed its checkpoint.' }),
  verified: nullable(Type.Boolean()),
  problem: maybe,
});

const TALLIES = list({ name: Type.String(), ...counts });

/** A report (audit/report/model.ts). */
export const REPORT = closed({
  v: Type.Literal(1),
  tenant: Type.String(),
  from: Type.String({ format: 'date-time' }),
  to: Type.String({ format: 'date-time' }),
  generated_at: Type.String({ format: 'date-time' }),
  coverage: closed({
    verified: nullable(Type.Boolean(), { description: 'Null: `domicile audit verify` does that, not the API.' }),
    logs: Type.Array(LOG),
    incomplete: Type.Array(Type.String(), { description: 'Logs of which not everything could be read.' }),
  }),
  summary: closed({ ...counts, crossings: count, failovers: count, failed: count }),
  by_service: TALLIES,
  by_verb: TALLIES,
  by_classification: TALLIES,
  by_region: TALLIES,
  approvals: closed({ requests: APPROVALS, overrides: APPROVALS }),
  rejections: list({ reason: Type.String(), requests: count, share: Type.Number() }),
  crossings: Type.Array(CROSSING, { description: 'With approver and legal basis; the first 5,000.' }),
  crossings_omitted: count,
  findings: Type.Array(FINDING, { description: 'The gravest first.' }),
});

function list<P extends TProperties>(properties: P) {
  return Type.Array(closed(properties));
}
