import type { Call, Place } from '../dialect.ts';
import type { CopySource } from './copy.ts';
import type { HeadFacts } from './headers.ts';
import type { Operation } from './operations.ts';
import type { Payload } from './payload.ts';

/** What the S3 dialect reads off a head. */
export interface S3Call extends Call {
  readonly row: Operation;
  /** Logical bucket. */
  readonly bucket: string;
  /** Key as sent, percent-encoded; empty for a bucket. */
  readonly rawKey: string;
  /** Query that goes upstream. */
  readonly query: string;
  /** Headers that a presigned URL carried in its query. */
  readonly hoisted: readonly string[];
  readonly facts: HeadFacts;
  readonly payload: Payload;
  readonly source: CopySource | null;
  /** The place for which `physical` was made, or null before `guardHead`. */
  placedIn: Place | null;
  /** Physical bucket in that place. */
  physical: string;
}
