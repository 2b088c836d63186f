import type { Checkpoint } from './checkpoint.ts';
import { LogReader } from './reader.ts';
import { rootAt } from './tree.ts';
import type { Verifier } from './note.ts';
import type { Verified } from './verify.ts';

/**
 * What is wrong with logs beside each other, each of which verifies by itself: copies of one log that are not of one
 * history, and logs that are not there though a key of theirs was given, and others of their sidecar are. A line each.
 */
export function verifyTogether(logs: readonly Verified[], keys: readonly Verifier[] | null): string[] {
  return [...forks(logs), ...missing(logs, keys ?? [])];
}

function forks(logs: readonly Verified[]): string[] {
  const found: string[] = [];
  const whole = logs.filter(({ fault }) => fault === null);
  for (const copies of Map.groupBy(whole, ({ origin }) => origin).values()) {
    try {
      found.push(...forksOf(copies.map(({ folder }) => stateOf(folder))));
    } catch (error) {
      found.push((error as Error).message); // it was just read: somebody takes it away
    }
  }
  return found;
}

function forksOf(copies: readonly State[]): string[] {
  const bySize = copies.toSorted((a, b) => a.size - b.size);
  return bySize.slice(1).flatMap(({ origin, log, size }, i) => {
    const shorter = bySize[i]!;
    if (rootAt(shorter.size, log.hashesAt(size)).equals(shorter.root)) return [];
    return [`${origin}: ${log.folder} does not begin with what is in ${shorter.log.folder}: two histories were signed`];
  });
}

interface State extends Checkpoint {
  readonly log: LogReader;
}

/** As it is now: it may have grown since it was verified. */
function stateOf(folder: string): State {
  const log = LogReader.open(folder);
  return { log, ...log.checkpoint() };
}

function missing(logs: readonly Verified[], keys: readonly Verifier[]): string[] {
  const origins = new Set(logs.map(({ origin }) => origin));
  const sidecars = new Set(logs.map(({ origin }) => origin && sidecarOf(origin)));
  const names = new Set(keys.map(({ name }) => name));
  return [...names]
    .filter((name) => !origins.has(name) && sidecars.has(sidecarOf(name)))
    .map((name) => `${name}: is not there: a key of it was given, and other logs of its sidecar are there`);
}

/** Of an origin, all but the name of the log. */
function sidecarOf(origin: string): string {
  return origin.slice(0, origin.lastIndexOf('/'));
}
