import { createHash } from 'node:crypto';
import { conform } from '../core/conform.ts';
import type { Problem } from '../core/problem.ts';
import { momentOf } from '../core/schema.ts';
import { CLASSIFICATIONS, type Classification } from '../core/vocabulary.ts';
import type { Grant, Override, Policy, TransferEvidence } from './model.ts';
import type { RegimeRecord } from './policy-set.ts';
import {
  POLICY_FILE,
  REGIME_FILE,
  type GrantEntry,
  type OverrideEntry,
  type PolicyEntry,
  type PolicyFile,
  type WrittenPolicyFile,
} from './schema.ts';

type Path = readonly (string | number)[];
type Section = keyof PolicyFile;
const SECTIONS = ['policies', 'grants', 'overrides'] as const;

/** An entry together with its place in its list of the file. */
export interface Placed<T> {
  readonly value: T;
  readonly index: number;
}

export interface ParsedPolicyFile {
  readonly policies: readonly Placed<Policy>[];
  readonly grants: readonly Placed<Grant>[];
  readonly overrides: readonly Placed<Override>[];
  /** Ids of policies that have problems and are therefore not among the above. */
  readonly unreadPolicies: readonly string[];
  readonly problems: readonly Problem[];
}

/**
 * The entries of a policy file. One that has a problem is left out and the rest are read all the same, so that every
 * problem can be told at once: a file with problems is never put into force.
 * @param aliases `classification.aliases`: a policy must name the class itself, and the problem says which
 */
export function parsePolicyFile(value: unknown, aliases: Readonly<Record<string, string>>): ParsedPolicyFile {
  const problems = conform(POLICY_FILE, value).map((problem) => nameAlias(problem, value, aliases));
  const file = POLICY_FILE.withDefaults(
    problems.length === 0 ? (value as WrittenPolicyFile) : withoutBroken(value, problems),
  );
  const unreadPolicies: string[] = [];
  const places = problems.length === 0 ? null : placesOf(value, problems, unreadPolicies);
  const read = <E, T>(
    section: Section,
    entries: readonly E[],
    make: (entry: E, complain: Complain) => T,
  ): Placed<T>[] =>
    entries.map((entry, i) => {
      const index = places === null ? i : (places[section][i] as number);
      const complain: Complain = (key, code, message, fix) =>
        problems.push({ code, path: [section, index, ...key], message, fix });
      return { value: make(entry, complain), index };
    });
  return {
    policies: read('policies', file.policies, policyOf),
    grants: read('grants', file.grants, grantOf),
    overrides: read('overrides', file.overrides, overrideOf),
    unreadPolicies,
    problems,
  };
}

type Complain = (key: Path, code: string, message: string, fix: string) => void;

/**
 * One policy that is kept elsewhere than in a file, read by the same rules. Paths of problems lie within the entry.
 * @param value the entry as a file would have it
 * @param revision of the policy, where a file's has the hash of its content
 */
export function parsePolicyEntry(
  value: unknown,
  revision: number,
): { readonly policy: Policy | null; readonly problems: readonly Problem[] } {
  const file = { policies: [value] };
  const problems = conform(POLICY_FILE, file).map((problem) => ({ ...problem, path: problem.path.slice(2) }));
  if (problems.length > 0) return { policy: null, problems };
  const [entry] = POLICY_FILE.withDefaults(file as WrittenPolicyFile).policies;
  const complain: Complain = (path, code, message, fix) => problems.push({ code, path: [...path], message, fix });
  const policy = { ...writtenOf(entry as PolicyEntry, complain), revision };
  return { policy: problems.length === 0 ? policy : null, problems };
}

/** `policies/3` of a problem's path, when it lies in an entry. */
function entryOf(path: Path): string | null {
  return path.length >= 2 && SECTIONS.includes(path[0] as Section) ? `${path[0]}/${path[1]}` : null;
}

