import { availableParallelism } from 'node:os';
import { setImmediate as turn } from 'node:timers/promises';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { BundleChecker, type BundleRange, type RangeResult } from './verify-bundles.ts';

/** Makes this module, loaded as a thread, check ranges. */
const ROLE = 'domicile-verify';
/** Bundles that are checked in one go: 16,384 entries. */
const RANGE = 64;
/** From so many ranges on it pays to start threads. */
const WORTH_THREADS = 4;
const MAX_THREADS = 8;

export interface CheckOptions {
  readonly folder: string;
  /** Full bundles. */
  readonly count: number;
  /** Told after each range how many bundles are done. */
  readonly onProgress: (bundles: number) => void;
}

/**
 * Checks the full bundles of a log, in several threads where there are many.
 * @returns the results in order; the last one may have a fault, and then those after it are left out
 */
export async function checkBundles({ folder, count, onProgress }: CheckOptions): Promise<RangeResult[]> {
  // Of a checkpoint that may state any size: nothing is made for what may not be there.
  let end = Math.ceil(count / RANGE);
  const threads = end < WORTH_THREADS ? 1 : Math.min(MAX_THREADS, availableParallelism());
  const results: RangeResult[] = [];
  let next = 0;
  let done = 0;
  const work = async (check: (range: BundleRange) => Promise<RangeResult>) => {
    while (next < end) {
      const place = next++;
      const range = { folder, first: place * RANGE, end: Math.min(count, (place + 1) * RANGE) };
      const result = await check(range);
      results[place] = result;
      // What comes before a fault may have an earlier one, and is finished.
      if (result.fault !== null) end = Math.min(end, place + 1);
      onProgress((done += range.end - range.first));
    }
  };
  if (threads === 1) {
    const checker = new BundleChecker();
    await work(async (range) => {
      await turn();
      return checker.range(range);
    });
  } else {
    await inThreads(threads, work);
  }
  return results.slice(0, end);
}

async function inThreads(
  count: number,
  work: (check: (range: BundleRange) => Promise<RangeResult>) => Promise<void>,
): Promise<void> {
  const options = { workerData: ROLE, name: 'verify', execArgv: [] };
  const workers = Array.from({ length: count }, () => new Worker(new URL(import.meta.url), options));
  try {
    await Promise.all(workers.map((worker) => work((range) => ask(worker, range))));
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

function ask(worker: Worker, range: BundleRange): Promise<RangeResult> {
  const { promise, resolve, reject } = Promise.withResolvers<RangeResult>();
  const end = () => {
    worker.off('message', answered);
    worker.off('error', failed);
  };
  const answered = (result: RangeResult) => {
    end();
    resolve(result);
  };
  const failed = (error: Error) => {
    end();
    reject(error);
  };
  worker.once('message', answered);
  worker.once('error', failed);
  worker.postMessage(range, []);
  return promise;
}

if (parentPort !== null && workerData === ROLE) {
  const port = parentPort;
  const checker = new BundleChecker();
  port.on('message', (range: BundleRange) => port.postMessage(checker.range(range), []));
}
