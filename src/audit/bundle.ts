/** Entry bundles (C2SP tlog-tiles, "Log entries"): each entry after its length, a big-endian uint16. */

/**
 * Where the frame at `offset` ends, which lies within `bundle[0, limit)`.
 * @throws RangeError naming the offset of a frame that is cut short
 */
export function frameEnd(bundle: Uint8Array, offset: number, limit: number): number {
  const end = offset + 2 <= limit ? offset + 2 + ((bundle[offset]! << 8) | bundle[offset + 1]!) : Infinity;
  if (end > limit)
    throw new RangeError(`the entry at offset ${offset} goes past the end of its bundle (${limit} bytes)`);
  return end;
}

/**
 * How many entries a bundle has.
 * @throws RangeError naming the offset of a broken frame
 */
export function entryCount(bundle: Uint8Array): number {
  let count = 0;
  for (let offset = 0; offset < bundle.length; count++) offset = frameEnd(bundle, offset, bundle.length);
  return count;
}

/**
 * The entries of a bundle, as views of it.
 * @throws RangeError naming the offset of a broken frame, after the entries before it
 */
export function* entriesOf(bundle: Buffer): Generator<Buffer> {
  for (let offset = 0; offset < bundle.length;) {
    const end = frameEnd(bundle, offset, bundle.length);
    yield bundle.subarray(offset + 2, end);
    offset = end;
  }
}