function entriesOf(value: unknown, section: Section): readonly unknown[] {
  const entries = (value as Record<string, unknown> | null)?.[section];
  return Array.isArray(entries) ? entries : [];
}

/** The file with only its good entries. */
function withoutBroken(value: unknown, problems: readonly Problem[]): WrittenPolicyFile {
  const broken = new Set(problems.map((problem) => entryOf(problem.path)));
  const good = (section: Section) => entriesOf(value, section).filter((_, i) => !broken.has(`${section}/${i}`));
  return { policies: good('policies'), grants: good('grants'), overrides: good('overrides') } as WrittenPolicyFile;
}

/** By section, the places in the file of the good entries; ids of broken policies go to `unread`. */
function placesOf(value: unknown, problems: readonly Problem[], unread: string[]): Record<Section, number[]> {
  const broken = new Set(problems.map((problem) => entryOf(problem.path)));
  const places: Record<Section, number[]> = { policies: [], grants: [], overrides: [] };
  for (const section of SECTIONS) {
    entriesOf(value, section).forEach((entry, i) => {
      if (!broken.has(`${section}/${i}`)) places[section].push(i);
      else if (section === 'policies') {
        const id = (entry as { id?: unknown } | null)?.id;
        if (typeof id === 'string') unread.push(id);
      }
    });
  }
  return places;
}

/** Where a class is meant and one of its aliases is written, the fix is the class. */
function nameAlias(problem: Problem, value: unknown, aliases: Readonly<Record<string, string>>): Problem {
  const { code, path } = problem;
  const inList = code === 'not_one_of' && path[2] === 'classifications';
  const asKey = code === 'unknown_key' && path[2] === 'cross_border';
  if (!inList && !asKey) return problem;
  let written: unknown = path.at(-1);
  if (inList) written = path.reduce<unknown>((at, step) => (at as Record<string | number, unknown>)[step], value);
  if (typeof written !== 'string' || !Object.hasOwn(aliases, written)) return problem;
  const meant = aliases[written] as string;
  return {
    code: 'alias_for_class',
    path,
    message: `${written} is an alias of ${meant}; policies name the class itself`,
    fix: `write ${meant}`,
  };
}

function moment(text: string, key: Path, complain: Complain): number {
  const parsed = momentOf(text);
  if (parsed === null) complain(key, 'bad_instant', `${text} is not in the calendar`, 'write a day that there is');
  return parsed ?? 0;
}

function policyOf(entry: PolicyEntry, complain: Complain): Policy {
  const written = writtenOf(entry, complain);
  return { ...written, revision: revisionOf(written) };
}

function writtenOf(entry: PolicyEntry, complain: Complain): Omit<Policy, 'revision'> {
  const crossBorder: Partial<Record<Classification, 'logged' | 'restricted'>> = {};
  for (const classification of CLASSIFICATIONS) {
    const crossing = entry.cross_border[classification];
    if (crossing !== null) crossBorder[classification] = crossing;
  }
  return {
    id: entry.id,
    name: entry.name,
    tenantId: entry.tenant_id,
    subjectId: entry.subject_id,
    mode: entry.mode,
    policyType: entry.policy_type,
    primaryRegion: entry.primary_region,
    allowedRegions: entry.allowed_regions,
    secondaryRegions: entry.secondary_regions,
    prohibitedRegions: entry.prohibited_regions,
    classifications: entry.classifications,
    complianceFrameworks: entry.compliance_frameworks,
    allowCrossRegionFailover: entry.allow_cross_region_failover,
    crossBorder,
    emergencyOverride: entry.emergency_override,
    dataRetentionDays: entry.data_retention_days,
    emergencyContact: entry.emergency_contact,
    enabled: entry.enabled,
    resources: entry.resources,
    transferEvidence: entry.transfer_evidence.map(
      ({ regime, mechanism, reference, valid_until }, i): TransferEvidence => ({
        regime,
        mechanism,
        reference,
        validUntil:
          valid_until === null ? null : moment(valid_until, ['transfer_evidence', i, 'valid_until'], complain),
      }),
    ),
  };
}

