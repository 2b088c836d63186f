import type { Entry } from '../../audit/entry.ts';
import { REASONS, type Reason } from '../../core/reasons.ts';
import type { EvidenceEntryRow } from '../../store/evidence.ts';

/** Objects by which data may cross a border: what is done with them is kept with the crossings. */
const LEAVE = new Set<unknown>(['request', 'approval', 'grant', 'override']);

/**
 * A row of the index for an entry, whatever it is.
 * @throws Error in one line for what is no entry: no JSON object, or without kind and time
 */
export function rowOf({ log, seq, value, text }: Entry): EvidenceEntryRow {
  const kind = textOf(value['kind']);
  const at = Date.parse(textOf(value['time']) ?? '');
  if (kind === null || Number.isNaN(at)) throw new Error('it has no kind and time');
  const data = (value['data'] ?? {}) as Readonly<Record<string, unknown>>;
  const of = (...names: readonly string[]) => firstText(value, names);
  return {
    log,
    seq,
    tenant: of('tenant') ?? '',
    at,
    kind,
    effect: of('effect'),
    reason: of('reason'),
    classification: of('classification'),
    to_region: of('target_region') ?? firstText(data, ['to_region', 'target_region']),
    from_region: of('caller_region') ?? firstText(data, ['from_region', 'source_region']),
    user: of('user', 'actor'),
    subject: of('subject'),
    request_id: of('request_id') ?? '',
    violation: isViolation(kind, value) ? 1 : 0,
    crossing: isCrossing(kind, value) ? 1 : 0,
    body: text,
  };
}

/** A request that was refused by policy, or let through against it. */
function isViolation(kind: string, { effect, reason }: Entry['value']): boolean {
  if (kind !== 'decision' && kind !== 'outcome') return false;
  return effect === 'audit' || (effect === 'deny' && REASONS[reason as Reason] === 403);
}

/** Data that crossed a border, or leave to let it. How such a request ended is no crossing of its own. */
function isCrossing(kind: string, value: Entry['value']): boolean {
  if (kind === 'control') return LEAVE.has(value['object']);
  if (kind !== 'decision' || value['effect'] === 'deny') return false;
  const { reason } = value;
  const widened = value['grant'] ?? value['second_grant'] ?? value['override'] ?? null;
  return (
    widened !== null || reason === 'cross_border_logged' || reason === 'cross_border_class' || reason === 'advisory'
  );
}

function firstText(value: Readonly<Record<string, unknown>>, names: readonly string[]): string | null {
  for (const name of names) {
    const text = textOf(value[name]);
    if (text !== null) return text;
  }
  return null;
}

/** Without U+0000, which PostgreSQL takes in no text. */
function textOf(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  return value.includes('\0') ? value.replaceAll('\0', '\ufffd') : value;
}
