import { Domicile } from '../app/domicile.ts';
import { version } from '../app/version.ts';
import { CommandError, readArguments, UsageError, type Command } from './command.ts';

const HELP = `domicile serve: the data plane and the ops port

  domicile serve [--config FILE] [--workers 1]

  --config FILE  default: config/domicile.yaml
  --workers N    processes; this version serves from one

SIGHUP, or a change of a file, reloads: files that do not hold together change nothing, and the log says why.
SIGTERM and SIGINT drain: nothing new is accepted, what is in flight finishes, exit 0. A second one ends at once.
`;

const OPTIONS = {
  config: { type: 'string', default: 'config/domicile.yaml' },
  workers: { type: 'string', default: '1' },
} as const;

export const serve: Command = {
  help: HELP,
  async run(args) {
    const { values } = readArguments(args, OPTIONS);
    if (values.workers !== '1')
      throw new UsageError(`--workers ${values.workers}: this version serves from one process, leave it at 1`);
    let domicile: Domicile;
    try {
      domicile = await Domicile.start({ config: values.config, version: version(), env: process.env });
    } catch (error) {
      throw new CommandError((error as Error).message);
    }
    for (const { name, port } of domicile.plane.listeners) domicile.log.info('listening', { listener: name, port });
    domicile.log.info('ready', { ops: domicile.opsUrl, policies: domicile.plane.loaded.policySet.policies.length });
    untilStopped(domicile);
    await domicile.stopped;
    return 0;
  },
};

/** Signals to reload and to drain. A second signal to stop is meant: whoever sends it will not wait. */
export function untilStopped(domicile: Domicile): void {
  let asked = false;
  const stop = () => {
    if (asked) process.exit(130);
    asked = true;
    domicile.drain().catch((error: unknown) => {
      domicile.log.fatal('drain failed', { error });
      process.exit(1);
    });
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('SIGHUP', () => domicile.reload('SIGHUP'));
}
