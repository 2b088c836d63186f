import { pathOf, queryOf, type Head } from '../../core/http.ts';
import type { Reason } from '../../core/reasons.ts';
import { leakBlocked, malformed, notPermitted, Refusal } from '../../core/refusal.ts';
import { tellsApart } from '../../region/catalogue.ts';
import { canonicalS3Path } from '../../sigv4/canonical.ts';
import { isHash } from '../../sigv4/payload.ts';
import type { Dialect, Inspection, Outgoing, Place, RefusalAnswer, Verdict } from '../dialect.ts';
import { addressOf, bucketOfHost, checkBucket, decode, hasDotSegment, hostLeak } from './address.ts';
import { judgeAnswer, judgeErrorBody } from './answer.ts';
import { inspectCreateBucket, inspectRestore } from './body.ts';
import type { S3Call } from './call.ts';
import { readCopySource } from './copy.ts';
import { denial } from './denial.ts';
import { checkEncryption } from './encryption.ts';
import { HeadFacts, readHeaders } from './headers.ts';
import { operationOf, type Operation } from './operations.ts';
import { payloadOf } from './payload.ts';
import { hoistedHeaders, readQuery } from './query.ts';
import { filterOf, physicalBucket, physicalName, writeHeaders } from './rewrite.ts';

/**
 * Amazon S3 over HTTP/1.1: object operations by an allow-list, path style or virtual-host style, re-signed for one
 * regional endpoint, always in path style.
 *
 * Credentials of the request are never looked at, but for SigV4a, which is refused: what a presigned URL or an
 * `Authorization` header says is dropped, the expiry of the URL included.
 *
 * @param options.virtualHostSuffix name under which buckets are hosts, without a leading dot; null: path style only
 */
export function s3(options: { readonly virtualHostSuffix: string | null }): Dialect<S3Call> {
  return new S3Dialect(options.virtualHostSuffix);
}

class S3Dialect implements Dialect<S3Call> {
  readonly id = 's3';
  readonly service = 'storage';
  readonly #dotSuffix: string | null;

  constructor(virtualHostSuffix: string | null) {
    this.#dotSuffix = virtualHostSuffix === null ? null : `.${virtualHostSuffix.toLowerCase()}`;
  }

  read(head: Head): S3Call | Refusal {
    const facts = new HeadFacts();
    const repeated = readHeaders(head.headers, facts);
    if (repeated !== null) return repeated;
    const query = readQuery(queryOf(head.target));
    if (query instanceof Refusal) return query;
    const hoisted = query.hoisted.length === 0 ? query.hoisted : hoistedHeaders(query.hoisted, facts.hasBody);
    const contradicted = readHeaders(hoisted, facts);
    if (contradicted !== null) return contradicted;

    const foreign = facts.host === null ? null : hostLeak(facts.host);
    if (foreign !== null) return foreign;
    const hostBucket =
      this.#dotSuffix === null || facts.host === null ? null : bucketOfHost(facts.host, this.#dotSuffix);
    const address = addressOf(pathOf(head.target), hostBucket);
    const bucket = decode(address.bucket);
    const key = decode(address.key);
    if (bucket === null || key === null) return malformed('The path does not decode to UTF-8.');
    if (hasDotSegment(key)) return malformed('The path has a segment . or ..');

    const row = this.#operation(head.method, bucket, key, facts, query.selector);
    if (row === null) return notPermitted('This operation is not one of those that are forwarded.');
    for (let i = 0; i < query.names.length; i++) {
      const name = query.names[i] as string;
      if (!row.parameters.has(name)) return notPermitted('A query parameter is not known for this operation.', name);
    }
    if (row.requires !== null && !query.names.includes(row.requires)) {
      return malformed(`The query lacks ${row.requires}.`);
    }
    const fault = checkBucket(bucket);
    if (fault !== null) return fault;
    const source = facts.copySource === null ? null : readCopySource(facts.copySource);
    if (source instanceof Refusal) return source;
    const payload = payloadOf(facts);
    if (payload instanceof Refusal) return payload;
    if (row.body === 'inspect' && payload.framing !== 'plain') {
      return malformed('A body that is inspected must not be aws-chunked.');
    }

    const resource =
      row.names === 'key' ? `${bucket}/${key}` : row.names === 'prefix' ? `${bucket}/${query.prefix}*` : bucket;
    return {
      operation: row.name,
      verb: row.verb,
      alsoVerb: null, // no answer of a write carries documents; what a copy reads stays in the bucket's region
      naming: 'named',
      resources: source === null ? [resource] : [resource, `${source.bucket}/${source.key}`],
      body: row.body,
      row,
      bucket,
      rawKey: address.key,
      query: query.text,
      hoisted,
      facts,
      payload,
      source,
      placedIn: null,
      physical: '',
    };
  }

