import { REASONS, type Reason } from '../core/reasons.ts';
import {
  ADVISED_AGAINST,
  COLUMN,
  CROSS_FREELY,
  CROSS_LOGGED,
  IN_ACCESS,
  IN_STORE,
  PROHIBITED,
  REPLICA,
  SERVICE_INDEX,
  type Bundle,
  type Effective,
} from './compile.ts';
import type { Decision, Facts, World } from './model.ts';

/** One step of a decision, for people: what was looked at, what was found, and the rule that it follows. */
export interface Step {
  readonly step: string;
  readonly looked: string;
  readonly found: string;
  readonly rule: string;
}

/** Filled by `decide` for `explain`. Nothing is written to it on the request path. */
export interface Trace {
  readonly steps: Step[];
  error: string | null;
}

const idOf = (bundle: Bundle, region: number) => bundle.table.regions[region]?.id ?? 'none';

export function tracePolicy(trace: Trace, bundle: Bundle | null, eff: Effective | null, facts: Facts): void {
  trace.steps.push({
    step: 'bundle',
    looked: `policies of tenant ${facts.tenant}`,
    found:
      bundle === null ? 'none, and no default_policy' : `${bundle.subjects.size} subjects with policies of their own`,
    rule: 'a tenant without any policy gets default_policy, else no_policy',
  });
  if (bundle === null) return;
  const subject = facts.subject === null ? 'no subject' : `subject ${facts.subject}`;
  trace.steps.push({
    step: 'policy',
    looked: `enabled policies for ${subject}, class ${facts.classification}`,
    found:
      eff === null
        ? 'none matches'
        : `${eff.label}: ${eff.policy.mode}, ${eff.policy.policyType}, primary ${idOf(bundle, eff.primary)}`,
    rule: '(subject, class) over (subject, all) over (tenant, class) over (tenant, all)',
  });
  if (eff === null) return;
  const list = eff.resources[SERVICE_INDEX[facts.service]];
  if (list === null || list === undefined) return;
  trace.steps.push({
    step: 'resources',
    looked:
      facts.naming === 'named'
        ? facts.resources.join(', ')
        : `a request that names ${facts.naming === 'none' ? 'nothing' : `its resource otherwise (${facts.naming})`}`,
    found: `the policy lists ${list.join(', ')}`,
    rule: 'everything that a request names must be on the list',
  });
}

export function traceTarget(
  trace: Trace,
  bundle: Bundle,
  eff: Effective,
  facts: Facts,
  world: World,
  target: number,
  refusal: Reason | null,
): void {
  const column = COLUMN[facts.verb];
  const places: string[] = [];
  const notes: string[] = [];
  for (const { id, index, status } of bundle.table.regions) {
    const bits = eff.regions[index]!;
    const closed = eff.exclusions.filter(
      (e) => world.now >= e.from && world.now < e.until && e.closed[index]! & column,
    );
    if (bits & PROHIBITED) notes.push(`${id} prohibited`);
    else if (bits & ADVISED_AGAINST) notes.push(`${id} advised against`);
    if (bits & column && closed.length > 0) notes.push(`${id} excluded by ${closed.map((e) => e.regime).join(', ')}`);
    else if (bits & column) places.push(status === 'active' ? id : `${id} (${status})`);
  }
  trace.steps.push({
    step: 'placement',
    looked: `mode ${eff.policy.mode}, verb ${facts.verb}`,
    found: `{${places.join(', ')}}${notes.length === 0 ? '' : `; ${notes.join('; ')}`}`,
    rule:
      column === IN_STORE
        ? 'store column of the placement table'
        : column === IN_ACCESS
          ? 'access column of the placement table'
          : 'process column of the placement table',
  });
  trace.steps.push({
    step: 'target',
    looked:
      facts.requestedRegion >= 0 ? `requested region ${idOf(bundle, facts.requestedRegion)}` : 'no region requested',
    found: `${idOf(bundle, target)}: ${refusal ?? 'inside the placement set'}`,
    rule:
      facts.requestedRegion >= 0
        ? 'the requested region'
        : (eff.regions[target]! & REPLICA) !== 0 && target === world.selfRegion && facts.verb === 'access'
          ? "a read goes to this sidecar's own replica"
          : 'the primary region',
  });
}

export function traceBorder(
  trace: Trace,
  bundle: Bundle,
  eff: Effective,
  facts: Facts,
  refusal: Reason | null,
  crossed: number,
): void {
  const level =
    eff.border === CROSS_FREELY ? 'passes' : eff.border === CROSS_LOGGED ? 'passes and is recorded' : 'is restricted';
  trace.steps.push({
    step: 'border',
    looked: `caller in ${idOf(bundle, facts.callerRegion)}, class ${facts.classification}`,
    found:
      refusal ??
      (crossed === CROSS_LOGGED ? 'crosses, recorded' : crossed === CROSS_FREELY ? 'crosses, class may' : 'at home'),
    rule: `the answer of ${facts.verb} carries data; abroad, ${facts.classification} ${level}`,
  });
}

export function traceWidening(
  trace: Trace,
  kind: 'grant' | 'override',
  id: string,
  to: number,
  bundle: Bundle,
  fits: boolean,
): void {
  trace.steps.push({
    step: 'widening',
    looked: `${kind} ${id} towards ${idOf(bundle, to)}`,
    found: fits ? 'opens the refusal' : 'does not fit',
    rule:
      kind === 'grant'
        ? 'a live grant opens anything but a prohibited region'
        : 'a live override opens a prohibited region too, unless the policy denies overrides',
  });
}

export function traceAvailability(
  trace: Trace,
  bundle: Bundle,
  eff: Effective,
  target: number,
  final: number,
  open: boolean,
): void {
  trace.steps.push({
    step: 'availability',
    looked: `${idOf(bundle, target)} ${open ? 'has no healthy endpoint for this dialect and verb' : 'is closed to this verb by its status'}`,
    found: final < 0 ? 'no region inside the placement set is left' : `fails over to ${idOf(bundle, final)}`,
    rule: eff.policy.allowCrossRegionFailover
      ? 'the first healthy of allowed_regions, secondary_regions, catalogue order inside the set'
      : 'allow_cross_region_failover is false',
  });
}

export function traceOutcome(trace: Trace, decision: Decision): void {
  const widened = [decision.grant?.id, decision.secondGrant?.id, decision.override?.id].filter(
    (id) => id !== undefined,
  );
  trace.steps.push({
    step: 'outcome',
    looked:
      decision.regime === null
        ? 'obligations: encryption, transfer evidence'
        : `regime ${decision.regime}: transfer evidence`,
    found: `${decision.effect}${widened.length === 0 ? '' : ` by ${widened.join(', ')}`}${trace.error === null ? '' : `: ${trace.error}`}`,
    rule: `${decision.reason} (${REASONS[decision.reason]})`,
  });
}
