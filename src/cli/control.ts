import { ControlOnly } from '../app/control-only.ts';
import { version } from '../app/version.ts';
import { readArguments, type Command } from './command.ts';
import { runUntilStopped } from './run.ts';

const HELP = `domicile control: the control plane alone

  domicile control [--config FILE]

  --config FILE  default: config/domicile.yaml

Serves the control API (control.listen), the feed of proxies (feed.listen) and the ops port; no data listener is bound.
With store.url it keeps everything in PostgreSQL, and any number of such processes may run, all with the same files: one
whose files are not those loaded last hands nothing out. Without it: SQLite under state.
The first start prints a token for the first administrator, once, on standard error.

SIGHUP, or a change of a file, reloads; SIGTERM and SIGINT stop it. Proxies go on without it: see domicile proxy --help.
`;

const OPTIONS = { config: { type: 'string', default: 'config/domicile.yaml' } } as const;

export const control: Command = {
  help: HELP,
  run(args) {
    const { config } = readArguments(args, OPTIONS).values;
    return runUntilStopped(() => ControlOnly.start({ config, version: version(), env: process.env }), {});
  },
};
