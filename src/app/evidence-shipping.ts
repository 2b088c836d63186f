import { join } from 'node:path';
import type { Destination } from '../audit/destination.ts';
import { LogLock } from '../audit/lock.ts';
import { evidenceFolder } from '../audit/names.ts';
import { FolderDestination, folderId } from '../audit/ship-folder.ts';
import { ShipRecord } from '../audit/ship-record.ts';
import { Shipment, type ShipFailure } from '../audit/shipment.ts';
import type { Proxy } from '../proxy/proxy.ts';
import type { Log } from '../telemetry/log.ts';
import { BucketDestination, bucketId } from './evidence-bucket.ts';
import type { Settings } from './config/settings.ts';

/** Failures make it wait twice as long each time, up to this many milliseconds, or `every_seconds` if that is more. */
const LONGEST_PAUSE = 600_000;

export interface EvidenceShippingOptions {
  readonly settings: Settings;
  /** By which a bucket is reached. Null: this process has no data plane. */
  readonly proxy: Proxy | null;
  readonly log: Log;
  /** Milliseconds since the epoch. Default: the clock of this machine. */
  readonly now?: () => number;
}

/** Whose record tells what was shipped, and where to. Null: nothing is shipped. */
export function shippingRecord({ state, audit }: Settings): { recordFile: string; destination: string } | null {
  if (audit.ship === null) return null;
  const { target } = audit.ship;
  const destination = target.kind === 'folder' ? folderId(target.folder) : bucketId(target);
  return { recordFile: join(state, 'ship.json'), destination };
}

/**
 * Ships every log of this machine, every so often, for as long as this process serves; of several processes one does. It
 * never keeps a request from being served: what fails is told, counted and tried again.
 */
export class EvidenceShipping {
  readonly #options: EvidenceShippingOptions;
  readonly #every: number;
  readonly #now: () => number;
  readonly #bucket: BucketDestination | null;
  readonly #shipment: Shipment;
  readonly #stop = new AbortController();
  #lock: LogLock | null = null;
  #timer: NodeJS.Timeout | null = null;
  #turn: Promise<void> | null = null;
  #failures = 0;
  #inARow = 0;
  #retryAt = 0;
  /** What was told of a log that fails, by its folder's name, without the numbers in it. */
  #told = new Map<string, string>();

  /** @throws TypeError where nothing is to be shipped, or to a bucket without a data plane: the configuration was not checked */
  constructor(options: EvidenceShippingOptions) {
    const { settings, proxy, now = Date.now } = options;
    const { ship } = settings.audit;
    const where = shippingRecord(settings);
    if (ship === null || where === null) throw new TypeError('nothing is to be shipped');
    this.#options = options;
    this.#every = ship.everySeconds * 1000;
    this.#now = now;
    let destination: Destination;
    if (ship.target.kind === 'folder') {
      this.#bucket = null;
      destination = new FolderDestination(ship.target.folder);
    } else {
      if (proxy === null) throw new TypeError('a bucket is reached through a data plane');
      destination = this.#bucket = new BucketDestination(ship.target, proxy, now);
    }
    this.#shipment = new Shipment({
      evidence: evidenceFolder(settings.state),
      destination,
      record: ShipRecord.read(where.recordFile, where.destination),
      isOwn: (entry) => this.#bucket?.isOwn(entry) ?? false,
    });
  }

  /** Entries that the destination does not have, as last looked at: every `every_seconds`. */
  get lagEntries(): number {
    return this.#shipment.backlog.entries;
  }

  /** How old the oldest of them is. Seconds. */
  get lagSeconds(): number {
    const { since } = this.#shipment.backlog;
    return since === null ? 0 : Math.max(0, (this.#now() - since) / 1000);
  }

  /** Attempts that failed, log by log, since the start. */
  get failures(): number {
    return this.#failures;
  }

  start(): void {
    // One at a time: a turn that takes longer than the interval is not overtaken.
    const turn = () => (this.#turn ??= this.turn().finally(() => (this.#turn = null)));
    this.#timer = setInterval(turn, this.#every).unref();
    turn();
  }

  /** Looks what is new and ships it, unless another process does, or it failed too lately. Does not reject. */
  async turn(): Promise<void> {
    let failures: ShipFailure[];
    try {
      this.#lock ??= LogLock.take(this.#options.settings.state, 'ship');
      if (this.#lock === null) return;
      const isDue = this.#now() >= this.#retryAt;
      failures = isDue ? await this.#shipment.ship(this.#stop.signal) : await this.#shipment.look();
      if (!isDue && failures.length === 0) return;
    } catch (error) {
      failures = [{ log: '', error: error as Error }];
    }
    if (!this.#stop.signal.aborted) this.#tell(failures);
  }

  /** Gives up what is under way: the next start goes on with it. Before the data plane drains. */
  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#stop.abort();
    this.#bucket?.abandon();
    await this.#turn;
    this.#lock?.release();
  }

  #tell(failures: readonly ShipFailure[]): void {
    const { log } = this.#options;
    this.#failures += failures.length;
    const told = new Map<string, string>();
    for (const { log: name, error } of failures) {
      const gist = error.message.replaceAll(/\d+/g, '#');
      if (this.#told.get(name) !== gist) log.error(`evidence is not shipped: ${error.message}`, { log: name });
      told.set(name, gist);
    }
    if (this.#told.size > 0 && told.size === 0) log.info('evidence is shipped again');
    this.#told = told;
    this.#inARow = failures.length === 0 ? 0 : this.#inARow + 1;
    // Half an interval less, since turns do not come to the millisecond: 1, 2, 4, … turns later.
    const pause = this.#every * (2 ** (this.#inARow - 1) - 0.5);
    this.#retryAt = this.#inARow === 0 ? 0 : this.#now() + Math.min(pause, Math.max(this.#every, LONGEST_PAUSE));
  }
}
