import type { Inspection, Place } from '../dialect.ts';
import type { S3Call } from './call.ts';
import { ChunkedDecoder } from './chunked.ts';
import { writeCopySource } from './copy.ts';
import { encryptionToAdd } from './encryption.ts';
import { travels } from './headers.ts';
import { withoutAwsChunked, type Payload } from './payload.ts';

const RETENTION = 'x-amz-meta-retention-days';
/** An object that is copied keeps the tag that it has. */
const TAGGED: ReadonlySet<string> = new Set(['PutObject', 'CreateMultipartUpload']);

/** Physical bucket of a logical one, in the place that was decided on. */
export function physicalName(bucket: string, place: Place): string {
  const name = place.bucketName(bucket);
  if (name === null) throw new TypeError(`region ${place.region.id} has no storage endpoint`);
  return name;
}

/** Physical bucket of a call; the template is filled in once, for the guard and the rewriting together. */
export function physicalBucket(call: S3Call, place: Place): string {
  if (call.placedIn !== place) {
    call.physical = physicalName(call.bucket, place);
    call.placedIn = place;
  }
  return call.physical;
}

/** The headers to be signed and sent: those of the client that travel, and ours. */
export function writeHeaders(
  sent: readonly string[],
  call: S3Call,
  place: Place,
  inspection: Inspection | null,
): string[] {
  const { facts, payload } = call;
  const retention = place.retentionDays !== null && TAGGED.has(call.operation) ? place.retentionDays : null;
  const asSent =
    retention === null &&
    inspection === null &&
    (payload.framing === 'plain' || payload.framing === 'unsigned-trailer');
  const out: string[] = [];
  copy(sent, asSent, payload, retention, inspection, out);
  if (call.hoisted.length > 0) copy(call.hoisted, asSent, payload, retention, inspection, out);
  if (inspection !== null) out.push('content-length', String(inspection.body.length));
  if (payload.framing === 'signed') {
    out.push('content-length', String(payload.decodedLength));
    const codings = withoutAwsChunked(facts.contentEncoding ?? '');
    if (codings !== '') out.push('content-encoding', codings);
  }
  if (call.source !== null) {
    out.push('x-amz-copy-source', writeCopySource(physicalName(call.source.bucket, place), call.source));
  }
  if (call.row.creates) {
    const encryption = encryptionToAdd(facts.encryption, facts.customerKey, place);
    if (encryption !== null) out.push('x-amz-server-side-encryption', encryption);
  }
  if (retention !== null) out.push(RETENTION, String(retention));
  return out;
}

function copy(
  headers: readonly string[],
  asSent: boolean,
  payload: Payload,
  retention: number | null,
  inspection: Inspection | null,
  out: string[],
): void {
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (!travels(name)) continue;
    if (!asSent && isRemade(name, payload, retention, inspection)) continue;
    out.push(name, headers[i + 1] as string);
  }
}

/** Whether a header no longer fits the body or the object that is sent. */
function isRemade(name: string, payload: Payload, retention: number | null, inspection: Inspection | null): boolean {
  if (name === RETENTION) return retention !== null;
  const decoded = payload.framing === 'signed';
  if (name === 'content-length') return inspection !== null || decoded || payload.framing === 'signed-trailer';
  if (name === 'x-amz-decoded-content-length') return decoded;
  const changed = inspection !== null && inspection.changed;
  if (name === 'content-encoding') return decoded || changed;
  return (
    changed && (name === 'content-md5' || name.startsWith('x-amz-checksum-') || name === 'x-amz-sdk-checksum-algorithm')
  );
}

/** What the streamed body goes through on its way, or null. */
export function filterOf(payload: Payload): ChunkedDecoder | null {
  return payload.framing === 'signed' || payload.framing === 'signed-trailer'
    ? new ChunkedDecoder(payload.decodedLength, payload.trailers)
    : null;
}