  #operation(method: string, bucket: string, key: string, facts: HeadFacts, selector: string): Operation | null {
    if (bucket === '') return null;
    if (facts.copySource !== null) return key === '' ? null : operationOf(method, 'copy', selector);
    return operationOf(method, key === '' ? 'bucket' : 'object', selector);
  }

  guardHead(_head: Head, call: S3Call, place: Place): Refusal | null {
    const { facts, row } = call;
    if (facts.fault !== null) return facts.fault;
    if (row.name === 'CreateBucket' && !place.endpoint.createBucket) {
      return notPermitted('Buckets are not created through this endpoint.');
    }
    if (row.body === 'stream' && call.payload.unsigned && !place.endpoint.secure) {
      return new Refusal('encryption_required', 'A body that no signature covers needs an encrypted connection.');
    }
    // The template may make a reserved name of an innocent one, such as a tenant called `x--x-s3`.
    const physical = physicalBucket(call, place);
    const fault = physical === call.bucket ? null : checkBucket(physical);
    if (fault !== null) return fault;
    if (call.source !== null && call.source.bucket !== call.bucket) {
      const sourceFault = checkBucket(physicalName(call.source.bucket, place));
      if (sourceFault !== null) return sourceFault;
    }
    if (!tellsApart(place.endpoint.bucket, place.tenant)) {
      return leakBlocked('tenant_template', 'The bucket could be one of another tenant.');
    }
    return checkEncryption(facts.encryption, facts.kmsKey, place);
  }

  guardBody(_head: Head, call: S3Call, place: Place, body: Buffer, limit: number): Inspection | Refusal {
    const { contentEncoding } = call.facts;
    switch (call.operation) {
      case 'RestoreObject':
        return inspectRestore(body, contentEncoding, limit);
      case 'CreateBucket':
        return inspectCreateBucket(body, contentEncoding, limit, place.region.cloudRegion);
      default:
        throw new TypeError(`${call.operation} has no body to inspect`);
    }
  }

  rewrite(head: Head, call: S3Call, place: Place, inspection: Inspection | null): Outgoing {
    const physical = physicalBucket(call, place);
    const { payload } = call;
    return {
      method: head.method,
      path: canonicalS3Path(call.rawKey === '' ? `/${physical}` : `/${physical}/${call.rawKey}`),
      query: call.query,
      headers: writeHeaders(head.headers, call, place, inspection),
      payloadHash: inspection !== null && (inspection.changed || !isHash(payload.hash)) ? null : payload.hash,
      filter: filterOf(payload),
    };
  }

  guardAnswer(call: S3Call, place: Place, status: number, headers: readonly string[]): Verdict {
    return judgeAnswer(call.operation, place.region.cloudRegion, status, headers);
  }

  guardAnswerBody(
    _call: S3Call,
    _place: Place,
    _status: number,
    headers: readonly string[],
    body: Buffer,
  ): Refusal | null {
    return judgeErrorBody(headers, body);
  }

  refuse(head: Head, reason: Reason, status: number, message: string, requestId: string): RefusalAnswer {
    return denial(head.method, reason, status, message, requestId);
  }
}
