import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { decodeBase64 } from './base64.ts';
import { EMPTY_ROOT, HASH_BYTES } from './hash.ts';
import { syncFolder, writeWhole } from './ship-folder.ts';
import { TILE_WIDTH } from './tile.ts';

/** How much of a log a destination has. */
export interface Shipped {
  /** Entries and root of the last checkpoint that is there, with all that it needs. */
  readonly size: number;
  readonly root: Buffer;
  /** Entries whose full tiles and bundles are there: a multiple of 256. More than `size` while more is on its way. */
  readonly full: number;
}

export const NOTHING_SHIPPED: Shipped = { size: 0, root: EMPTY_ROOT, full: 0 };

/** What was shipped to one destination, log by log, kept in a file so that a restart goes on where it was. */
export class ShipRecord {
  readonly #file: string;
  readonly #destination: string;
  #logs: Map<string, Shipped>;

  private constructor(file: string, destination: string, logs: Map<string, Shipped>) {
    this.#file = file;
    this.#destination = destination;
    this.#logs = logs;
  }

  /**
   * A file that is not there, is of another destination or cannot be read is a record of nothing: then the destination
   * is asked, or everything is shipped once more.
   */
  static read(file: string, destination: string): ShipRecord {
    return new ShipRecord(file, destination, logsIn(file, destination));
  }

  /** @param log name of its folder */
  of(log: string): Shipped {
    return this.#logs.get(log) ?? NOTHING_SHIPPED;
  }

  /** Durable once it resolves. */
  async note(log: string, shipped: Shipped): Promise<void> {
    this.#logs.set(log, shipped);
    const logs = [...this.#logs].map(([name, { size, root, full }]) => [
      name,
      { size, root: root.toString('base64'), full },
    ]);
    const text = JSON.stringify({ v: 1, destination: this.#destination, logs: Object.fromEntries(logs) }, null, 1);
    const folder = dirname(this.#file);
    await mkdir(folder, { recursive: true });
    await writeWhole(this.#file, Buffer.from(`${text}\n`));
    await syncFolder(folder);
  }
}

function logsIn(file: string, destination: string): Map<string, Shipped> {
  let kept: unknown;
  try {
    kept = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return new Map();
  }
  const { v, destination: of, logs } = (kept ?? {}) as Record<string, unknown>;
  if (v !== 1 || of !== destination || typeof logs !== 'object' || logs === null) return new Map();
  const found = new Map<string, Shipped>();
  for (const [name, value] of Object.entries(logs)) {
    const shipped = shippedOf(value);
    if (shipped !== null) found.set(name, shipped);
  }
  return found;
}

function shippedOf(value: unknown): Shipped | null {
  const { size, root, full } = (value ?? {}) as Record<string, unknown>;
  const hash = typeof root === 'string' ? decodeBase64(root) : null;
  if (!isCount(size) || !isCount(full) || full % TILE_WIDTH !== 0 || hash?.length !== HASH_BYTES) return null;
  return { size, root: hash, full };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
