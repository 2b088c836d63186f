import { hint } from '../core/closest.ts';
import type { Classification } from '../core/vocabulary.ts';
import type { Policy, PolicyRegion, RegionTable } from './model.ts';
import { placementOf } from './placement.ts';
import type { RegimeRecord } from './policy-set.ts';
import type { Report } from './report.ts';

/** What a policy is looked at against. */
export interface PolicyWorld {
  /** Null: the catalogue could not be read. */
  readonly table: RegionTable | null;
  readonly regimes: ReadonlyMap<string, RegimeRecord>;
  readonly unreadRegimes: ReadonlySet<string>;
  readonly now: number;
}

/** By which class restricts by default: a policy may not say less (DESIGN 1.5, step 6). */
const RESTRICTED: ReadonlySet<Classification> = new Set(['identity', 'transactional']);

/** One policy by itself, against the catalogue and the regimes. */
export function validatePolicy(policy: Policy, world: PolicyWorld, report: Report): void {
  if (policy.tenantId === null && policy.subjectId !== null)
    report.error('subject_without_tenant', ['subject_id'], 'has no tenant to belong to', 'add tenant_id');
  if (policy.policyType === 'advisory' && policy.mode === 'fully-sovereign')
    report.error(
      'advisory_sovereign',
      ['policy_type'],
      'a fully-sovereign policy cannot be advisory',
      'make it mandatory, or choose another mode',
    );
  if (policy.mode === 'hybrid' && policy.secondaryRegions.length === 0)
    report.error('hybrid_without_secondary', ['mode'], 'hybrid has no secondary_regions', 'list the read replicas');
  if (policy.mode !== 'hybrid' && policy.secondaryRegions.length > 0)
    report.error(
      'secondary_without_hybrid',
      ['secondary_regions'],
      `are for hybrid, and the mode is ${policy.mode}`,
      'use allowed_regions, or mode: hybrid',
    );
  for (const [classification, crossing] of Object.entries(policy.crossBorder)) {
    if (RESTRICTED.has(classification as Classification) && crossing === 'logged')
      report.error(
        'cross_border_looser',
        ['cross_border', classification],
        `logged is looser than the default for ${classification}, which is restricted`,
        'leave it out; a grant opens a border for a time',
      );
  }
  validateFrameworks(policy, world, report);
  if (world.table !== null) validateRegions(policy, world.table, world, report);
}

function validateFrameworks(policy: Policy, world: PolicyWorld, report: Report): void {
  policy.complianceFrameworks.forEach((framework, i) => {
    const path = ['compliance_frameworks', i];
    const regime = world.regimes.get(framework);
    if (regime === undefined) {
      if (!world.unreadRegimes.has(framework))
        report.error(
          'unknown_framework',
          path,
          `there is no regime ${framework}${hint(framework, world.regimes.keys())}`,
          'name a regime that has a file, or write one',
        );
    } else if (!inForce(regime, world.now))
      report.warning('framework_not_in_force', path, `${framework} is not in force today`, 'check its dates');
  });
  policy.transferEvidence.forEach((evidence, i) => {
    const path = ['transfer_evidence', i];
    const regime = world.regimes.get(evidence.regime);
    if (!policy.complianceFrameworks.includes(evidence.regime))
      report.warning(
        'evidence_unused',
        [...path, 'regime'],
        `${evidence.regime} is not among the policy's compliance_frameworks`,
        'list the framework, or remove the evidence',
      );
    if (regime && regime.mechanisms.length > 0 && !regime.mechanisms.includes(evidence.mechanism))
      report.warning(
        'evidence_mechanism',
        [...path, 'mechanism'],
        `${regime.id} does not know ${evidence.mechanism}${hint(evidence.mechanism, regime.mechanisms)}`,
        `use one of ${regime.mechanisms.join(', ')}; other evidence counts for nothing`,
      );
    if (evidence.validUntil !== null && evidence.validUntil <= world.now)
      report.warning('evidence_past', [...path, 'valid_until'], 'is past: the evidence counts for nothing', 'renew it');
  });
}

function inForce(regime: RegimeRecord, now: number): boolean {
  return regime.validFrom <= now && (regime.validUntil === null || now < regime.validUntil);
}

type ListKey = 'allowed_regions' | 'secondary_regions' | 'prohibited_regions';

function validateRegions(policy: Policy, table: RegionTable, world: PolicyWorld, report: Report): void {
  const primary = findRegion(policy.primaryRegion, ['primary_region'], table, report);
  const allowed = findRegions(policy.allowedRegions, 'allowed_regions', table, report);
  const secondary = findRegions(policy.secondaryRegions, 'secondary_regions', table, report);
  const prohibited = findRegions(policy.prohibitedRegions, 'prohibited_regions', table, report);

  prohibited.forEach((region, i) => {
    if (region === null) return;
    const role =
      region === primary
        ? 'primary'
        : allowed.includes(region)
          ? 'allowed'
          : secondary.includes(region)
            ? 'secondary'
            : '';
    if (role !== '')
      report.error(
        'prohibits_itself',
        ['prohibited_regions', i],
        `${region.id} is the policy's own ${role} region`,
        `remove it from prohibited_regions, or from the ${role} ones`,
      );
  });
  secondary.forEach((region, i) => {
    if (region === null) return;
    if (allowed.includes(region))
      report.error(
        'allowed_and_secondary',
        ['secondary_regions', i],
        `${region.id} is among allowed_regions too`,
        'keep it in one of the two: secondary serves reads, allowed serves failover',
      );
    if (region === primary)
      report.warning('secondary_is_primary', ['secondary_regions', i], 'is the primary', 'list other regions only');
  });
  if (primary === null) return;
  validateMode(policy, primary, allowed, table, report);
  const named = [...allowed, ...secondary, ...prohibited];
  if (!named.includes(null)) validatePlacement(policy, primary, prohibited as PolicyRegion[], table, world, report);
}

