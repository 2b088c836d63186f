import type { Reason } from '../../src/core/reasons.ts';
import { startInferenceStandIn, type InferenceStandIn } from '../../src/standin/inference.ts';
import { startOpenSearchStandIn, type OpenSearchStandIn } from '../../src/standin/opensearch.ts';
import { startS3StandIn, type S3StandIn } from '../../src/standin/s3.ts';
import { startRig, type Rig, type Written } from '../rig/domicile.ts';
import { ACCESS_KEY, ENV, regionAt, SETTINGS_CREDENTIALS } from '../rig/regions.ts';

/** One region's backends. */
export interface Backends {
  readonly storage: S3StandIn;
  readonly search: OpenSearchStandIn;
  readonly inference: InferenceStandIn;
}

/** A Domicile with two whole regions behind it. */
export interface World {
  readonly rig: Rig;
  /** Where Domicile, its callers and `acme`'s data are. */
  readonly home: Backends;
  readonly homeId: string;
  /** Where `globex`'s data is. */
  readonly abroad: Backends;
  readonly abroadId: string;
  stop(): Promise<void>;
}

/** Bytes that an inspected body may have here. */
export const INSPECTED = 64 * 1024;

/** Headers of a request about `acme`'s identity data. */
export const FACTS = { 'x-tenant-id': 'acme', 'x-data-classification': 'identity' };
/** Headers of a request that is pinned abroad and may not come back. */
export const RESTRICTED_FACTS = { 'x-tenant-id': 'globex', 'x-data-classification': 'identity' };
/** The same of a class that may cross the border. */
export const FOREIGN_FACTS = { 'x-tenant-id': 'globex', 'x-data-classification': 'content' };

/** Facts for which nothing is sent anywhere, and what is said of them. */
export interface RefusedFacts {
  readonly title: string;
  readonly facts: Readonly<Record<string, string>>;
  readonly reason: Reason;
  readonly status: 400 | 403 | 503;
}

/** @param abroadId a region that serves, but not this tenant */
export function refusedFacts(abroadId: string): readonly RefusedFacts[] {
  return [
    {
      title: 'a region outside the policy',
      facts: { ...FACTS, 'x-requested-region': abroadId },
      reason: 'region_not_allowed',
      status: 403,
    },
    {
      title: 'a tenant without a policy',
      facts: { 'x-tenant-id': 'initech', 'x-data-classification': 'identity' },
      reason: 'no_policy',
      status: 403,
    },
    { title: 'no tenant', facts: { 'x-data-classification': 'identity' }, reason: 'tenant_missing', status: 400 },
    { title: 'no class', facts: { 'x-tenant-id': 'acme' }, reason: 'classification_missing', status: 400 },
    {
      title: 'a class that is none',
      facts: { 'x-tenant-id': 'acme', 'x-data-classification': 'secret' },
      reason: 'classification_invalid',
      status: 400,
    },
    {
      title: 'a region that is none',
      facts: { ...FACTS, 'x-requested-region': 'mars-north' },
      reason: 'region_unknown',
      status: 400,
    },
    {
      title: 'a tenant whose region cannot serve and who wants no failover',
      facts: { 'x-tenant-id': 'stranded', 'x-data-classification': 'identity' },
      reason: 'no_compliant_region',
      status: 503,
    },
  ];
}

const POLICY = { mode: 'client-owned', policy_type: 'mandatory' };

export interface WorldOptions {
  /** Default: `eu-west`, and then `us-east` is abroad; or the other way round. */
  readonly home?: 'eu-west' | 'us-east';
  /** Merged into the endpoints of both regions. */
  readonly endpoints?: Readonly<Record<string, Written>>;
  /** What Anthropic says of where it was; see the stand-in. */
  readonly inferenceGeo?: string | null;
}

/** `eu-central` is in the catalogue, without any endpoint. */
export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const homeId = options.home ?? 'eu-west';
  const abroadId = homeId === 'eu-west' ? 'us-east' : 'eu-west';
  const [home, abroad] = await Promise.all([startBackends(homeId, options), startBackends(abroadId, options)]);
  const rig = await startRig({
    regions: [regionOf(homeId, home, options), regionOf(abroadId, abroad, options), regionAt('eu-central', {})],
    policies: [
      { ...POLICY, id: 'acme-home', tenant_id: 'acme', primary_region: homeId },
      { ...POLICY, id: 'globex-abroad', tenant_id: 'globex', primary_region: abroadId },
      // Its region has no endpoint, and what it allows at home is for failover, which it does not.
      {
        ...POLICY,
        id: 'stranded-nowhere',
        tenant_id: 'stranded',
        primary_region: 'eu-central',
        allowed_regions: [homeId],
      },
    ],
    settings: {
      self: { region: homeId },
      credentials: SETTINGS_CREDENTIALS,
      identity: { sources: ['headers', 'path'] },
      limits: { inspect_body_bytes: INSPECTED },
    },
    env: ENV,
  });
  const stop = async () => {
    await rig.stop();
    await Promise.all([home, abroad].flatMap((region) => backendsOf(region).map((backend) => backend.close())));
  };
  return { rig, home, homeId, abroad, abroadId, stop };
}

/** Requests and bytes that a region has received so far, counted at its sockets. */
export function received(region: Backends): { requests: number; bytes: number } {
  const sum = { requests: 0, bytes: 0 };
  for (const backend of backendsOf(region)) {
    sum.requests += backend.requests;
    sum.bytes += backend.bytes;
  }
  return sum;
}

function backendsOf({ storage, search, inference }: Backends) {
  return [storage, search, inference];
}

async function startBackends(region: string, { inferenceGeo }: WorldOptions): Promise<Backends> {
  const signatory = { cloudRegion: `${region}-1`, ...ACCESS_KEY };
  const [storage, search, inference] = await Promise.all([
    startS3StandIn({ region, ...signatory }),
    startOpenSearchStandIn({ cluster: region }),
    startInferenceStandIn({
      signatory,
      openaiKey: ENV.OPENAI_KEY,
      anthropicKey: ENV.ANTHROPIC_KEY,
      ...(inferenceGeo !== undefined && { inferenceGeo }),
    }),
  ]);
  return { storage, search, inference };
}

function regionOf(id: string, { storage, search, inference }: Backends, { endpoints = {} }: WorldOptions): Written {
  const region = regionAt(id, { storage: storage.url, search: search.url, inference: inference.url });
  const merged = region['endpoints'] as Record<string, Written>;
  for (const [name, more] of Object.entries(endpoints)) merged[name] = { ...merged[name], ...more };
  return region;
}