/** A positive number that follows from the content alone: an edit changes it, a restart does not. */
function revisionOf(policy: Omit<Policy, 'revision'>): number {
  const digest = createHash('sha256').update(JSON.stringify(policy)).digest('hex');
  return Number.parseInt(digest.slice(0, 6), 16) || 1;
}

/** `*` in a list stands for all of them, which is what the empty list says. */
function unlessAll<T extends string>(list: readonly (T | '*')[]): readonly T[] {
  return list.includes('*') ? [] : (list as readonly T[]);
}

function grantOf(entry: GrantEntry, complain: Complain): Grant {
  return {
    id: entry.id,
    tenantId: entry.tenant_id,
    subjects: unlessAll(entry.subjects),
    userId: entry.user_id,
    classifications: unlessAll<Classification>(entry.classifications),
    verbs: entry.verbs.length === 0 ? ['access'] : entry.verbs,
    resource: entry.resource === '*' ? null : entry.resource,
    fromRegion: entry.from_region,
    toRegion: entry.to_region,
    notBefore: moment(entry.not_before, ['not_before'], complain),
    notAfter: moment(entry.not_after, ['not_after'], complain),
    maxUses: entry.max_uses,
    reason: entry.reason,
    approvedBy: entry.approved_by,
  };
}

function overrideOf(entry: OverrideEntry, complain: Complain): Override {
  return {
    id: entry.id,
    tenantId: entry.tenant_id,
    subjects: unlessAll(entry.subjects),
    sourceRegion: entry.source_region,
    targetRegion: entry.target_region,
    notBefore: moment(entry.not_before, ['not_before'], complain),
    notAfter: moment(entry.not_after, ['not_after'], complain),
    reason: entry.reason,
    approvedBy: entry.approved_by,
  };
}

export interface ParsedRegimeFile {
  /** Null when there are problems. */
  readonly regime: RegimeRecord | null;
  /** The id, where it could be read at all. */
  readonly id: string | null;
  readonly problems: readonly Problem[];
}

/** The regime of a file. */
export function parseRegimeFile(value: unknown): ParsedRegimeFile {
  const problems = conform(REGIME_FILE, value);
  const id = (value as { id?: unknown } | null)?.id;
  const named = typeof id === 'string' ? id : null;
  if (problems.length > 0 || !REGIME_FILE.conforms(value)) return { regime: null, id: named, problems };
  const entry = REGIME_FILE.withDefaults(value);
  const complain: Complain = (path, code, message, fix) => problems.push({ code, path, message, fix });
  const regime: RegimeRecord = {
    id: entry.id,
    name: entry.name || entry.id,
    type: entry.type,
    verbs: entry.verbs,
    territory: entry.territory,
    destinations: entry.destinations,
    mechanisms: entry.mechanisms,
    validFrom: moment(entry.valid_from, ['valid_from'], complain),
    validUntil: entry.valid_until === null ? null : moment(entry.valid_until, ['valid_until'], complain),
    reviewBy: moment(entry.review_by, ['review_by'], complain),
    recipientCondition: entry.recipient_condition,
    sourceUrl: entry.source_url,
  };
  if (regime.validUntil !== null && regime.validUntil <= regime.validFrom)
    complain(['valid_until'], 'empty_window', 'is not after valid_from', 'put it later');
  if (regime.territory.length === 0 && (regime.type === 'H' || regime.type === 'L' || regime.type === 'C'))
    complain(['territory'], 'no_territory', `a regime of type ${regime.type} has a territory`, 'list its countries');
  if (regime.verbs.length === 0 && regime.type !== 'N')
    complain(['verbs'], 'no_verbs', 'speaks of nothing', 'list store, process or access, or use type N');
  return { regime: problems.length === 0 ? regime : null, id: named, problems };
}