function validateMode(
  policy: Policy,
  primary: PolicyRegion,
  allowed: readonly (PolicyRegion | null)[],
  table: RegionTable,
  report: Report,
): void {
  const border =
    policy.mode === 'regional'
      ? 'geography'
      : policy.mode === 'single-country' || policy.mode === 'fully-sovereign'
        ? 'country'
        : null;
  allowed.forEach((region, i) => {
    if (region === null || border === null || region[border] === primary[border]) return;
    report.error(
      'outside_mode',
      ['allowed_regions', i],
      `${region.id} is in ${region[border]}, and a ${policy.mode} policy stays in ${border} ${primary[border]}`,
      'remove it, or choose another mode',
    );
  });
  if (policy.mode !== 'fully-sovereign') return;
  if (!table.regions.some((region) => region.sovereign && region.country === primary.country))
    report.error(
      'no_sovereign_region',
      ['primary_region'],
      `no region in ${primary.country} is sovereign`,
      'mark one sovereign: true in the catalogue if it is, or choose another mode',
    );
  else if (!primary.sovereign)
    report.error(
      'primary_not_sovereign',
      ['primary_region'],
      `${primary.id} is not sovereign`,
      'choose a sovereign primary, mark it sovereign: true if it is, or choose another mode',
    );
  allowed.forEach((region, i) => {
    if (region !== null && region.country === primary.country && !region.sovereign)
      report.warning(
        'allowed_not_sovereign',
        ['allowed_regions', i],
        `${region.id} is not sovereign and will never be used`,
        'remove it, or mark it sovereign: true if it is',
      );
  });
}

/** Mode table minus prohibitions minus what the regimes in force exclude; statuses left aside. */
function validatePlacement(
  policy: Policy,
  primary: PolicyRegion,
  prohibited: readonly PolicyRegion[],
  table: RegionTable,
  world: PolicyWorld,
  report: Report,
): void {
  const placement = placementOf(policy, table);
  const regimes = policy.complianceFrameworks
    .map((id) => world.regimes.get(id))
    .filter((regime) => regime !== undefined && inForce(regime, world.now)) as RegimeRecord[];
  const emptied: string[] = [];
  const displaced: string[] = [];
  const reasons = new Set<string>();
  for (const verb of ['store', 'process', 'access'] as const) {
    const inMode = table.regions.filter((region) => placement[verb][region.index]);
    // Without a region in the mode's own table, the mode has been named as the problem.
    if (inMode.length === 0) continue;
    const open = inMode.filter((region) => !prohibited.includes(region));
    const left = open.filter((region) => !regimes.some((regime) => excludes(regime, region, verb)));
    if (left.length > 0 && (left.includes(primary) || !open.includes(primary))) continue;
    (left.length === 0 ? emptied : displaced).push(verb);
    if (open.length < inMode.length) reasons.add('prohibited_regions');
    for (const regime of regimes)
      if (open.some((region) => excludes(regime, region, verb))) reasons.add(`regime ${regime.id}`);
  }
  const because = `because of ${[...reasons].join(' and ')}`;
  if (emptied.length > 0)
    report.error(
      'empty_placement',
      ['primary_region'],
      `no region is left to ${emptied.join(', ')} the data in, ${because}`,
      'choose a primary region, mode or frameworks that leave one',
    );
  if (displaced.length > 0)
    report.warning(
      'primary_excluded',
      ['primary_region'],
      `the primary region ${primary.id} may not ${displaced.join(', ')} the data, ${because}`,
      'choose a primary region that the frameworks permit',
    );
}

/** Types H and L shut out everything outside the territory, L for storing only; D shuts out its destinations. */
function excludes(regime: RegimeRecord, region: PolicyRegion, verb: 'store' | 'process' | 'access'): boolean {
  if (!regime.verbs.includes(verb)) return false;
  switch (regime.type) {
    case 'H':
      return !regime.territory.includes(region.country);
    case 'L':
      return verb === 'store' && !regime.territory.includes(region.country);
    case 'D':
      return regime.destinations.includes(region.country);
    default:
      return false;
  }
}

function findRegions(
  names: readonly string[],
  key: ListKey,
  table: RegionTable,
  report: Report,
): readonly (PolicyRegion | null)[] {
  const found: (PolicyRegion | null)[] = [];
  names.forEach((name, i) => {
    const region = findRegion(name, [key, i], table, report);
    const first = region === null ? -1 : found.indexOf(region);
    if (region !== null && first >= 0) {
      const other = names[first] as string;
      report.error(
        'region_twice',
        [key, i],
        other === name ? `${name} is listed twice` : `${name} and ${other} are the same region`,
        'keep one of the two',
      );
    }
    found.push(region);
  });
  return found;
}

/** The region that a file names, by id or cloud region name; what is unknown is reported. */
export function findRegion(
  name: string,
  path: readonly (string | number)[],
  table: RegionTable,
  report: Report,
): PolicyRegion | null {
  const region = table.find(name);
  if (region === null) {
    const names = table.regions.flatMap(({ id, cloudRegion }) => [id, cloudRegion]);
    report.error(
      'unknown_region',
      path,
      `there is no region ${name}${hint(name, names)}`,
      `use one of ${table.regions.map(({ id }) => id).join(', ')}`,
    );
  }
  return region;
}
