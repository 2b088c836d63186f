/**
 * Where a geography prefix of a Bedrock model id may take a request: the whole destination set, per source region.
 *
 * Pinned data, to be made anew from `ListInferenceProfiles` (`models[].modelArn`) asked in every source region; the
 * service has no way to tell a caller beforehand, and sets grow.
 *   taken:  2026-11-21
 *   from:   docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html and
 *           …/geographic-cross-region-inference.html; aws-cdk, aws-bedrock-alpha, cross-region-inference-profile.ts
 * Where the set of a source region is not known, the union over the geography stands for it, so that it can only refuse
 * too much. The CDK warns that `eu.` may reach Zurich and London for some models; the sources listed below count without
 * them, as the profile pages do. `global.` has no set that could be inside anything, and those of `in.` and `ca.` are not known: none of the
 * three is here.
 */
export interface Profile {
  /** Destinations from a source region that `from` does not list. */
  readonly anywhere: readonly string[];
  readonly from: Readonly<Record<string, readonly string[]>>;
}

const US = ['us-east-1', 'us-east-2', 'us-west-2'];
/** The geography is the United States and Canada. */
const US_AND_CANADA = [...US, 'us-west-1', 'ca-central-1', 'ca-west-1'];

const EU = ['eu-central-1', 'eu-north-1', 'eu-south-1', 'eu-south-2', 'eu-west-1', 'eu-west-3'];
const EU_AND_ZURICH = [...EU, 'eu-central-2'];
const EU_ZURICH_AND_LONDON = [...EU_AND_ZURICH, 'eu-west-2'];

/** Reaches the United Arab Emirates. */
const APAC = [
  'ap-east-2',
  'ap-northeast-1',
  'ap-northeast-2',
  'ap-northeast-3',
  'ap-south-1',
  'ap-south-2',
  'ap-southeast-1',
  'ap-southeast-2',
  'ap-southeast-3',
  'ap-southeast-4',
  'ap-southeast-5',
  'ap-southeast-7',
  'me-central-1',
];

const PROFILES: ReadonlyMap<string, Profile> = new Map([
  ['us', { anywhere: US_AND_CANADA, from: { 'us-east-1': US } }],
  [
    'eu',
    {
      anywhere: EU_ZURICH_AND_LONDON,
      from: {
        'eu-central-1': EU,
        'eu-central-2': EU_AND_ZURICH,
        'eu-north-1': EU,
        'eu-south-1': EU,
        'eu-south-2': EU,
        'eu-west-1': EU,
        'eu-west-3': EU,
      },
    },
  ],
  ['apac', { anywhere: APAC, from: {} }],
  ['jp', { anywhere: ['ap-northeast-1', 'ap-northeast-3'], from: {} }],
  ['au', { anywhere: ['ap-southeast-2', 'ap-southeast-4'], from: {} }],
  ['us-gov', { anywhere: ['us-gov-east-1', 'us-gov-west-1'], from: {} }],
]);

/** Every region that a prefix may reach from a source region; null for a prefix that is not in the table. */
export function destinationsOf(prefix: string, source: string): readonly string[] | null {
  const profile = PROFILES.get(prefix);
  if (profile === undefined) return null;
  return Object.hasOwn(profile.from, source) ? (profile.from[source] as readonly string[]) : profile.anywhere;
}
