/** Bytes that outlive the call that brought them. (`Buffer.from` of a view goes element by element through more layers.) */
export function copied(bytes: Buffer, from: number, to: number): Buffer {
  const copy = Buffer.allocUnsafe(to - from);
  bytes.copy(copy, 0, from, to);
  return copy;
}
