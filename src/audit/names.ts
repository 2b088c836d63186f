/** Where the evidence of a sidecar lies, and what things are called there. */
import { join } from 'node:path';

/** The signed head of a log, in its folder (C2SP tlog-tiles, checkpoint). */
export const CHECKPOINT_FILE = 'checkpoint';
/** The verifier key (C2SP signed-note) of the key that signs the log now, in its folder. */
export const VERIFIER_FILE = 'key.pub';
/** Holds tiles and bundles, in its folder. */
export const TILES_FOLDER = 'tile';
/** What temporary files in a log's folder begin with. Readers pass them over; only a kill leaves one behind. */
export const TEMPORARY = '.tmp-';

/** Origin line of a log, and the name that its key goes by. */
export function originOf(sidecar: string, name: string): string {
  return `domicile/${sidecar}/${name}`;
}

/** The folder that holds the logs of a sidecar. */
export function evidenceFolder(state: string): string {
  return join(state, 'evidence');
}

/** @param root the folder that holds the logs */
export function folderOf(root: string, sidecar: string, name: string): string {
  return join(root, `${sidecar}.${name}`);
}

/** More are never taken: whoever finds none of so many free is told that locks do not hold there. */
const SLOTS = 1024;

/** The names that a log may take, the wanted one first: `2`, `3`, `4` …, or `control`, `control-2`, `control-3` …. */
export function* slotsFrom(name: string): Generator<string> {
  const number = /^[1-9][0-9]*$/.test(name) ? Number(name) : null;
  yield name;
  for (let i = 1; i < SLOTS; i++) yield number === null ? `${name}-${i + 1}` : String(number + i);
}
