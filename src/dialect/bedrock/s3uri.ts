import { leakBlocked, type Refusal } from '../../core/refusal.ts';
import { tellsApart } from '../../region/catalogue.ts';
import type { Place } from '../dialect.ts';
import { checkBucket } from '../s3/address.ts';

/** Bucket naming rules of docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html. */
const URI = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(\/[^\u0000-\u001f\u007f]*)?$/;

export interface S3Uri {
  /** Logical name. */
  readonly bucket: string;
  /** The same object in the place's own bucket. */
  readonly physical: string;
}

/** An `s3://bucket/key` of a body, put through the bucket map of the place; anything else is `leak_blocked`. */
export function resolveS3Uri(uri: string, place: Place): S3Uri | Refusal {
  const parts = URI.exec(uri);
  const bucket = parts?.[1];
  if (bucket === undefined || checkBucket(bucket) !== null) return refuse('not a plain s3:// URI');
  const physical = place.bucketName(bucket);
  const template = place.region.endpoints.s3?.bucket;
  if (physical === null) return refuse('no storage endpoint in the region');
  // The template may make a reserved name of an innocent one.
  if (checkBucket(physical) !== null) return refuse('not a plain bucket of the region');
  if (template !== undefined && !tellsApart(template, place.tenant))
    return refuse('the bucket could be one of another tenant');
  return { bucket, physical: `s3://${physical}${parts?.[2] ?? ''}` };
}

function refuse(detail: string): Refusal {
  return leakBlocked('s3_uri', 'This storage location is not permitted.', detail);
}
