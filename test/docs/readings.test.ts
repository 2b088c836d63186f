import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadConfiguration } from '../../src/app/config/load.ts';
import { formatProblem, hasErrors } from '../../src/app/config/problem.ts';
import { Explainer, type WrittenFacts } from '../../src/app/explain.ts';
import { writtenIdentity } from '../../src/app/identity.ts';
import { tenantSource } from '../../src/app/tenants.ts';

/** The last section of docs/decision.md, claim by claim. */
const folder = mkdtempSync(join(tmpdir(), 'domicile-readings-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const FACTS: readonly (readonly [string, string, string, string])[] = [
  ['eu-west', 'eu-west-1', 'IE', 'EU'],
  ['eu-central', 'eu-central-1', 'DE', 'EU'],
  ['us-east', 'us-east-1', 'US', 'NA'],
  ['us-drain', 'us-west-2', 'US', 'NA'],
  ['apac', 'ap-south-1', 'IN', 'APAC'],
];
const regions = FACTS.map(([id, cloud, country, geography]) => ({
  id,
  name: id,
  cloud_region: cloud,
  country,
  geography,
  status: id === 'us-drain' ? 'draining' : 'active',
  endpoints: {
    storage: { url: `https://s3.${cloud}.amazonaws.com` },
    // No search in the United States: there a request for it counts as to an unhealthy region.
    ...(country === 'US' ? {} : { search: { url: `https://search.${id}.example` } }),
  },
}));

const window = { not_before: '2027-01-01', not_after: '2027-02-01', reason: 'test', approved_by: ['dpo'] };
const policy = (tenant: string, more: object = {}) => ({
  id: tenant,
  tenant_id: tenant,
  mode: 'client-owned',
  primary_region: 'eu-west',
  ...more,
});
const grant = (tenant: string, to: string, more: object = {}) => ({
  id: `${tenant}-${to}`,
  tenant_id: tenant,
  user_id: 'u',
  verbs: ['access', 'store'],
  from_region: 'eu-west',
  to_region: to,
  ...window,
  ...more,
});
const override = (tenant: string, to: string) => ({
  id: `${tenant}-o-${to}`,
  tenant_id: tenant,
  source_region: 'eu-west',
  target_region: to,
  ...window,
});

mkdirSync(join(folder, 'regimes'));
const write = (name: string, value: unknown) => writeFileSync(join(folder, name), JSON.stringify(value));
write('domicile.yaml', {
  self: { region: 'eu-west' },
  policies: ['policies.yaml'],
  regimes: 'regimes',
  default_policy: 'fallback',
});
write('regions.yaml', { regions });
const regime = (id: string, type: string) => ({
  id,
  name: id,
  type,
  verbs: ['store', 'process', 'access'],
  territory: ['IE'],
  valid_from: '2020-01-01',
  review_by: '2030-01-01',
  source_url: 'https://example.org',
});
write('regimes/hard.yaml', regime('hard', 'H'));
write('regimes/local.yaml', regime('local', 'L'));
write('policies.yaml', {
  policies: [
    { id: 'fallback', mode: 'client-owned', primary_region: 'eu-west' },
    policy('asleep', { enabled: false }),
    policy('widened', {
      prohibited_regions: ['apac'],
      allow_cross_region_failover: true,
      allowed_regions: ['eu-central'],
    }),
    policy('local', { allowed_regions: ['eu-central'], compliance_frameworks: ['local'] }),
    policy('hard', { allowed_regions: ['eu-central'], compliance_frameworks: ['hard'] }),
    policy('listed', { resources: { search: ['acme-*', 'shop-2*'] } }),
    policy('advised', { mode: 'regional' }),
    {
      ...policy('advised', { policy_type: 'advisory', prohibited_regions: ['eu-central'] }),
      id: 'advice',
      subject_id: 's',
    },
  ],
  grants: [
    grant('widened', 'us-east'),
    grant('widened', 'us-drain'),
    grant('widened', 'apac'),
    grant('widened', 'eu-central', { id: 'elsewhere' }),
    grant('hard', 'eu-central'),
  ],
  overrides: [override('widened', 'us-east'), override('widened', 'apac')],
});

const { settings, catalogue, policySet, problems } = loadConfiguration(join(folder, 'domicile.yaml'), {});
if (settings === null || catalogue === null || policySet === null || hasErrors(problems))
  throw new Error(problems.map(formatProblem).join('\n'));
const explainer = new Explainer({
  catalogue,
  regimes: policySet.regimes,
  tenants: tenantSource(policySet),
  rules: writtenIdentity(settings, catalogue),
  now: () => Date.parse('2027-01-05'),
});

/** `effect reason -> region` of a read of identity data, unless told otherwise. */
function decided(facts: WrittenFacts): string {
  const {
    effect,
    reason,
    target_region: region,
  } = explainer.explain({
    classification: 'identity',
    verb: 'access',
    service: 'storage',
    resource: 'b/k',
    ...facts,
  });
  return `${effect} ${reason}${region === null ? '' : ` -> ${region}`}`;
}

describe('tenants without a policy in force', () => {
  it('have the default policy when they are not known, and none when theirs are all disabled', () => {
    expect(decided({ tenant: 'stranger' })).toBe('allow in_residency -> eu-west');
    expect(decided({ tenant: 'asleep' })).toBe('deny no_policy');
  });
});

describe('regimes', () => {
  it('local first closes a foreign region to stores and not to reads; hard location closes both', () => {
    expect(decided({ tenant: 'local', verb: 'store', region: 'eu-central' })).toBe('deny region_not_allowed');
    expect(decided({ tenant: 'local', verb: 'access', region: 'eu-central' })).toBe('allow in_residency -> eu-central');
    expect(decided({ tenant: 'hard', verb: 'access', region: 'eu-central' })).toBe('deny region_not_allowed');
  });

  it('a grant opens what a hard one excludes', () => {
    expect(decided({ tenant: 'hard', verb: 'access', region: 'eu-central', user: 'u' })).toBe(
      'allow grant -> eu-central',
    );
  });
});

describe('widening', () => {
  const widened = { tenant: 'widened', user: 'u' };

  it('needs an active target, and at the border an active caller', () => {
    expect(decided({ ...widened, region: 'us-east' })).toBe('allow grant -> us-east');
    expect(decided({ ...widened, region: 'us-drain' })).toBe('deny region_not_allowed');
    expect(decided({ ...widened, caller_region: 'us-east' })).toBe('allow grant -> eu-west');
    expect(decided({ ...widened, caller_region: 'us-drain' })).toBe('deny cross_border_restricted');
  });

  it('by a named grant is by that one only: no other, and no override', () => {
    expect(decided({ tenant: 'widened', region: 'us-east' })).toBe('allow emergency_override -> us-east');
    expect(decided({ ...widened, region: 'us-east', grant: 'elsewhere' })).toBe('deny grant_invalid');
    expect(decided({ ...widened, region: 'us-east', grant: 'widened-us-east' })).toBe('allow grant -> us-east');
  });

  it('of a prohibited region is never by a grant, and by an override even if a grant is named', () => {
    expect(decided({ ...widened, region: 'apac' })).toBe('allow emergency_override -> apac');
    expect(decided({ ...widened, region: 'apac', grant: 'widened-apac' })).toBe('allow emergency_override -> apac');
    expect(decided({ ...widened, region: 'apac', at: '2027-03-01', grant: 'widened-apac' })).toBe(
      'deny region_prohibited',
    );
  });

  it('is followed by a failover under the name of the grant', () => {
    expect(decided({ ...widened, service: 'search', resource: 'i', region: 'us-east' })).toBe(
      'allow grant -> eu-central',
    );
  });

  it('of two refusals names the target when neither is opened', () => {
    const late = { tenant: 'widened', at: '2027-03-01' };
    expect(decided({ ...late, region: 'us-east', caller_region: 'us-east' })).toBe('deny region_not_allowed');
  });
});

describe('what only an advisory policy prohibits', () => {
  const advised = { tenant: 'advised', subject: 's' };

  it('is looked at for the target, and for the caller where data goes to it', () => {
    expect(decided(advised)).toBe('allow in_residency -> eu-west');
    expect(decided({ ...advised, region: 'eu-central' })).toBe('audit advisory -> eu-central');
    expect(decided({ ...advised, caller_region: 'eu-central' })).toBe('audit advisory -> eu-west');
    expect(decided({ ...advised, verb: 'store', caller_region: 'eu-central' })).toBe('allow in_residency -> eu-west');
  });
});

describe('names on a list', () => {
  const search = { tenant: 'listed', service: 'search' };

  it('`_all`, no name and a wider wildcard are not on it', () => {
    expect(decided({ ...search, resource: 'acme-2*' })).toBe('allow in_residency -> eu-west');
    expect(decided({ ...search, resource: 'shop-*' })).toBe('deny resource_not_permitted');
    expect(decided({ ...search, resource: '_all' })).toBe('deny resource_not_permitted');
    expect(decided({ ...search, resource: null })).toBe('deny resource_not_permitted');
    expect(decided({ ...search, resource: 'acme-1,other' })).toBe('deny resource_not_permitted');
  });
});

it('the revision of a file policy is made from its content', () => {
  const again = loadConfiguration(join(folder, 'domicile.yaml'), {}).policySet!;
  const of = (set: typeof again, id: string) => set.policies.find((known) => known.id === id)!.revision;
  expect(of(again, 'hard')).toBe(of(policySet, 'hard'));
  expect(of(again, 'hard')).not.toBe(of(again, 'local'));
});
