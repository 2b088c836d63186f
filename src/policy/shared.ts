/**
 * What is equal in many bundles is one object. A decision on one of a million tenants then meets cold memory for that
 * tenant's own few words alone, and a bundle is a third of the size.
 */

/** Kept at most; past it, equal things are several. */
const MOST = 10_000;

const byteArrays = new Map<string, Uint8Array>();
const numberLists = new Map<string, readonly number[]>();

/** The one array of these bytes. Never changed: others hold it. */
export function sharedBytes(bytes: Uint8Array): Uint8Array {
  return shared(byteArrays, String.fromCharCode(...bytes), bytes);
}

/** The one list of these numbers. */
export function sharedNumbers(numbers: readonly number[]): readonly number[] {
  return shared(numberLists, numbers.join(), numbers);
}

const EMPTY: readonly never[] = [];

/** The list, or the one empty list. */
export function sharedIfEmpty<T>(list: readonly T[]): readonly T[] {
  return list.length === 0 ? EMPTY : list;
}

function shared<T>(known: Map<string, T>, key: string, made: T): T {
  const found = known.get(key);
  if (found !== undefined) return found;
  if (known.size < MOST) known.set(key, made);
  return made;
}
