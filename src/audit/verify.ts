import { basename, join, resolve } from 'node:path';
import type { GapEntry } from './entry.ts';
import { faultOf, LogFault, type Fault } from './fault.ts';
import { CHECKPOINT_FILE, folderOf, VERIFIER_FILE } from './names.ts';
import { isSignedBy, parseVerifier, type Verifier } from './note.ts';
import { readIfThere } from './read-file.ts';
import { LogReader, type SignedCheckpoint } from './reader.ts';
import { rootAt, type HashReader } from './tree.ts';
import { KeyChain } from './verify-keys.ts';
import { KEPT_CHECKPOINTS, layoutOf, type Extra, type Layout } from './verify-layout.ts';
import {
  checkpointIn,
  hasMoved,
  lineOffset,
  signaturesOffset,
  takeSnapshot,
  type Snapshot,
} from './verify-snapshot.ts';
import { TreeCheck } from './verify-tree.ts';

/** A checkpoint that was kept elsewhere. */
export interface KeptCheckpoint {
  /** Its path, for messages. */
  readonly file: string;
  readonly bytes: Buffer;
  readonly checkpoint: SignedCheckpoint;
}

export interface VerifyOptions {
  /** Trusted keys, of any log; null: the log's own `key.pub` is trusted. Default: null. */
  readonly keys?: readonly Verifier[] | null;
  /** What the log must contain, where it is of this log. Default: null. */
  readonly since?: KeptCheckpoint | null;
  /** Told from time to time how many of how many entries are checked. */
  readonly onProgress?: (entries: number, size: number) => void;
}

/** What one log is. */
export interface Verified {
  readonly folder: string;
  /** Null: its checkpoint cannot be read. */
  readonly origin: string | null;
  readonly size: number;
  /** What signs it now; null: not known. */
  readonly key: Verifier | null;
  /** Entries that were deleted, and are accounted for. */
  readonly pruned: number;
  readonly gaps: readonly GapEntry[];
  /** What a reader should know and is no fault. */
  readonly notes: readonly string[];
  /** Null: it verifies. */
  readonly fault: Fault | null;
}

/** How often a log that grew while it was verified is verified anew before a fault is believed. */
const TRIES = 3;

/**
 * Verifies one log: every entry of every bundle, every byte of every tile, the root, the keys and the checkpoints. It may
 * be written meanwhile: then it is verified as it was at one moment.
 */
export async function verifyLog(folder: string, options: VerifyOptions = {}): Promise<Verified> {
  for (let tries = 1; ; tries++) {
    const verification = new Verification(folder, options);
    const verified = await verification.run();
    if (verified.fault === null || tries === TRIES || !verification.hasMoved()) return verified;
  }
}

class Verification {
  readonly #folder: string;
  readonly #options: VerifyOptions;
  readonly #notes: string[] = [];
  #snapshot: Snapshot | null = null;
  #tree: TreeCheck | null = null;
  #key: Verifier | null = null;

