import { header, type Head } from '../../../src/core/http.ts';
import { Refusal } from '../../../src/core/refusal.ts';
import type { Place } from '../../../src/dialect/dialect.ts';
import type { S3Call } from '../../../src/dialect/s3/call.ts';
import { s3 } from '../../../src/dialect/s3/s3.ts';
import { expandTemplate, type Endpoint, type Region } from '../../../src/region/catalogue.ts';

export const dialect = s3({ virtualHostSuffix: 's3.local' });
export const EMPTY_HASH = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

export function head(method: string, target: string, headers: Record<string, string> = {}): Head {
  return { method, target, headers: ['host', '127.0.0.1:9100', ...Object.entries(headers).flat()] };
}

/** The call that a head reads as; a refusal is a failure of the test. */
export function call(of: Head): S3Call {
  const read = dialect.read(of);
  if (read instanceof Refusal) throw new Error(`refused: ${read.reason} ${read.message} ${read.detail}`);
  return read;
}

/** Why a head is refused, by `read` or by `guardHead`: reason and leak, or null when it is not. */
export function refusal(of: Head, at: Place = place()): Refusal | null {
  const read = dialect.read(of);
  return read instanceof Refusal ? read : dialect.guardHead(of, read, at);
}

/** `reason` or `reason:leak`, for tables; `allowed` when nothing is wrong. */
export function verdict(of: Head, at: Place = place()): string {
  const refused = refusal(of, at);
  if (refused === null) return 'allowed';
  return refused.leak === null ? refused.reason : `${refused.reason}:${refused.leak}`;
}

interface PlaceOptions extends Partial<Omit<Place, 'region' | 'endpoint'>> {
  readonly cloudRegion?: string;
  readonly endpoint?: Partial<Endpoint>;
}

export function place(options: PlaceOptions = {}): Place {
  const endpoint: Endpoint = {
    dialect: 's3',
    protocol: 'http:',
    host: '127.0.0.1:9000',
    origin: 'http://127.0.0.1:9000',
    basePath: '',
    socketPath: null,
    secure: true,
    tls: false,
    authentication: { kind: 'none' },
    bucket: '{bucket}-{cloud_region}',
    createBucket: false,
    serverSideEncryption: 'AES256',
    index: '',
    arns: [],
    guardrails: [],
    providers: [],
    storage: false,
    processing: false,
    inferenceGeo: null,
    ...options.endpoint,
  };
  const region: Region = {
    index: 0,
    id: 'eu-west',
    name: 'EU West',
    cloudRegion: options.cloudRegion ?? 'eu-west-1',
    country: 'IE',
    geography: 'EU',
    dataCenter: 'Dublin',
    availabilityZones: [],
    sovereign: false,
    status: 'active',
    certifications: [],
    networks: [],
    endpoints: { s3: endpoint },
  };
  const tenant = options.tenant ?? 'acme';
  const classification = options.classification ?? 'content';
  return {
    region,
    endpoint,
    tenant,
    classification,
    verb: options.verb ?? 'access',
    retentionDays: options.retentionDays ?? null,
    mayProcessIn: () => false,
    bucketName: (name) =>
      expandTemplate(endpoint.bucket, {
        name,
        tenant,
        classification,
        region: region.id,
        cloudRegion: region.cloudRegion,
      }),
  };
}

/** The headers of the request that goes upstream, as a map. */
export function upstream(of: Head, at: Place = place()): Record<string, string | null> {
  const { headers } = dialect.rewrite(forwarded(of), call(of), at, null);
  return Object.fromEntries(headers.flatMap((name, i) => (i % 2 === 0 ? [[name, header(headers, name)]] : [])));
}

/** A head as `rewrite` gets it: without host and hop-by-hop headers. */
export function forwarded(of: Head): Head {
  const kept: string[] = [];
  for (let i = 0; i < of.headers.length; i += 2) {
    if (!['host', 'transfer-encoding', 'expect'].includes(of.headers[i]!))
      kept.push(of.headers[i]!, of.headers[i + 1]!);
  }
  return { ...of, headers: kept };
}
