import { hkdfSync, randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Chain } from './chain.ts';
import type { TenantDocument, WorldDocument } from './documents.ts';
import { Journal } from './journal.ts';
import { entries, header, pins, read, Refused, withoutKey, type Entry, type Kept, type Whose } from './kept.ts';
import type { FeedLog } from './source.ts';

export interface LastGoodOptions extends Whose {
  /** Of the file. Beside it lies `.key`, where there is no token, and `.refused`, the last one that was not believed. */
  readonly path: string;
  /** Of the feed: the key of the signatures is derived from it. Null: from random bytes, kept beside the file. */
  readonly token: string | null;
  readonly log: FeedLog;
}

/** How the file is, for `/config_dump`. */
export interface LastGoodState {
  readonly path: string;
  /** Why what was there at the start was not believed, or null. */
  readonly refused: string | null;
  /** Why it is not being written, or null. */
  readonly error: string | null;
}

const NOTHING: Kept = { revision: 0, world: null, documents: [], stale: [] };
const KEY_BYTES = 32;

/**
 * What restricts, kept across restarts, so that a proxy that starts cut off from its control plane is no looser than it
 * was: the world and the pins of each tenant. Never grants, overrides or the key of signed URLs. What was announced to be
 * outdated is in it as such before that is acknowledged.
 *
 * Every line is signed over the one before, with a key of this sidecar and this control plane. A file that was changed in
 * any way but cut off at its end is refused, and the proxy then waits for its control plane. One that is cut off behind a
 * line, or an older copy, cannot be told from one that was never written further: whoever may write in the state folder is
 * trusted that far.
 */
export class LastGood {
  /** What it held at the start. */
  readonly found: Kept;
  readonly #options: LastGoodOptions;
  readonly #refused: string | null;
  readonly #journal: Journal;
  #whole: () => Kept;

  private constructor(options: LastGoodOptions, key: Buffer, found: Kept, refused: string | null) {
    const { path, log } = options;
    this.#options = options;
    this.#refused = refused;
    this.#whole = () => found;
    this.#journal = new Journal({ path, key, header: header(options), log, whole: () => entries(this.#whole()) });
    this.found = found;
  }

  /**
   * Reads what there is. A file that cannot be believed counts as none, as log and state tell.
   * @throws Error when the folder cannot be read, or its key is open to others
   */
  static async open(options: LastGoodOptions): Promise<LastGood> {
    const { path, log } = options;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const key = await keyOf(options);
    const text = await textOf(path);
    if (text === null) return new LastGood(options, key, NOTHING, null);
    try {
      return new LastGood(options, key, unsignable(read(text, options, new Chain(key))), null);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const aside = `${path}.refused`;
      await rename(path, aside);
      const why = error.message;
      log.error(`the last good state is refused: ${why}. Nothing is served before the control plane answers`, {
        path,
        aside,
      });
      return new LastGood(options, key, NOTHING, why);
    }
  }

  /** @param whole all that holds at a moment, with everything that was told here before */
  attach(whole: () => Kept): void {
    this.#whole = whole;
  }

  /** @param revision as of which it holds */
  world(revision: number, world: WorldDocument): void {
    this.#add({ type: 'world', revision, world: withoutKey(world) });
  }

  document(document: TenantDocument): void {
    this.#add({ type: 'document', document: pins(document) });
  }

  /**
   * These were announced to be outdated, of those that there were documents of.
   * @param all so is whatever else there is
   * @param world so is what holds for all
   */
  outdated(revision: number, tenants: readonly string[], all: boolean, world: boolean): void {
    this.#add({ type: 'outdated', revision, tenants, all, world });
  }

  /** There is no document of it any more. */
  gone(tenant: string): void {
    this.#add({ type: 'gone', tenant });
  }

  /** Everything up to this revision is taken in. */
  at(revision: number): void {
    this.#add({ type: 'at', revision });
  }

  /** As `Journal.flush`. */
  flush(): Promise<void> {
    return this.#journal.flush();
  }

  state(): LastGoodState {
    return { path: this.#options.path, refused: this.#refused, error: this.#journal.error };
  }

  /** Writes what there is to write, and ends. */
  close(): Promise<void> {
    return this.#journal.close();
  }

  #add(entry: Entry): void {
    this.#journal.add(entry);
  }
}

/** The key that URLs are signed with is not in the file: with one that nobody knows, none is valid. */
function unsignable(kept: Kept): Kept {
  if (kept.world === null) return kept;
  const presignKey = randomBytes(KEY_BYTES).toString('base64');
  return { ...kept, world: { ...kept.world, world: { ...kept.world.world, presignKey } } };
}

/** RFC 5869. */
async function keyOf({ path, token, name, url }: LastGoodOptions): Promise<Buffer> {
  const secret = token ?? (await ownSecret(`${path}.key`));
  const purpose = JSON.stringify(['domicile', 'last good', 1, name, url]);
  return Buffer.from(hkdfSync('sha256', secret, '', purpose, KEY_BYTES));
}

async function ownSecret(path: string): Promise<Buffer> {
  const found = await stat(path).catch(absent);
  if (found === null) {
    const secret = randomBytes(KEY_BYTES);
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(secret);
      await file.sync();
    } finally {
      await file.close();
    }
    return secret;
  }
  if ((found.mode & 0o077) !== 0)
    throw new Error(`${path} is open to other users: remove it, and the file beside it, and restart; or chmod 600`);
  const secret = await readFile(path);
  if (secret.length !== KEY_BYTES) throw new Error(`${path} is no key of ${KEY_BYTES} bytes: remove it and restart`);
  return secret;
}

function textOf(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch(absent);
}

function absent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}
