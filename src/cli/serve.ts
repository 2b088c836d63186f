import { readArguments, type Command } from './command.ts';
import { runDataPlane, SERVING_OPTIONS, SIGNALS_HELP } from './run.ts';

const HELP = `domicile serve: data plane, control plane and store on one machine

  domicile serve [--config FILE] [--workers N]

  --config FILE  default: config/domicile.yaml
  --workers N    processes that serve; default: one for each core that may be used. With 1, one process does everything;
                 with more, another one watches over them, restarts those that die, and has control plane and ops port

The first start prints a token for the first administrator of the control API, once, on standard error.

${SIGNALS_HELP}`;

export const serve: Command = {
  help: HELP,
  run(args) {
    return runDataPlane(readArguments(args, SERVING_OPTIONS).values, { kind: 'own' });
  },
};