  constructor(folder: string, options: VerifyOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  async run(): Promise<Verified> {
    let fault: Fault | null = null;
    try {
      await this.#verify();
    } catch (error) {
      fault = faultOf(this.#folder, error);
    }
    const entries = this.#tree?.marked ?? [];
    return {
      folder: this.#folder,
      origin: this.#snapshot?.checkpoint.origin ?? null,
      size: this.#snapshot?.checkpoint.size ?? 0,
      key: this.#key,
      pruned: this.#tree?.pruned ?? 0,
      gaps: entries.map(({ text }) => JSON.parse(text) as GapEntry).filter(({ kind }) => kind === 'gap'),
      notes: this.#notes,
      fault,
    };
  }

  hasMoved(): boolean {
    return this.#snapshot !== null && hasMoved(this.#folder, this.#snapshot);
  }

  async #verify(): Promise<void> {
    const snapshot = (this.#snapshot = takeSnapshot(this.#folder));
    const { origin, size } = snapshot.checkpoint;
    const published = publishedKey(snapshot);
    this.#checkPlace(origin);
    const tree = (this.#tree = new TreeCheck(this.#folder, snapshot));
    const layout = await this.#checkFiles(tree, snapshot, published);
    const chain = KeyChain.of(
      origin,
      size,
      tree.marked.filter(({ text }) => text.startsWith('{"v":1,"kind":"key"')),
    );
    this.#checkKeys(chain, snapshot, published);
    this.#checkKept(chain, layout, snapshot);
    this.#tellOf(layout.extras);
  }

  /** A log of another name, or of another sidecar, does not belong in the place of this one. */
  #checkPlace(origin: string): void {
    const [, sidecar, name] = /^domicile\/(.+)\/([^/]+)$/.exec(origin) ?? [];
    if (sidecar === undefined || name === undefined)
      throw new LogFault(CHECKPOINT_FILE, 0, `is of ${JSON.stringify(origin)}, which is no log of Domicile`);
    const here = basename(resolve(this.#folder));
    const expected = folderOf('', sidecar, name);
    if (here === expected) return;
    if (/.\.(?:[1-9]\d*|control(?:-\d+)?)$/.test(here))
      throw new LogFault(CHECKPOINT_FILE, 0, `is of ${origin}, whose folder is called ${expected} and not ${here}`);
    this.#notes.push(`the folder is not called ${expected}: nothing but the key tells whose log it is`);
  }

  async #checkFiles(tree: TreeCheck, snapshot: Snapshot, published: Verifier): Promise<Layout> {
    const { size, note } = snapshot.checkpoint;
    try {
      if (snapshot.missing !== null) throw new LogFault(snapshot.missing, 0, 'is missing');
      const layout = layoutOf(this.#folder, size);
      await tree.run((entries) => this.#options.onProgress?.(entries, size));
      for (const extra of layout.extras) tree.checkExtra(extra);
      return layout;
    } catch (error) {
      // What does not fit a checkpoint that no known key signed may well be right: the checkpoint is not.
      const known = [published, ...(this.#options.keys ?? [])];
      if (error instanceof LogFault && !known.some((key) => isSignedBy(note, key)))
        throw new LogFault(
          CHECKPOINT_FILE,
          signaturesOffset(snapshot.checkpointBytes),
          `is not signed by the key in ${VERIFIER_FILE}, and ${error.file} does not fit it`,
        );
      throw error;
    }
  }

  #checkKeys(chain: KeyChain, { checkpoint, checkpointBytes }: Snapshot, published: Verifier): void {
    const { origin, size, note } = checkpoint;
    const { keys = null } = this.#options;
    const signer = chain.at(size) ?? published;
    const signatures = signaturesOffset(checkpointBytes);
    if (!isSignedBy(note, signer))
      throw new LogFault(CHECKPOINT_FILE, signatures, `is not signed by ${signer.text}, which signs the log by now`);
    const isTrusted = keys?.some((key) => key.text === signer.text || chain.includes(key));
    if (isTrusted === false) {
      const isNamed = keys?.some(({ name }) => name === origin);
      const why = isNamed
        ? 'the key that was given did not sign it, nor hand it over'
        : `no key of ${origin} was given; if it is a log that came since, domicile audit key prints its key too`;
      throw new LogFault(CHECKPOINT_FILE, signatures, `is signed by ${signer.text}: ${why}`);
    }
    this.#key = signer;
    if (published.text === signer.text) return;
    if (chain.before(size)?.text !== published.text)
      throw new LogFault(VERIFIER_FILE, 0, `is not ${signer.text}, which signs the log by now`);
    this.#notes.push(`${VERIFIER_FILE} is still the key before: the hand-over was just made, or was cut short`);
  }

  /** Checkpoints of earlier moments: those that a shipped copy keeps, and one from elsewhere. */
  #checkKept(chain: KeyChain, { kept }: Layout, snapshot: Snapshot): void {
    const { since = null } = this.#options;
    const { origin, size: own } = snapshot.checkpoint;
    const hashes = LogReader.open(this.#folder).hashesAt(own);
    const [next, further] = kept.filter((size) => size > own);
    for (const size of kept) {
      const file = `${KEPT_CHECKPOINTS}/${size}`;
      const bytes = readIfThere(join(this.#folder, file));
      if (bytes === null) throw new LogFault(file, 0, 'is missing');
      const checkpoint = checkpointIn(file, bytes);
      if (checkpoint.size !== size) throw new LogFault(file, lineOffset(bytes, 1), `is of ${checkpoint.size} entries`);
      if (size === next && further === undefined && this.#isAhead(chain, checkpoint)) continue;
      this.#checkEarlier(chain, { file, bytes, checkpoint }, snapshot, hashes);
    }
    if (since?.checkpoint.origin === origin) this.#checkEarlier(chain, since, snapshot, hashes);
  }

  /** Whether a copy has everything of a newer checkpoint but the file `checkpoint`, which is copied last. */
  #isAhead(chain: KeyChain, { size, root, note, origin }: SignedCheckpoint): boolean {
    const signer = chain.at(size);
    if (origin !== this.#snapshot?.checkpoint.origin || signer === null || !isSignedBy(note, signer)) return false;
    try {
      if (!rootAt(size, LogReader.open(this.#folder).hashesAt(size)).equals(root)) return false;
    } catch {
      return false; // tiles of it are missing: it is no copy that goes on
    }
    this.#notes.push(`${KEPT_CHECKPOINTS}/${size} is newer than ${CHECKPOINT_FILE}: copying goes on, or was cut short`);
    return true;
  }

  #checkEarlier(
    chain: KeyChain,
    { file, bytes, checkpoint: earlier }: KeptCheckpoint,
    { checkpoint: { origin, size }, checkpointBytes }: Snapshot,
    hashes: HashReader,
  ): void {
    if (earlier.origin !== origin) throw new LogFault(file, 0, `is of another log, ${earlier.origin}`);
    const signer = chain.at(earlier.size) ?? this.#key!;
    // One that is ahead of the log may be signed by a key that the log was handed over to since.
    const signers = earlier.size > size ? [signer, ...(this.#options.keys ?? [])] : [signer];
    if (!signers.some((key) => isSignedBy(earlier.note, key)))
      throw new LogFault(file, signaturesOffset(bytes), `is not signed by ${signer.text}, which signed the log then`);
    if (earlier.size > size)
      throw new LogFault(
        CHECKPOINT_FILE,
        lineOffset(checkpointBytes, 1),
        `has ${size} entries, and had ${earlier.size} by ${file}: the log was rolled back`,
      );
    if (!rootAt(earlier.size, hashes).equals(earlier.root))
      throw new LogFault(
        file,
        lineOffset(bytes, 2),
        `states another root of the first ${earlier.size} entries than they have here: the log was rewritten`,
      );
  }

  #tellOf(extras: readonly Extra[]): void {
    const beyond = extras.filter(({ tile, covered }) => covered < tile.width);
    if (beyond.length > 0) this.#notes.push(`${files(beyond)} beyond the checkpoint, and not part of the log yet`);
    const left = extras.filter(({ tile, covered }) => covered === tile.width);
    if (left.length > 0) this.#notes.push(`${files(left)} superseded, and not deleted yet`);
  }
}

/** @throws LogFault where `key.pub` is no key of the log */
function publishedKey({ verifierBytes, checkpoint }: Snapshot): Verifier {
  const text = verifierBytes.toString('latin1');
  let verifier: Verifier;
  try {
    if (!text.endsWith('\n')) throw new Error("a verifier key ends with a line's end here");
    verifier = parseVerifier(text.slice(0, -1));
  } catch (error) {
    throw new LogFault(VERIFIER_FILE, 0, (error as Error).message);
  }
  const { origin, note } = checkpoint;
  if (verifier.name === origin) return verifier;
  // The name of the signature tells which of the two was changed.
  if (note.signatures.some(({ name }) => name === origin))
    throw new LogFault(VERIFIER_FILE, 0, `is a key of ${verifier.name}, and the log is ${origin}`);
  throw new LogFault(CHECKPOINT_FILE, 0, `is of ${origin}, and its key of ${verifier.name}`);
}

function files(extras: readonly Extra[]): string {
  const more = extras.length - 1;
  return `${extras[0]!.path}${more > 0 ? ` and ${more} more` : ''} ${more > 0 ? 'are' : 'is'}`;
}
