/** Trailer fields that may travel: checksums of the body before them (RFC 9530, Amazon S3). None of them steers anything. */
const PASSABLE = /^(?:x-amz-checksum-[a-z0-9]+|content-digest|repr-digest)$/;
const NONE: readonly string[] = [];

/** Those of a trailer section (flat, names in lower case) that travel on; a field that is not listed is dropped. */
export function passable(trailers: readonly string[]): readonly string[] {
  if (trailers.length === 0) return NONE;
  const kept: string[] = [];
  for (let i = 0; i < trailers.length; i += 2) {
    if (PASSABLE.test(trailers[i] as string)) kept.push(trailers[i] as string, trailers[i + 1] as string);
  }
  return kept;
}
