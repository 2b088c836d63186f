import cluster from 'node:cluster';
import { availableParallelism } from 'node:os';
import { Primary } from '../app/cluster/primary.ts';
import { isWorker, runWorker } from '../app/cluster/worker.ts';
import { Domicile } from '../app/domicile.ts';
import type { PolicyOrigin } from '../app/policy-origin.ts';
import type { Running } from '../app/running.ts';
import { version } from '../app/version.ts';
import { CommandError, UsageError } from './command.ts';

export const SERVING_OPTIONS = {
  config: { type: 'string', default: 'config/domicile.yaml' },
  workers: { type: 'string' },
} as const;

export const SIGNALS_HELP = `SIGHUP, or a change of a file, reloads: files that do not hold together change nothing, and the log says why. Files that
\${file:PATH} names are not watched: send SIGHUP.
SIGUSR2 restarts the workers one by one, each new one before its old one goes (with --workers 1 it does nothing).
SIGTERM and SIGINT drain: nothing new is accepted, what is in flight finishes, exit 0. A second one ends at once.
`;

const MAX_WORKERS = 1024;

/** Runs a data plane, whose policies come from `origin`, until it is told to stop. Resolves to the exit code. */
export async function runDataPlane(
  { config, workers: given }: { readonly config: string; readonly workers?: string },
  origin: PolicyOrigin,
): Promise<number> {
  const workers = workersOf(given);
  if (isWorker()) return runWorker({ version: version(), env: process.env });
  if (cluster.isWorker)
    throw new CommandError(
      'NODE_UNIQUE_ID is set: Node takes this process for a worker, which can neither listen nor start others. Unset it.',
    );
  const options = { config, version: version(), env: process.env, origin };
  return runUntilStopped(() => (workers === 1 ? Domicile.start(options) : Primary.start({ ...options, workers })), {
    workers,
  });
}

/** Starts, tells where it listens, obeys signals, and waits for the end. @param fields of the line that says it is ready */
export async function runUntilStopped(
  start: () => Promise<Running>,
  fields: Readonly<Record<string, unknown>>,
): Promise<number> {
  const started = obeySignals();
  let running: Running;
  try {
    running = await start();
  } catch (error) {
    throw new CommandError((error as Error).message);
  }
  const { log, listeners, opsUrl, controlUrl, feedUrl } = running;
  for (const { name, port } of listeners) log.info('listening', { listener: name, port });
  const control = controlUrl === null ? {} : { control: controlUrl, feed: feedUrl };
  log.info('ready', { ops: opsUrl, ...control, policies: running.loaded.policySet.policies.length, ...fields });
  started(running);
  await running.stopped;
  return 0;
}

function workersOf(given: string | undefined): number {
  if (given === undefined) return Math.min(availableParallelism(), MAX_WORKERS);
  const workers = /^\d{1,4}$/.test(given) ? Number(given) : 0;
  if (workers < 1 || workers > MAX_WORKERS)
    throw new UsageError(`--workers ${given}: give a whole number from 1 to ${MAX_WORKERS}`);
  return workers;
}

/**
 * Signals to reload, to restart the workers and to drain. Those that come before it runs wait until what is returned is
 * told that it does. A second signal to stop is meant, also then: whoever sends it will not wait.
 */
export function obeySignals(): (running: Running) => void {
  const started = Promise.withResolvers<Running>();
  const does = (what: string, act: (running: Running) => unknown) => async () => {
    const running = await started.promise;
    try {
      await act(running);
    } catch (error) {
      running.log.fatal(`${what} failed`, { error });
      running.exit(1);
    }
  };
  let exit: (code: number) => never = process.exit;
  let asked = false;
  const drain = does('drain', (running) => running.drain());
  const stop = () => {
    if (asked) exit(130);
    asked = true;
    return drain();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on(
    'SIGHUP',
    does('reload', (running) => running.reload('SIGHUP')),
  );
  process.on(
    'SIGUSR2',
    does('restarting the workers', (running) => running.roll()),
  );
  return (running) => {
    exit = (code) => running.exit(code);
    started.resolve(running);
  };
}
