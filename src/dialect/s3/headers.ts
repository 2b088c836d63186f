import { leakBlocked, malformed, notPermitted, type Refusal } from '../../core/refusal.ts';
import { multiRegion } from './query.ts';

/**
 * What a header of the request is to us. `pass`: forwarded as it is. `drop`: the inbound credential, or made anew.
 * `leak`: it names a place outside. The rest are read into `HeadFacts`.
 */
type Rule =
  | 'pass'
  | 'drop'
  | 'leak'
  | 'host'
  | 'length'
  | 'transfer'
  | 'connection'
  | 'authorization'
  | 'hash'
  | 'copySource'
  | 'contentEncoding'
  | 'decodedLength'
  | 'trailer'
  | 'encryption'
  | 'kmsKey'
  | 'customerKey'
  | 'acl';

/** The row of the leak table that a header belongs to. */
const LEAKS: Readonly<Record<string, string>> = {
  'x-amz-rename-source': 'rename',
  'x-amz-website-redirect-location': 'website_redirect',
  'x-amz-region-set': 'multi_region',
  'x-amz-request-route': 'object_lambda',
  'x-amz-request-token': 'object_lambda',
  'x-amz-s3session-token': 's3_express',
  'x-amz-create-session-mode': 's3_express',
  'x-amz-account-id': 'control_plane',
  'x-amz-grant-full-control': 'acl_grant',
  'x-amz-grant-read': 'acl_grant',
  'x-amz-grant-read-acp': 'acl_grant',
  'x-amz-grant-write': 'acl_grant',
  'x-amz-grant-write-acp': 'acl_grant',
};

const PASSED = `
accept accept-encoding cache-control content-disposition content-language content-md5 content-type expires
if-match if-modified-since if-none-match if-range if-unmodified-since origin range user-agent
amz-sdk-invocation-id amz-sdk-request traceparent tracestate
x-amz-user-agent
x-amz-bucket-object-lock-enabled x-amz-bypass-governance-retention x-amz-mfa x-amz-object-ownership
x-amz-checksum-algorithm x-amz-checksum-mode x-amz-checksum-type x-amz-sdk-checksum-algorithm
x-amz-checksum-crc32 x-amz-checksum-crc32c x-amz-checksum-crc64nvme x-amz-checksum-md5 x-amz-checksum-sha1
x-amz-checksum-sha256 x-amz-checksum-sha512 x-amz-checksum-xxhash64 x-amz-checksum-xxhash3 x-amz-checksum-xxhash128
x-amz-copy-source-if-match x-amz-copy-source-if-modified-since x-amz-copy-source-if-none-match
x-amz-copy-source-if-unmodified-since x-amz-copy-source-range
x-amz-copy-source-server-side-encryption-customer-algorithm x-amz-copy-source-server-side-encryption-customer-key
x-amz-copy-source-server-side-encryption-customer-key-md5
x-amz-expected-bucket-owner x-amz-source-expected-bucket-owner x-amz-request-payer
x-amz-if-match-initiated-time x-amz-if-match-last-modified-time x-amz-if-match-size
x-amz-max-parts x-amz-part-number-marker x-amz-mp-object-size
x-amz-metadata-directive x-amz-tagging x-amz-tagging-directive x-amz-storage-class
x-amz-object-attributes x-amz-optional-object-attributes
x-amz-object-lock-legal-hold x-amz-object-lock-mode x-amz-object-lock-retain-until-date
x-amz-server-side-encryption-bucket-key-enabled x-amz-server-side-encryption-context
x-amz-server-side-encryption-customer-key x-amz-server-side-encryption-customer-key-md5`;

interface Header {
  readonly rule: Rule;
  /** It goes upstream as it came, unless the rewriting makes it anew. */
  readonly travels: boolean;
}

/**
 * The headers that S3 gives a meaning. Others that begin with `x-amz-` are refused; the rest is left behind, since what
 * a compatible server makes of a header of another protocol (`x-copy-from`, `x-goog-copy-source`) is not ours to know.
 */
