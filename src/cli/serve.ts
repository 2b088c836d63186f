import { availableParallelism } from 'node:os';
import { Primary } from '../app/cluster/primary.ts';
import { isWorker, runWorker } from '../app/cluster/worker.ts';
import { Domicile } from '../app/domicile.ts';
import type { Running } from '../app/running.ts';
import { version } from '../app/version.ts';
import { CommandError, readArguments, UsageError, type Command } from './command.ts';

const HELP = `domicile serve: the data plane and the ops port

  domicile serve [--config FILE] [--workers N]

  --config FILE  default: config/domicile.yaml
  --workers N    processes that serve; default: one for each core that may be used. With 1, one process does everything;
                 with more, another one watches over them, restarts those that die and has the ops port

SIGHUP, or a change of a file, reloads: files that do not hold together change nothing, and the log says why.
SIGUSR2 restarts the workers one by one, each new one before its old one goes (with --workers 1: not to be sent).
SIGTERM and SIGINT drain: nothing new is accepted, what is in flight finishes, exit 0. A second one ends at once.
`;

const OPTIONS = {
  config: { type: 'string', default: 'config/domicile.yaml' },
  workers: { type: 'string' },
} as const;

const MAX_WORKERS = 1024;

export const serve: Command = {
  help: HELP,
  async run(args) {
    const { values } = readArguments(args, OPTIONS);
    const workers = workersOf(values.workers);
    if (isWorker()) return runWorker({ version: version(), env: process.env });
    const running = await start(values.config, workers);
    for (const { name, port } of running.listeners) running.log.info('listening', { listener: name, port });
    running.log.info('ready', { ops: running.opsUrl, policies: running.loaded.policySet.policies.length, workers });
    untilStopped(running);
    await running.stopped;
    return 0;
  },
};

function workersOf(given: string | undefined): number {
  if (given === undefined) return Math.min(availableParallelism(), MAX_WORKERS);
  const workers = /^\d{1,4}$/.test(given) ? Number(given) : 0;
  if (workers < 1 || workers > MAX_WORKERS)
    throw new UsageError(`--workers ${given}: give a whole number from 1 to ${MAX_WORKERS}`);
  return workers;
}

async function start(config: string, workers: number): Promise<Running> {
  const options = { config, version: version(), env: process.env };
  try {
    if (workers === 1) return await Domicile.start(options);
    const primary = await Primary.start({ ...options, workers });
    process.on('SIGUSR2', () => {
      primary.roll().catch((error: unknown) => primary.log.error('restarting the workers failed', { error }));
    });
    return primary;
  } catch (error) {
    throw new CommandError((error as Error).message);
  }
}

/** Signals to reload and to drain. A second signal to stop is meant: whoever sends it will not wait. */
export function untilStopped(running: Running): void {
  let asked = false;
  const stop = () => {
    if (asked) running.exit(130);
    asked = true;
    running.drain().catch((error: unknown) => {
      running.log.fatal('drain failed', { error });
      running.exit(1);
    });
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('SIGHUP', () => running.reload('SIGHUP'));
}
