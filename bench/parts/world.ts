import type { Policy, PolicyRegion, RegionTable, World } from '../../src/policy/model.ts';

/** Four regions, all up, and one policy: what the decisions that are measured see. */
const REGIONS: readonly PolicyRegion[] = [
  region(0, 'eu-west', 'eu-west-1', 'IE', 'EU'),
  region(1, 'eu-central', 'eu-central-1', 'DE', 'EU'),
  region(2, 'us-east', 'us-east-1', 'US', 'NA'),
  region(3, 'ca-central', 'ca-central-1', 'CA', 'NA'),
];

function region(index: number, id: string, cloudRegion: string, country: string, geography: string): PolicyRegion {
  return { index, id, cloudRegion, country, geography, sovereign: false, status: 'active' };
}

export const POLICY: Policy = {
  id: 'acme-eu',
  name: null,
  tenantId: 'acme',
  subjectId: null,
  mode: 'client-owned',
  policyType: 'mandatory',
  primaryRegion: 'eu-west',
  allowedRegions: ['eu-central'],
  secondaryRegions: [],
  prohibitedRegions: ['us-east'],
  classifications: [],
  complianceFrameworks: [],
  allowCrossRegionFailover: true,
  crossBorder: {},
  emergencyOverride: 'allowed',
  dataRetentionDays: null,
  emergencyContact: null,
  enabled: true,
  resources: { storage: [], search: [], inference: [] },
  transferEvidence: [],
  revision: 1,
};

export const TABLE: RegionTable = {
  regions: REGIONS,
  find: (name) => REGIONS.find(({ id }) => id === name) ?? null,
};

const everywhere = new Uint8Array(REGIONS.length).fill(1);
export const WORLD: World = { now: 0, selfRegion: 0, available: everywhere, secure: everywhere, uses: () => 0 };
