import { targetOf } from '../feed/target.ts';
import { readArguments, UsageError, type Command } from './command.ts';
import { runDataPlane, SERVING_OPTIONS, SIGNALS_HELP } from './run.ts';

const HELP = `domicile proxy: the data plane alone, fed by a control plane

  domicile proxy --control URL [--config FILE] [--workers N]

  --control URL  feed of the control plane (its feed.listen): https://host:port, or unix:/path/of/feed.sock
  --config FILE  default: config/domicile.yaml; feed.token and feed.tls say how to prove who this is, and whom to believe
  --workers N    processes that serve; default: one for each core that may be used

Endpoints and credentials are those of this machine's files; policies, grants, overrides, records, regimes and the status
of regions come from the control plane alone: files of policies here are not read. Cut off from it, what restricts stays in
force, also across a restart (state folder, signed); grants and overrides end within five seconds. With neither a control
plane nor anything kept, /readyz says 503 and every request is refused; it says 503 too where what the control plane says
of regions contradicts the files here, or nothing can be kept.

${SIGNALS_HELP}`;

const OPTIONS = { ...SERVING_OPTIONS, control: { type: 'string' } } as const;

export const proxy: Command = {
  help: HELP,
  async run(args) {
    const { control: url, ...values } = readArguments(args, OPTIONS).values;
    if (url === undefined) throw new UsageError('--control is missing: give the feed of the control plane');
    try {
      targetOf(url);
    } catch (error) {
      throw new UsageError(`--control ${(error as Error).message.replace(/\.$/, '')}`);
    }
    return runDataPlane(values, { kind: 'remote', url });
  },
};
