import type { Reason } from '../../core/reasons.ts';
import { CLASSIFICATIONS, type Classification } from '../../core/vocabulary.ts';
import { CLASS_INDEX, PROHIBITED, type Bundle, type Effective } from '../../policy/compile.ts';

/** What a grant or an override would open. Empty lists: all. */
export interface Opening {
  readonly kind: 'grant' | 'override';
  readonly subjects: readonly string[];
  readonly classifications: readonly Classification[];
  /** Place of the target in the catalogue. */
  readonly to: number;
}

/** Why something can never be granted, as the policies stand. */
export interface Never {
  readonly reason: Reason;
  readonly why: string;
}

type Row = readonly (Effective | null)[];

/**
 * Why a grant or an override could never open what it asks for (DESIGN 1.5, step 7), or null when it could. Where subjects
 * or classes are named, none of them may be closed for ever; where they are not, one that can be opened is enough. What
 * no policy covers is no obstacle while something else is covered.
 */
export function neverOpens(bundle: Bundle | null, opening: Opening): Never | null {
  if (bundle === null) return { reason: 'no_policy', why: 'the tenant is unknown: there is no policy for it' };
  const { subjects, classifications } = opening;
  const asked = classifications.length > 0 ? classifications.map((each) => [each]) : [CLASSIFICATIONS];
  let covered = false;
  for (const rows of rowsOf(bundle, subjects)) {
    for (const classes of asked) {
      const found = effectivesOf(rows, classes).map((eff) => closedFor(eff, opening));
      if (found.length === 0) continue;
      covered = true;
      if (found.every((never) => never !== null)) return found[0] as Never;
    }
  }
  return covered ? null : { reason: 'no_policy', why: 'no policy of the tenant covers what is asked for' };
}

/** Where the data that is asked for is pinned: places in the catalogue, each once. */
export function primariesOf(
  bundle: Bundle,
  subjects: readonly string[],
  classifications: readonly Classification[],
): readonly number[] {
  const primaries = new Set<number>();
  const classes = classifications.length > 0 ? classifications : CLASSIFICATIONS;
  for (const rows of rowsOf(bundle, subjects))
    for (const eff of effectivesOf(rows, classes)) primaries.add(eff.primary);
  return [...primaries];
}

/** For each subject named its row. Where none is, the tenant's own; or those of all its subjects where it has none. */
function rowsOf(bundle: Bundle, subjects: readonly string[]): readonly (readonly Row[])[] {
  if (subjects.length > 0) return subjects.map((subject) => [bundle.subjects.get(subject) ?? bundle.base]);
  return [bundle.base.some((eff) => eff !== null) ? [bundle.base] : [...bundle.subjects.values()]];
}

function effectivesOf(rows: readonly Row[], classes: readonly Classification[]): Effective[] {
  return rows.flatMap((row) => classes.map((each) => row[CLASS_INDEX[each]] ?? null)).filter((eff) => eff !== null);
}

function closedFor(eff: Effective, { kind, to }: Opening): Never | null {
  if (eff.sovereign)
    return {
      reason: 'sovereign_no_cross_border',
      why: `policy ${eff.policy.id} is fully-sovereign: nothing opens it`,
    };
  if (kind === 'override' && !eff.overridable)
    return { reason: 'operation_not_permitted', why: `policy ${eff.policy.id} denies emergency overrides` };
  if (kind === 'grant' && (eff.regions[to]! & PROHIBITED) !== 0)
    return {
      reason: 'region_prohibited',
      why: `policy ${eff.policy.id} prohibits that region, which no grant opens`,
    };
  return null;
}
