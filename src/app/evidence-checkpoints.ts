import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCheckpoint } from '../audit/checkpoint.ts';
import { CHECKPOINT_FILE } from '../audit/names.ts';
import { parseNote } from '../audit/note.ts';
import type { Log } from '../telemetry/log.ts';

/** Milliseconds that a peer has to answer. */
const PEER_BOUND = 5000;

export interface CheckpointsOptions {
  /** Folder of the log that this process writes. */
  readonly folder: string;
  readonly everySeconds: number;
  /** Whom they are posted to; null: nobody. */
  readonly peer: string | null;
  readonly log: Log;
}

/**
 * Tells the world what this log is: whoever keeps a checkpoint can prove that what came before it was not rewritten. Each
 * that is new is a line of the log and, where there is a peer, posted there as text. What a peer does not take is no loss:
 * the next checkpoint covers it, and is posted in its place.
 */
export class Checkpoints {
  readonly #options: CheckpointsOptions;
  #timer: NodeJS.Timeout | null = null;
  #turn: Promise<void> = Promise.resolve();
  #told = '';
  #posted = '';
  #isRefused = false;

  constructor(options: CheckpointsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => (this.#turn = this.turn()), this.#options.everySeconds * 1000).unref();
  }

  /** Tells the checkpoint that is on disk now, unless it was told. Does not reject. */
  async turn(): Promise<void> {
    const { folder, log, peer } = this.#options;
    try {
      const bytes = readFileSync(join(folder, CHECKPOINT_FILE));
      const { text, signatures } = parseNote(bytes);
      if (text !== this.#told) {
        const { origin, size, root } = parseCheckpoint(text);
        const own = signatures.find(({ name }) => name === origin);
        const key_id = own === undefined ? null : own.id.toString(16).padStart(8, '0');
        log.info('evidence checkpoint', { origin, size, root: root.toString('base64'), key_id });
        this.#told = text;
      }
      if (peer !== null && text !== this.#posted && (await this.#post(peer, bytes))) this.#posted = text;
    } catch (error) {
      log.error('the checkpoint of the evidence cannot be read', { error });
    }
  }

  /** Stops, and tells the last one. After the log is closed. */
  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#turn;
    await this.turn();
  }

  async #post(peer: string, bytes: Buffer): Promise<boolean> {
    let why: string;
    try {
      const { status, ok } = await fetch(peer, {
        method: 'POST',
        headers: { 'content-type': 'text/plain; charset=utf-8', 'user-agent': 'Domicile' },
        body: new Uint8Array(bytes),
        redirect: 'error', // it is for this address and no other
        signal: AbortSignal.timeout(PEER_BOUND),
      });
      why = ok ? '' : `it answered ${status}`;
    } catch (error) {
      const { message, cause } = error as Error;
      why = cause instanceof Error ? cause.message : message;
    }
    if (why !== '' && !this.#isRefused)
      this.#options.log.warn(`the peer does not take checkpoints: ${why}: look at audit.checkpoint.peer`);
    if (why === '' && this.#isRefused) this.#options.log.info('the peer takes checkpoints again');
    this.#isRefused = why !== '';
    return why === '';
  }
}
