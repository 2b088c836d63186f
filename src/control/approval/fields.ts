import { Type, type TSchema } from 'typebox';
import { nullable, optional, personId, tenantId } from '../../core/schema.ts';
import type { Bundle } from '../../policy/compile.ts';
import type { Catalogue } from '../../region/catalogue.ts';
import type { Reason } from '../../core/reasons.ts';
import { unprocessable, type Call } from '../call.ts';
import { neverOpens, type Opening } from './openable.ts';

/** A field that may be left out, or null. */
export const perhaps = <S extends TSchema>(schema: S, description: string) =>
  optional(nullable(schema, { default: null, description }));

export const TENANT = perhaps(tenantId({}), 'Tenant; by default your token’s own.');

export const SUBJECTS = optional(
  Type.Array(Type.Union([Type.Literal('*'), personId({})]), {
    default: [],
    maxItems: 1000,
    description: 'People whose data it opens; empty or `*` = everyone’s.',
  }),
);

/** Text that a database takes: no control characters but tabs and line ends. */
const TEXT = '[^\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f]';

/** Words that must not be missing. @param what it says, such as `a reason` */
export const words = (what: string, description: string) =>
  Type.String({
    minLength: 1,
    maxLength: 1024,
    pattern: `^(?=[\\s\\S]*\\S)${TEXT}+$`,
    'x-shape': `${what}, at most 1024 characters`,
    description,
  });

export const REASON = words('a reason', 'Why, for those who approve and for the record.');

/** A reason that may be left out: what restricts is never kept waiting for words. */
export const COMMENT = optional(
  Type.String({
    maxLength: 1024,
    pattern: `^${TEXT}*$`,
    'x-shape': 'at most 1024 characters, none of control',
    default: '',
    description: 'Why, for the record.',
  }),
);

export const TICKET = perhaps(
  Type.String({ minLength: 1, maxLength: 256 }),
  'Ticket that this belongs to; needed, and of a certain form, where `approvals.ticket_pattern` says so.',
);

/** What an approver says. */
export const ANSWER = {
  approved: Type.Boolean({ description: '`false` denies, and closes it.' }),
  reason: COMMENT,
  request_hash: perhaps(
    Type.String({ pattern: '^[0-9a-f]{64}$', 'x-shape': 'the request_hash that you have read' }),
    '`request_hash` of what you have looked at: it is refused if it is another by now.',
  ),
};

/** `*` in a list stands for all of them, which is what the empty list says. */
export function unlessAll(list: readonly string[]): readonly string[] {
  return list.includes('*') ? [] : [...new Set(list)];
}

/** @throws ApiError 422 with the reason, for what can never be granted as the policies stand */
export function mustOpen(bundle: Bundle | null, opening: Opening): void {
  const never = neverOpens(bundle, opening);
  if (never !== null) throw impossible(`this can never be granted: ${never.why}`, never.reason);
}

/** Place of a region in the catalogue. @throws ApiError 422 when it is there no more */
export function placeOf(catalogue: Catalogue, region: string): number {
  const found = catalogue.find(region);
  if (found === null) throw impossible(`there is no region ${region} any more`, 'region_unknown');
  return found.index;
}

/** The refusal of what can never be granted. */
export function impossible(detail: string, reason: Reason) {
  return unprocessable(detail, { reason });
}

/** Whose objects a list shows; null: everybody's. @throws ApiError 404 for another tenant than the token's */
export function listedTenant(call: Call, given: string | null): string | null {
  return given === null ? call.principal.tenant : call.tenant(given);
}
