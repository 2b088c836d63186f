import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rotateKey } from '../../audit/key.ts';
import { evidenceFolder, VERIFIER_FILE } from '../../audit/names.ts';
import { parseVerifier } from '../../audit/note.ts';
import { CommandError, readArguments, UsageError, type Subcommand } from '../command.ts';
import { shown } from './output.ts';
import { DEFAULT_CONFIG, logsAt, settingsFrom } from './place.ts';

const HELP = `domicile audit key: the keys of the evidence log

  domicile audit key [--config FILE]           prints the verifier key of each log of this sidecar, one a line
  domicile audit key rotate [--config FILE]    makes a new private key

  --config FILE  default: config/domicile.yaml

Auditors need what the first prints, by a way that is not the logs' own: domicile audit verify --key, check-proof --key.
After rotate, the processes that run sign on with the key they have. At its next start each signs the new key with the
old one, as an entry of its log, and goes on with the new. What was verified by the old key verifies on.
`;

const OPTIONS = { config: { type: 'string', default: DEFAULT_CONFIG } } as const;

export const key: Subcommand = {
  help: HELP,
  async run(args) {
    const { values, positionals } = readArguments(args, OPTIONS, true);
    const [action, extra] = positionals;
    if (extra !== undefined) throw new UsageError(`"${extra}" is one argument too many`);
    if (action === 'rotate') return rotate(values.config);
    if (action !== undefined) throw new UsageError(`no action "${action}": use rotate, or none to print keys`);
    for (const folder of await logsAt(evidenceFolder(settingsFrom(values.config).state)))
      process.stdout.write(`${shown(verifierIn(folder))}\n`);
    return 0;
  },
};

function verifierIn(folder: string): string {
  const file = join(folder, VERIFIER_FILE);
  try {
    return parseVerifier(readFileSync(file, 'latin1').trimEnd()).text;
  } catch (error) {
    throw new CommandError(`${file}: ${shown((error as Error).message)}. domicile audit verify tells what is wrong.`);
  }
}

function rotate(config: string): number {
  const { state, audit } = settingsFrom(config);
  if (audit.key !== null)
    throw new CommandError(
      `${config}: audit.key: names the private key, which is not kept here. Let it name a new one, and put the old one ` +
        `as PEM into ${join(state, 'evidence.key.previous')} (0600), so that each log is handed over at the next start.`,
    );
  try {
    rotateKey(state);
  } catch (error) {
    throw new CommandError((error as Error).message);
  }
  process.stdout.write(
    `There is a new key under ${state}. Restart the processes that use it (SIGUSR2 restarts workers one by one): each hands ` +
      'its log over as it starts. Then domicile audit key prints the new verifier keys.\n',
  );
  return 0;
}
