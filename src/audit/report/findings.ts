import type { Leave, Leaves, Place } from './leave.ts';
import type { Coverage, Finding, Severity } from './model.ts';
import { Places, type Signs, type Uses } from './signs.ts';
import { countIn, numberIn } from './value.ts';
import { moment, number, plural } from './words.ts';

/** Refusals of one user that are told of. */
const MANY_REFUSALS = 10;
/** Milliseconds from the first use of an override within which someone reviews it. */
const REVIEW_WITHIN = 86_400_000;
/** Milliseconds that a request may take: younger ones may just not have ended yet. */
const STILL_RUNNING = 900_000;

const ORDER: readonly Severity[] = ['high', 'medium', 'low', 'info'];

export interface FindingFacts {
  readonly signs: Signs;
  readonly leaves: Leaves;
  readonly coverage: Coverage;
  /** Up to when entries were read. */
  readonly until: number;
}

/** What an auditor should look at, the gravest first: only what the entries themselves show. */
export function findingsOf(facts: FindingFacts): Finding[] {
  const findings = [
    ...ofEvidence(facts),
    ...ofGaps(facts),
    ...ofOverrides(facts),
    ...ofGrants(facts),
    ...ofApprovers(facts),
    ...ofBases(facts),
    ...ofRequests(facts),
  ];
  return findings.sort((a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity));
}

function found(severity: Severity, code: string, text: string, evidence: readonly Place[] = []): Finding {
  return { severity, code, text, evidence: evidence.map(({ log, seq }) => ({ log, seq })) };
}

function ofEvidence({ coverage }: FindingFacts): Finding[] {
  const findings: Finding[] = [];
  for (const { origin, verified, problem } of coverage.logs)
    if (verified === false || problem !== null)
      findings.push(
        found('high', 'evidence_broken', `The log ${origin} is not what it was: ${problem ?? 'it does not verify'}.`),
      );
  if (coverage.logs.length === 0)
    findings.push(found('high', 'evidence_missing', 'No log of evidence was found: this report is of nothing.'));
  else if (coverage.verified === null)
    findings.push(
      found(
        'low',
        'evidence_unverified',
        'The logs were not verified when this report was made. Run domicile audit verify, or make it with domicile audit report.',
      ),
    );
  if (coverage.incomplete.length > 0)
    findings.push(
      found(
        'medium',
        'evidence_incomplete',
        `Of ${coverage.incomplete.join(', ')} only notable entries were at hand: requests that stayed in residency are not counted.`,
      ),
    );
  return findings;
}

function ofGaps({ signs }: FindingFacts): Finding[] {
  return signs.gaps.map((entry) => {
    const { value } = entry;
    const lost = numberIn(value, 'lost');
    const refused = countIn(value, 'refused');
    const cause = GAPS[String(value['cause'])] ?? 'For a cause that is not known here';
    const parts = [
      value['lost'] === null ? 'an unknown number of records were lost' : '',
      lost !== null && lost > 0 ? `${plural(lost, 'record was', 'records were')} lost` : '',
      refused > 0 ? `${plural(refused, 'request was', 'requests were')} refused because no record could be kept` : '',
    ].filter((part) => part !== '');
    const what = parts.length === 0 ? 'nothing that was to be recorded is known to be lost' : parts.join(', and ');
    const severity = value['lost'] === null || (lost ?? 0) > 0 ? 'high' : 'low';
    return found(severity, 'gap', `${cause}, ${what} (${entry.log}, ${moment(entry.time)}).`, [entry]);
  });
}

const GAPS: Readonly<Record<string, string>> = {
  unclean_stop: 'A process did not stop in order',
  best_effort: 'By best effort',
  unwritable: 'While a log could not be written',
};

function ofOverrides({ signs, leaves, until }: FindingFacts): Finding[] {
  const findings: Finding[] = [];
  for (const [id, uses] of signs.overrides) {
    const leave = leaves.overrides.get(id);
    const due = leave?.reviewDue ?? uses.first + REVIEW_WITHIN;
    const used = `The emergency override ${id} was used ${times(uses.all.count)}`;
    if (leave?.overdue || (due < until && (leave?.reviewed ?? Infinity) > due))
      findings.push(
        found('high', 'override_unreviewed', `${used}, and no review of it by ${moment(due)} is on record.`, [
          ...(leave?.overdue ? [leave.overdue] : []),
          ...uses.all.shown,
        ]),
      );
    else findings.push(found('info', 'override_used', `${used}.`, uses.all.shown));
  }
  return findings;
}

function ofGrants({ signs, leaves }: FindingFacts): Finding[] {
  const findings: Finding[] = [];
  const known: readonly (readonly [string, Map<string, Uses>, Map<string, Leave>])[] = [
    ['grant', signs.grants, leaves.grants],
    ['emergency override', signs.overrides, leaves.overrides],
  ];
  for (const [what, used, told] of known)
    for (const [id, uses] of used) {
      const leave = told.get(id);
      if (leave === undefined) continue;
      if (leave.notBefore !== null && uses.first < leave.notBefore)
        findings.push(
          found('high', 'used_early', `The ${what} ${id} was used before it was in force.`, uses.all.shown),
        );
      // What is under way at the end was let through before it.
      if (leave.notAfter !== null && uses.last > leave.notAfter + STILL_RUNNING)
        findings.push(
          found('high', 'used_late', `The ${what} ${id} ended ${moment(leave.notAfter)} and was used after that.`, [
            uses.lastPlace,
          ]),
        );
      if (leave.maxUses !== null && uses.all.count > leave.maxUses)
        findings.push(
          found(
            'high',
            'used_beyond',
            `The ${what} ${id} was good for ${plural(leave.maxUses, 'use', 'uses')} and was used ${times(uses.all.count)}.`,
            uses.all.shown,
          ),
        );
    }
  return findings;
}

