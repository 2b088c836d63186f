import { gzipSync } from 'node:zlib';
import type { Head } from '../../../src/core/http.ts';
import { Refusal } from '../../../src/core/refusal.ts';
import type { Inspection, Outgoing, Place } from '../../../src/dialect/dialect.ts';
import { opensearch, type SearchCall } from '../../../src/dialect/opensearch/opensearch.ts';
import type { Endpoint, Region } from '../../../src/region/catalogue.ts';

const LIMIT = 1 << 20;
export const dialect = opensearch();

/** A place in eu-west whose search endpoint has the given index template. */
function placeAt(template = '{index}', tenant = 'acme'): Place {
  const endpoint: Endpoint = {
    dialect: 'opensearch',
    protocol: 'https:',
    host: 'search.test',
    origin: 'https://search.test:443',
    basePath: '',
    socketPath: null,
    secure: true,
    tls: true,
    authentication: { kind: 'none' },
    bucket: '',
    createBucket: false,
    serverSideEncryption: 'provider',
    index: template,
    arns: [],
    guardrails: [],
    providers: [],
    storage: false,
    processing: true,
    inferenceGeo: null,
  };
  const region: Region = {
    index: 0,
    id: 'eu-west',
    name: 'EU West',
    cloudRegion: 'eu-west-1',
    country: 'IE',
    geography: 'EU',
    dataCenter: '',
    availabilityZones: [],
    sovereign: false,
    status: 'active',
    certifications: [],
    networks: [],
    endpoints: { opensearch: endpoint },
  };
  return {
    region,
    endpoint,
    tenant,
    classification: 'content',
    verb: 'access',
    retentionDays: null,
    mayProcessIn: () => true,
    bucketName: () => null,
  };
}

export interface Sent {
  readonly body?: string | Buffer;
  readonly headers?: readonly string[];
  readonly template?: string;
  readonly limit?: number;
}

/** What became of a request that was not refused. */
export interface Passed {
  readonly call: SearchCall;
  readonly inspection: Inspection | null;
  readonly outgoing: Outgoing;
  /** The head's and the body's names together. */
  readonly resources: readonly string[];
}

/** A head as it would come: JSON, or NDJSON for bulk and msearch, when there is a body. */
export function headOf(method: string, target: string, sent: Sent = {}): Head {
  const headers = ['host', 'domicile.test'];
  if (sent.body !== undefined && sent.body.length > 0) {
    const lines = /_bulk|_msearch/.test(target);
    if (!sent.headers?.includes('content-type')) {
      headers.push('content-type', lines ? 'application/x-ndjson' : 'application/json');
    }
    headers.push('content-length', String(Buffer.byteLength(sent.body)));
  }
  return { method, target, headers: [...headers, ...(sent.headers ?? [])] };
}

/** The steps of a request in order, but for the decision. */
export function journey(method: string, target: string, sent: Sent = {}): Passed | Refusal {
  const head = headOf(method, target, sent);
  const place = placeAt(sent.template);
  const call = dialect.read(head);
  if (call instanceof Refusal) return call;
  const leak = dialect.guardHead(head, call, place);
  if (leak !== null) return leak;
  let inspection: Inspection | null = null;
  if (call.body === 'inspect') {
    const found = dialect.guardBody(head, call, place, Buffer.from(sent.body ?? ''), sent.limit ?? LIMIT);
    if (found instanceof Refusal) return found;
    inspection = found;
  }
  const outgoing = dialect.rewrite(head, call, place, inspection);
  return { call, inspection, outgoing, resources: [...call.resources, ...(inspection?.resources ?? [])] };
}

/** The reason of a refusal, or `passed`. */
export function outcome(method: string, target: string, sent: Sent = {}): string {
  const result = journey(method, target, sent);
  return result instanceof Refusal ? result.reason : 'passed';
}

/** @throws the refusal, as an error that says what was refused */
export function passed(method: string, target: string, sent: Sent = {}): Passed {
  const result = journey(method, target, sent);
  if (result instanceof Refusal)
    throw new Error(`${method} ${target}: ${result.reason}: ${result.message} ${result.detail}`);
  return result;
}

/** What a body would go upstream as. */
export function bodyOf(method: string, target: string, body: string, template: string): string {
  const { inspection } = passed(method, target, { body, template });
  return (inspection as Inspection).body.toString();
}

export function gzipped(text: string): Sent {
  return { body: gzipSync(text), headers: ['content-encoding', 'gzip'] };
}
