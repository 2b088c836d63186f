import ipaddr from 'ipaddr.js';
import { hint } from '../core/closest.ts';
import type { Problem } from '../core/problem.ts';
import type { DialectId } from '../core/vocabulary.ts';
import { Catalogue, ENDPOINT_KEYS, type Authentication, type Endpoint, type Region } from './catalogue.ts';
import type { Credential, Credentials } from './credential.ts';
import { checkAwsHost, checkTemplate, complaint, parseLocation, type Complaint } from './endpoint.ts';
import type { RegionEntry, RegionsFile } from './schema.ts';

type Entries = RegionEntry['endpoints'];
type EntryKey = keyof Entries;
type AnyEntry = Partial<Record<string, unknown>> & NonNullable<Entries[EntryKey]>;

/** Signing names of the services (AWS "service" in the credential scope). */
const SIGNING_NAME = { storage: 's3', search: 'es', bedrock: 'bedrock' } as const;

export interface ParsedRegions {
  /** Null when two regions share a name. Endpoints with a problem are left out: never put such a catalogue into force. */
  readonly catalogue: Catalogue | null;
  readonly problems: readonly Problem[];
}

/**
 * The catalogue from a conforming file with its defaults filled in. Paths of problems begin with `regions`.
 * @param credentials of domicile.yaml
 */
export function parseRegions(file: RegionsFile, credentials: Credentials): ParsedRegions {
  const problems: Problem[] = [];
  const taken = new Map<string, string>();
  let unique = true;
  const regions = file.regions.map((entry, index): Region => {
    for (const key of ['id', 'cloud_region'] as const) {
      const name = entry[key];
      const holder = taken.get(name);
      if (holder !== undefined && holder !== `regions/${index}`) {
        unique = false;
        problems.push({
          code: 'duplicate_region',
          path: ['regions', index, key],
          message: `${name} already names another region`,
          fix: 'give every region an id and a cloud_region of its own',
        });
      }
      taken.set(name, `regions/${index}`);
    }
    entry.networks.forEach((network, i) => {
      if (!isNetwork(network))
        problems.push({
          code: 'bad_network',
          path: ['regions', index, 'networks', i],
          message: `${network} is not a network`,
          fix: 'write a CIDR such as 10.1.0.0/16 or 2001:db8::/32',
        });
    });
    return {
      index,
      id: entry.id,
      name: entry.name || entry.id,
      cloudRegion: entry.cloud_region,
      country: entry.country,
      geography: entry.geography,
      dataCenter: entry.data_center,
      availabilityZones: entry.availability_zones,
      sovereign: entry.sovereign,
      status: entry.status,
      certifications: entry.certifications,
      networks: entry.networks,
      endpoints: parseEndpoints(entry, ['regions', index, 'endpoints'], credentials, problems),
    };
  });
  return { catalogue: unique ? new Catalogue(regions) : null, problems };
}

function isNetwork(text: string): boolean {
  return /^[0-9A-Fa-f:.]+\/\d{1,3}$/.test(text) && ipaddr.isValidCIDR(text);
}

function parseEndpoints(
  region: RegionEntry,
  path: readonly (string | number)[],
  credentials: Credentials,
  problems: Problem[],
): Readonly<Partial<Record<DialectId, Endpoint>>> {
  const endpoints: Partial<Record<DialectId, Endpoint>> = {};
  for (const key of Object.keys(ENDPOINT_KEYS) as EntryKey[]) {
    const entry = region.endpoints[key];
    if (entry === null) continue;
    const complain = (at: string | readonly string[], found: Complaint) =>
      problems.push({ ...found, path: [...path, key, ...(typeof at === 'string' ? [at] : at)] });

    const location = parseLocation(entry.url);
    const authentication = authenticationOf(key, entry as AnyEntry, credentials, complain);
    if ('bucket' in entry) for (const found of checkTemplate(entry.bucket, 'bucket')) complain('bucket', found);
    if ('index' in entry) for (const found of checkTemplate(entry.index, 'index')) complain('index', found);
    if ('code' in location) {
      complain('url', location);
      continue;
    }
    const elsewhere = checkAwsHost(location.host, region.cloud_region);
    if (elsewhere) complain('url', elsewhere);
    if (authentication.kind !== 'none' && !location.secure)
      complain('url', {
        ...complaint('credential_in_clear', 'a credential would cross the network unencrypted', 'use https'),
        severity: 'warning',
      });
    const dialect = ENDPOINT_KEYS[key] as DialectId;
    endpoints[dialect] = { ...UNUSED, ...settingsOf(region.endpoints, key), ...location, dialect, authentication };
  }
  return endpoints;
}

