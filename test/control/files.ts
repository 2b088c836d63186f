import type { FilesInForce } from '../../src/control/files.ts';
import { parsePolicyFile, parseRegimeFile } from '../../src/policy/parse.ts';
import { parseCredentials } from '../../src/region/credential.ts';
import { parseRegions } from '../../src/region/parse.ts';
import { REGIONS_FILE } from '../../src/region/schema.ts';

type Written = Readonly<Record<string, unknown>>;

export interface WrittenFiles {
  readonly regions?: readonly Written[];
  readonly policies?: readonly Written[];
  readonly grants?: readonly Written[];
  readonly overrides?: readonly Written[];
  readonly regimes?: readonly Written[];
  readonly credentials?: Readonly<Record<string, Written>>;
  readonly defaultPolicy?: string | null;
}

/** A region of a file, with a storage endpoint. */
export function region(id: string, more: Written = {}): Written {
  return {
    id,
    cloud_region: `${id}-1`,
    country: id.startsWith('eu') ? 'IE' : 'US',
    geography: id.startsWith('eu') ? 'EU' : 'NA',
    endpoints: { storage: { url: `https://s3.${id}.example` } },
    ...more,
  };
}

export const REGIONS = [region('eu-west'), region('eu-central', { country: 'DE' }), region('us-east')];

/** Files as they are loaded, valid or the test is wrong. */
export function files(written: WrittenFiles = {}): FilesInForce {
  const { credentials } = parseCredentials((written.credentials ?? {}) as never);
  const regions = REGIONS_FILE.withDefaults({ regions: written.regions ?? REGIONS } as never);
  const { catalogue, problems } = parseRegions(regions, credentials);
  const { policies = [], grants = [], overrides = [] } = written;
  const parsed = parsePolicyFile({ policies, grants, overrides }, {});
  const regimes = (written.regimes ?? []).map((regime) => parseRegimeFile(regime));
  const wrong = [...problems, ...parsed.problems, ...regimes.flatMap((regime) => regime.problems)];
  if (catalogue === null || wrong.length > 0) throw new Error(JSON.stringify(wrong));
  const read = parsed.policies.map(({ value }) => value);
  const defaultPolicy = written.defaultPolicy ?? null;
  return {
    catalogue,
    policySet: {
      policies: read,
      grants: parsed.grants.map(({ value }) => value),
      overrides: parsed.overrides.map(({ value }) => value),
      regimes: regimes.map(({ regime }) => regime as NonNullable<typeof regime>),
      defaultPolicy: read.find(({ id }) => id === defaultPolicy) ?? null,
    },
    aliases: new Map([['educational', 'operational']]),
    credentials,
    selfRegion: 'eu-west',
    defaultPolicy,
  };
}
