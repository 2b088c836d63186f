/** How long entries are kept. Days. */
export interface RetentionRules {
  /** Null: for ever, where nothing else says less. */
  readonly days: number | null;
  /** By class of data. */
  readonly classes: Readonly<Record<string, number | undefined>>;
  /** Tenants whose entries are kept whatever their age; `*`: all. */
  readonly hold: readonly string[];
}

const DAY = 86_400_000;
/** What a log says of itself and of who changed what is never deleted. */
const PASSING: ReadonlySet<unknown> = new Set(['decision', 'outcome', 'query']);

/**
 * From when on an entry may be deleted: its own time and the longest of what applies, which is what the policy said then
 * (`retention_days`), its class and the default. An outcome goes with its decision.
 *
 * @param decision the value of the decision that an outcome completes; null: it is gone already, or this is no outcome
 * @returns milliseconds since the epoch; Infinity: never
 */
export function keptUntil(
  entry: Readonly<Record<string, unknown>>,
  rules: RetentionRules,
  decision: Readonly<Record<string, unknown>> | null,
): number {
  const { kind, tenant } = entry;
  if (!PASSING.has(kind) || rules.hold.includes('*') || rules.hold.includes(String(tenant))) return Infinity;
  if (kind === 'outcome') return decision === null ? timeOf(entry) : keptUntil(decision, rules, null);
  const days = longest(entry['retention_days'], rules.classes[String(entry['classification'])], rules.days);
  return days === null ? Infinity : timeOf(entry) + days * DAY;
}

function longest(...days: unknown[]): number | null {
  let most: number | null = null;
  for (const some of days) if (typeof some === 'number') most = Math.max(most ?? 0, some);
  return most;
}

function timeOf(entry: Readonly<Record<string, unknown>>): number {
  const time = Date.parse(String(entry['time']));
  return Number.isNaN(time) ? Infinity : time;
}