function ofApprovers({ signs, leaves }: FindingFacts): Finding[] {
  const findings: Finding[] = [];
  const one: Record<'grant' | 'override', { ids: string[]; places: Place[] }> = {
    grant: { ids: [], places: [] },
    override: { ids: [], places: [] },
  };
  for (const kind of ['grant', 'override'] as const) {
    const told = kind === 'grant' ? leaves.grants : leaves.overrides;
    for (const [id, uses] of kind === 'grant' ? signs.grants : signs.overrides) {
      const leave = told.get(id);
      const request = leave === undefined ? null : leaves.requestOf(leave);
      const approvers = new Set([...uses.approvers, ...(leave?.approvedBy ?? []), ...(request?.approvedBy ?? [])]);
      const requester = leave?.requester ?? request?.requester ?? null;
      const places = leave === undefined ? uses.all.shown : [leave.place];
      if (approvers.size === 0)
        findings.push(
          found(
            'high',
            'unapproved',
            `Nobody is on record as having approved the ${kind} ${id}, which was used.`,
            uses.all.shown,
          ),
        );
      if (requester !== null && approvers.has(requester))
        findings.push(
          found(
            'high',
            'self_approved',
            `${requester} asked for the ${kind} ${id} and is among those who approved it.`,
            places,
          ),
        );
      if (approvers.size === 1) {
        one[kind].ids.push(id);
        one[kind].places.push(...places);
      }
    }
  }
  for (const kind of ['grant', 'override'] as const) {
    const { ids, places } = one[kind];
    if (ids.length === 0) continue;
    const text = `${plural(ids.length, `${kind} that was used was`, `${kind}s that were used were`)} approved by one person alone: ${listed(ids)}.`;
    findings.push(found(kind === 'override' ? 'medium' : 'info', `one_approver_${kind}`, text, places.slice(0, 5)));
  }
  return findings;
}

function ofBases({ signs, leaves }: FindingFacts): Finding[] {
  const places = new Places();
  let count = 0;
  let framed = 0;
  for (const { grants, override, all, framed: of } of signs.baseless.values()) {
    const told = [
      ...grants.map((id) => leaves.grants.get(id)),
      override === null ? undefined : leaves.overrides.get(override),
    ];
    const hasBasis = told.some(
      (leave) => leave && (leave.legalBasis.length > 0 || (leaves.requestOf(leave)?.legalBasis.length ?? 0) > 0),
    );
    if (hasBasis) continue;
    count += all.count;
    framed += of;
    for (const place of all.shown) places.add(place);
  }
  if (count === 0) return [];
  const under =
    framed === 0 ? '' : `, ${framed === count ? 'all' : number(framed)} of them under a policy that names a framework`;
  const text = `${plural(count, 'crossing has', 'crossings have')} no legal basis on record${under}.`;
  return [found(framed > 0 ? 'medium' : 'low', 'no_legal_basis', text, places.shown)];
}

function ofRequests({ signs, until }: FindingFacts): Finding[] {
  const findings: Finding[] = [];
  const tell = (severity: Severity, code: string, { count, shown }: Places, text: string) => {
    if (count > 0) findings.push(found(severity, code, text, shown));
  };
  const { advisory, unrecorded, policies, refusedChanges } = signs;
  tell(
    'medium',
    'advisory',
    advisory,
    `${plural(advisory.count, 'request', 'requests')} went against a policy that is only advisory, and passed.`,
  );
  tell(
    'medium',
    'audit_unavailable',
    unrecorded,
    `${plural(unrecorded.count, 'request was', 'requests were')} refused because no record could be kept at the time.`,
  );
  for (const [user, places] of [...signs.refusals].sort(([, a], [, b]) => b.count - a.count).slice(0, 10))
    if (places.count >= MANY_REFUSALS)
      tell('medium', 'repeated_refusals', places, `The user ${user} was refused by policy ${times(places.count)}.`);
  const endless = new Places();
  for (const { place, at } of signs.endless) if (at < until - STILL_RUNNING) endless.add(place);
  tell(
    'low',
    'no_end',
    endless,
    `${plural(endless.count, 'request has', 'requests have')} no end on record: a process stopped meanwhile, or data still flows.`,
  );
  tell(
    'low',
    'changes_refused',
    refusedChanges,
    `${plural(refusedChanges.count, 'call', 'calls')} to the control API by people of the tenant ${refusedChanges.count === 1 ? 'was' : 'were'} refused.`,
  );
  tell('info', 'policy_changed', policies, `Policies of the tenant were changed ${times(policies.count)}.`);
  return findings;
}

function times(count: number): string {
  return count === 1 ? 'once' : count === 2 ? 'twice' : `${number(count)} times`;
}

function listed(ids: readonly string[]): string {
  return ids.length <= 5 ? ids.join(', ') : `${ids.slice(0, 5).join(', ')} and ${ids.length - 5} more`;
}
