import type { Static, TSchema } from 'typebox';
import { conform } from './conform.ts';
import type { Shape } from './schema.ts';

/**
 * What is left of a value when everything that does not conform is taken out of it, so that the rest can be checked as
 * well and every problem be told at once. For checks only: it is never put into force. Null when nothing is left.
 */
export function salvage<S extends TSchema>(shape: Shape<S>, value: unknown): Static<S> | null {
  const rest: unknown = structuredClone(value);
  // Each pass takes out what the one before left incomplete, at most up to the root: deeper than this no file is.
  for (let pass = 0; pass < 12; pass++) {
    const problems = conform(shape, rest);
    if (problems.length === 0) return rest as Static<S>;
    // From the back, so that places in lists stay right.
    for (const { code, path } of problems.toReversed()) {
      const doomed = code === 'missing_key' || code === 'too_few' || code === 'empty' ? path.slice(0, -1) : path;
      if (doomed.length === 0) return null;
      remove(rest, doomed);
    }
  }
  return null;
}

function remove(root: unknown, path: readonly (string | number)[]): void {
  let holder = root;
  for (const step of path.slice(0, -1)) {
    if (typeof holder !== 'object' || holder === null) return;
    holder = (holder as Record<string | number, unknown>)[step];
  }
  const last = path.at(-1) as string | number;
  if (Array.isArray(holder)) holder.splice(last as number, 1);
  else if (typeof holder === 'object' && holder !== null) delete (holder as Record<string | number, unknown>)[last];
}