const HEADERS: ReadonlyMap<string, Header> = new Map<string, Header>([
  ...PASSED.trim()
    .split(/\s+/)
    .map((name) => entry(name, 'pass', true)),
  ...Object.keys(LEAKS).map((name) => entry(name, 'leak', false)),
  entry('host', 'host', false),
  entry('transfer-encoding', 'transfer', false),
  entry('connection', 'connection', false),
  entry('authorization', 'authorization', false),
  entry('date', 'drop', false),
  entry('x-amz-date', 'drop', false),
  entry('x-amz-security-token', 'drop', false),
  entry('x-amz-content-sha256', 'hash', false),
  entry('x-amz-copy-source', 'copySource', false),
  entry('content-length', 'length', true),
  entry('content-encoding', 'contentEncoding', true),
  entry('x-amz-decoded-content-length', 'decodedLength', true),
  entry('x-amz-trailer', 'trailer', true),
  entry('x-amz-server-side-encryption', 'encryption', true),
  entry('x-amz-server-side-encryption-aws-kms-key-id', 'kmsKey', true),
  entry('x-amz-server-side-encryption-customer-algorithm', 'customerKey', true),
  entry('x-amz-acl', 'acl', true),
]);

function entry(name: string, rule: Rule, travels: boolean): [string, Header] {
  return [name, { rule, travels }];
}

const METADATA = 'x-amz-meta-';

/** Whether a header goes upstream as it came, unless the rewriting makes it anew. */
export function travels(name: string): boolean {
  const known = HEADERS.get(name);
  return known === undefined ? name.startsWith(METADATA) : known.travels;
}

/** Canned ACLs that give nothing to anyone but the owner. */
const HARMLESS_ACLS: ReadonlySet<string> = new Set(['private', 'bucket-owner-full-control']);

/** What the guards and the rewriting need of the headers. Null: not sent. */
export class HeadFacts {
  host: string | null = null;
  hasBody = false;
  hash: string | null = null;
  copySource: string | null = null;
  contentEncoding: string | null = null;
  decodedLength: string | null = null;
  trailer: string | null = null;
  encryption: string | null = null;
  kmsKey: string | null = null;
  customerKey: string | null = null;
  acl: string | null = null;
  /** A leak, or a header that is not known: told after the decision, as the order of refusals wants it. */
  fault: Refusal | null = null;
}

/** Reads flat headers into `facts`. A repeated header that has power is refused: two readers may take either. */
export function readHeaders(headers: readonly string[], facts: HeadFacts): Refusal | null {
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const value = headers[i + 1] as string;
    const known = HEADERS.get(name);
    if (known === undefined) {
      if (name.startsWith('x-amz-') && !name.startsWith(METADATA)) {
        facts.fault ??= notPermitted('The request carries an x-amz- header that is not known.', name);
      }
      continue;
    }
    const { rule } = known;
    switch (rule) {
      case 'pass':
      case 'drop':
        break;
      case 'leak':
        facts.fault ??= leakBlocked(LEAKS[name] as string, `The header ${name} is not accepted.`);
        break;
      case 'length':
        if (value !== '0') facts.hasBody = true;
        break;
      case 'transfer':
        facts.hasBody = true;
        break;
      case 'connection':
        if (value !== 'keep-alive' && value !== 'close' && namesKnown(value)) {
          return malformed('Connection names a header that has a meaning here.');
        }
        break;
      case 'authorization':
        if (value.startsWith('AWS4-ECDSA')) facts.fault ??= multiRegion();
        break;
      default:
        if (facts[rule] !== null) return malformed(`The header ${name} is repeated.`);
        facts[rule] = value;
        break;
    }
  }
  if (facts.acl !== null && !HARMLESS_ACLS.has(facts.acl)) {
    facts.fault ??= notPermitted('Access control lists are not accepted.', facts.acl);
  }
  return null;
}

/**
 * Whether `Connection` names a header that is read here. Such a header would be dropped before the request is written,
 * so that it could stand in for one that we would add, as encryption, and then be gone.
 */
function namesKnown(connection: string): boolean {
  for (const token of connection.split(',')) {
    const name = token.trim().toLowerCase();
    if (HEADERS.has(name) || name.startsWith('x-amz-')) return true;
  }
  return false;
}
