import { gzipSync } from 'node:zlib';
import type { Head } from '../../src/core/http.ts';
import { Refusal } from '../../src/core/refusal.ts';
import type { Classification, DialectId } from '../../src/core/vocabulary.ts';
import type { Call, Dialect, Inspection, Outgoing, Place } from '../../src/dialect/dialect.ts';
import type { Endpoint, Region } from '../../src/region/catalogue.ts';

/** What a test of an inference dialect says of the region decided on; the rest is plain. */
export interface Situation {
  readonly cloudRegion?: string;
  readonly classification?: Classification;
  /** Cloud regions inside P(process); the target's own alone unless told. */
  readonly process?: readonly string[];
  readonly endpoint?: Partial<Endpoint>;
  /** Physical name of a bucket; `BUCKET-CLOUD_REGION` unless told. */
  readonly bucketName?: (bucket: string) => string | null;
}

export function placeOf(dialect: DialectId, situation: Situation = {}): Place {
  const cloudRegion = situation.cloudRegion ?? 'eu-west-1';
  const endpoint: Endpoint = {
    dialect,
    protocol: 'https:',
    host: 'upstream.example',
    origin: 'https://upstream.example',
    basePath: '',
    socketPath: null,
    secure: true,
    tls: true,
    authentication: { kind: 'none' },
    bucket: '{bucket}',
    createBucket: false,
    serverSideEncryption: 'AES256',
    index: '{index}',
    arns: [],
    guardrails: [],
    providers: [],
    storage: false,
    processing: true,
    inferenceGeo: null,
    ...situation.endpoint,
  };
  const region: Region = {
    index: 0,
    id: 'here',
    name: 'Here',
    cloudRegion,
    country: 'IE',
    geography: 'EU',
    dataCenter: 'Dublin',
    availabilityZones: [],
    sovereign: false,
    status: 'active',
    certifications: [],
    networks: [],
    endpoints: { [dialect]: endpoint },
  };
  const process = new Set(situation.process ?? [cloudRegion]);
  return {
    region,
    endpoint,
    tenant: 'acme',
    classification: situation.classification ?? 'identity',
    verb: 'process',
    retentionDays: null,
    mayProcessIn: (name) => process.has(name),
    bucketName: situation.bucketName ?? ((bucket) => `${bucket}-${cloudRegion}`),
  };
}

/** A POST of JSON; `body` is text as it goes over the wire, or a value. */
export interface Request {
  readonly method?: string;
  readonly target: string;
  readonly headers?: readonly string[];
  readonly body?: unknown;
  readonly gzip?: boolean;
}

export function headOf(request: Request): Head {
  const headers = [...(request.headers ?? [])];
  if (request.body !== undefined && !headers.includes('content-type')) headers.push('content-type', 'application/json');
  if (request.gzip) headers.push('content-encoding', 'gzip');
  return { method: request.method ?? (request.body === undefined ? 'GET' : 'POST'), target: request.target, headers };
}

/** Everything that came of a request that was not refused. */
export interface Passed<C> {
  readonly call: C;
  readonly inspection: Inspection | null;
  readonly outgoing: Outgoing;
  /** Text of the body that is sent. */
  readonly text: string;
}

/** The steps of a request in the order of `Dialect`, up to its rewriting. */
export function run<C extends Call>(dialect: Dialect<C>, place: Place, request: Request): Passed<C> | Refusal {
  const head = headOf(request);
  const call = dialect.read(head);
  if (call instanceof Refusal) return call;
  const leak = dialect.guardHead(head, call, place);
  if (leak !== null) return leak;
  let inspection: Inspection | null = null;
  if (call.body === 'inspect') {
    const text = typeof request.body === 'string' ? request.body : JSON.stringify(request.body ?? '');
    const plain = Buffer.from(text);
    const found = dialect.guardBody(head, call, place, request.gzip ? gzipSync(plain) : plain, 1_048_576);
    if (found instanceof Refusal) return found;
    inspection = found;
  }
  const outgoing = dialect.rewrite(head, call, place, inspection);
  return { call, inspection, outgoing, text: inspection === null ? '' : inspection.body.toString('utf8') };
}

/** `reason leak` of a refusal, or `passed`: what a table of a test asserts. */
export function outcome(result: Passed<Call> | Refusal): string {
  return result instanceof Refusal ? `${result.reason} ${result.leak ?? '-'}` : 'passed';
}

export function passed<C>(result: Passed<C> | Refusal): Passed<C> {
  if (result instanceof Refusal) throw new Error(`refused: ${result.reason} ${result.leak} ${result.detail}`);
  return result;
}