/** What a dialect does not use. */
const UNUSED = {
  bucket: '',
  createBucket: false,
  serverSideEncryption: 'AES256',
  index: '',
  arns: [],
  guardrails: [],
  providers: [],
  storage: false,
  // Storage and search compute where their data lies; inference endpoints state it (DESIGN 1.9).
  processing: true,
  inferenceGeo: null,
} as const;

/** What each dialect's entry says beside where it is and how to authenticate. */
function settingsOf(entries: Entries, key: EntryKey): Partial<Endpoint> {
  const { storage, search, bedrock, openai, anthropic } = entries;
  if (key === 'storage' && storage)
    return {
      bucket: storage.bucket,
      createBucket: storage.create_bucket,
      serverSideEncryption: storage.server_side_encryption,
    };
  if (key === 'search' && search) return { index: search.index };
  if (key === 'bedrock' && bedrock)
    return { arns: bedrock.arns, guardrails: bedrock.guardrails, providers: bedrock.providers, processing: true };
  if (key === 'openai' && openai) return { storage: openai.storage, processing: openai.processing };
  if (key === 'anthropic' && anthropic)
    // DESIGN 1.9: without inference_geo only an explicit `processing: true` processes here.
    return {
      inferenceGeo: anthropic.inference_geo,
      processing: anthropic.processing ?? anthropic.inference_geo !== null,
    };
  return {};
}

function authenticationOf(
  key: EntryKey,
  entry: AnyEntry,
  credentials: Credentials,
  complain: (at: string | readonly string[], found: Complaint) => void,
): Authentication {
  const none = { kind: 'none' } as const;
  const signing = 'signing' in entry ? (entry.signing as { credentials: string; service?: string } | null) : null;
  const header = 'credential' in entry ? (entry.credential as string | null) : null;
  if (signing !== null && header !== null) {
    complain('credential', complaint('two_credentials', 'stands beside signing', 'keep one of credential and signing'));
    return none;
  }
  if (signing !== null) {
    const found = lookUp(signing.credentials, 'aws', credentials);
    if (found !== null && 'code' in found) complain(['signing', 'credentials'], found);
    if (found === null || 'code' in found || found.kind !== 'aws') return none;
    const service = signing.service ?? SIGNING_NAME[key as keyof typeof SIGNING_NAME];
    const { name, accessKeyId, secretAccessKey, sessionToken } = found;
    return { kind: 'sigv4', name, service, accessKeyId, secretAccessKey, sessionToken };
  }
  if (header === null) return none;
  const found = lookUp(header, 'header', credentials);
  if (found !== null && 'code' in found) complain('credential', found);
  return found === null || 'code' in found || found.kind !== 'header' ? none : found;
}

/** Null stands for a credential whose own problem has been told. */
function lookUp(name: string, kind: Credential['kind'], credentials: Credentials): Credential | Complaint | null {
  const credential = credentials.get(name);
  if (credential === null) return null;
  if (credential === undefined)
    return complaint(
      'unknown_credential',
      `there is no credential ${name}${hint(name, credentials.keys())}`,
      'name one of the credentials in domicile.yaml',
    );
  if (credential.kind === kind) return credential;
  return kind === 'aws'
    ? complaint('wrong_credential', `${name} is no AWS key`, 'name a credential with access_key_id, or use credential:')
    : complaint('wrong_credential', `${name} is an AWS key`, 'name a header or basic credential, or use signing:');
}
