import { decodeBase64 } from './base64.ts';
import { entriesOf } from './bundle.ts';
import { parseCheckpoint } from './checkpoint.ts';
import { checkEntry } from './entry-check.ts';
import { Entry } from './entry.ts';
import { HASH_BYTES, leafHash } from './hash.ts';
import { isSignedBy, parseNote, type Note, type Verifier } from './note.ts';
import type { LogReader } from './reader.ts';
import { TILE_WIDTH } from './tile.ts';
import { inclusionProof, rootOfInclusion } from './tree.ts';

/** An entry, and what shows that it is in its log. */
export interface EntryProof {
  /** Origin. */
  readonly log: string;
  /** The entry's text. */
  readonly entry: string;
  /** C2SP tlog-proof: the entry's index, an inclusion proof (RFC 6962, section 2.1.1) and a signed checkpoint. */
  readonly proof: string;
}

export interface CheckedProof {
  readonly entry: Entry;
  /** Entries of the log when it was signed. */
  readonly size: number;
  /** The key that signed. */
  readonly key: Verifier;
}

const HEADER = 'c2sp.org/tlog-proof@v1';
/** The longest proof of a tree of 2^53 leaves. */
const MAX_HASHES = 53;

/**
 * Proves that an entry is in its log, by the checkpoint that is on disk now.
 * @throws Error in one line: there is no such entry, it was deleted, or the log is not whole
 */
export function proveEntry(log: LogReader, seq: number): EntryProof {
  const { origin, size, root, note } = log.checkpoint();
  if (seq >= size) throw new Error(`${origin} has ${size} entries, and none at ${seq}`);
  const bundle = log.bundle(Math.floor(seq / TILE_WIDTH), size);
  if (bundle === null) throw new Error(`entry ${seq} of ${origin} was deleted: its time was over`);
  const entry = [...entriesOf(bundle)][seq % TILE_WIDTH];
  const path = inclusionProof(seq, size, log.hashesAt(size));
  if (entry === undefined || !rootOfInclusion(seq, size, leafHash(entry), path).equals(root))
    throw new Error(`entry ${seq} of ${origin} is not the one that was signed: verify the log`);
  const lines = [HEADER, `index ${seq}`, ...path.map((hash) => hash.toString('base64'))];
  return { log: origin, entry: entry.toString('latin1'), proof: `${lines.join('\n')}\n\n${noteText(note)}` };
}

/**
 * Checks a proof, without the log.
 * @param given what a proof file holds
 * @param keys of which one must have signed, under the name of the log
 * @throws Error in one line that says why it proves nothing
 */
export function checkProof(given: unknown, keys: readonly Verifier[]): CheckedProof {
  const { log, entry, proof } = (given ?? {}) as Partial<Record<keyof EntryProof, unknown>>;
  if (typeof log !== 'string' || typeof entry !== 'string' || typeof proof !== 'string')
    throw new Error('it is no proof: log, entry and proof are three strings');
  const { index, path, checkpoint: text } = parseProof(proof);
  const note = parseNote(Buffer.from(text));
  const { origin, size, root } = parseCheckpoint(note.text);
  if (origin !== log) throw new Error(`it is said to be of ${log}, and its checkpoint is of ${origin}`);
  const own = keys.filter(({ name }) => name === origin);
  if (own.length === 0) throw new Error(`no key of ${origin} was given`);
  const key = own.find((each) => isSignedBy(note, each));
  if (key === undefined)
    throw new Error(`its checkpoint is not signed by ${own.map(({ text: vkey }) => vkey).join(' or ')}`);
  const leaf = leafHash(Buffer.from(entry));
  if (!rootOfInclusion(index, size, leaf, path).equals(root))
    throw new Error(`the entry is not the one at ${index} of the log that was signed`);
  try {
    checkEntry(entry, index);
  } catch (error) {
    throw new Error(`the entry at ${index} ${(error as Error).message}`, { cause: error });
  }
  return { entry: new Entry(origin, index, entry), size, key };
}

function parseProof(text: string): { readonly index: number; readonly path: Buffer[]; readonly checkpoint: string } {
  const end = text.indexOf('\n\n');
  const [header, ...lines] = text.slice(0, Math.max(0, end)).split('\n');
  if (header !== HEADER) throw new Error(`its proof does not begin with ${HEADER}`);
  if (lines[0]?.startsWith('extra ') === true) lines.shift(); // authenticates nothing
  const index = /^index (0|[1-9]\d{0,15})$/.exec(lines.shift() ?? '')?.[1];
  if (index === undefined) throw new Error('its proof does not say at which index');
  if (lines.length > MAX_HASHES) throw new Error(`its proof has more than ${MAX_HASHES} hashes`);
  const path = lines.map((line) => {
    const hash = decodeBase64(line);
    if (hash?.length !== HASH_BYTES) throw new Error('its proof has a line that is no hash in base64');
    return hash;
  });
  return { index: Number(index), path, checkpoint: text.slice(end + 2) };
}

/** A note as it was parsed, which is strict. */
function noteText({ text, signatures }: Note): string {
  return `${text}\n${signatures.map(({ line }) => `${line}\n`).join('')}`;
}
