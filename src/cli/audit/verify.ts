import { readFileSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { parseCheckpoint } from '../../audit/checkpoint.ts';
import { parseNote } from '../../audit/note.ts';
import { LogReader } from '../../audit/reader.ts';
import { verifyTogether } from '../../audit/verify-together.ts';
import { verifyLog, type KeptCheckpoint, type Verified } from '../../audit/verify.ts';
import { CommandError, readArguments, type Subcommand } from '../command.ts';
import { readVerifiers } from './keys.ts';
import { shown } from './output.ts';
import { evidenceAt, logsAt } from './place.ts';
import { Progress } from './progress.ts';

const HELP = `domicile audit verify: whether logs are complete and unaltered

  domicile audit verify [DIR] [--key KEY]… [--since FILE] [--json] [--config FILE]

  DIR            a log, or a folder that holds logs up to three levels below; default: the evidence of --config
  --key KEY      a verifier key, or a file with one on each line, as domicile audit key prints them; each log must be
                 signed by one of them, or by one that it was handed over to, and of a sidecar with logs in DIR none may be
                 missing that a key is of. Without it the key in the log's own folder
                 is believed, which shows what was altered by accident, or by whoever does not have the private key
  --since FILE   a checkpoint that was kept elsewhere: its log must begin with what it states, or it was rolled back or
                 rewritten
  --json         one JSON object: ok, logs
  --config FILE  default: config/domicile.yaml

Reads every entry, every hash and every checkpoint, and tells of each log that is not as it was signed the file and the
first byte in it. A log may be written meanwhile. A line for each log: its origin, entries, the id of the key that signs,
entries deleted by retention, and gaps, which are records of what is known not to be there.
Exits 0 when all verify, 1 when not, 2 on misuse.
`;

const OPTIONS = {
  key: { type: 'string', multiple: true },
  since: { type: 'string' },
  json: { type: 'boolean', default: false },
  config: { type: 'string' },
} as const;

export const verify: Subcommand = {
  help: HELP,
  async run(args) {
    const { values, positionals } = readArguments(args, OPTIONS, true);
    const keys = values.key === undefined ? null : readVerifiers(values.key);
    const since = values.since === undefined ? null : keptCheckpoint(resolve(values.since));
    const place = evidenceAt(positionals, values.config);
    const folders = await logsAt(place);
    const logs: Verified[] = [];
    const progress = new Progress(folders.reduce((sum, folder) => sum + sizeOf(folder), 0));
    let before = 0;
    for (const folder of folders) {
      const verified = await verifyLog(folder, { keys, since, onProgress: (entries) => progress.at(before + entries) });
      before += verified.size;
      logs.push(verified);
      progress.clear();
      if (!values.json) process.stdout.write(asText(verified));
    }
    const lost = since !== null && logs.every(({ origin }) => origin !== since.checkpoint.origin) ? since : null;
    // Who names one log wants to know of no other.
    const errors = resolve(place) === resolve(folders[0]!) ? [] : verifyTogether(logs, keys);
    if (lost !== null) errors.push(`--since ${lost.file}: its log, ${lost.checkpoint.origin}, is not among these`);
    const isOk = errors.length === 0 && logs.every(({ fault }) => fault === null);
    const error = errors.length === 0 ? null : errors.join('; ');
    if (values.json) process.stdout.write(`${shown(JSON.stringify({ ok: isOk, error, logs: logs.map(asJson) }))}\n`);
    else for (const each of errors) process.stderr.write(`${shown(each)}\n`);
    return isOk ? 0 : 1;
  },
};

function keptCheckpoint(file: string): KeptCheckpoint {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandError(`--since ${file}: cannot be read (${code}). Name a checkpoint that was kept.`);
  }
  try {
    const note = parseNote(bytes);
    return { file, bytes, checkpoint: { ...parseCheckpoint(note.text), note } };
  } catch (error) {
    throw new CommandError(`--since ${file}: ${(error as Error).message}. Name a checkpoint that was kept whole.`);
  }
}

/** For the progress bar alone: what cannot be read counts nothing, and verification says why. */
function sizeOf(folder: string): number {
  try {
    return LogReader.open(folder).checkpoint().size;
  } catch {
    return 0;
  }
}

function asText({ folder, origin, size, key, pruned, gaps, notes, fault }: Verified): string {
  const name = shown(origin ?? folder);
  const lines = [
    fault === null
      ? `ok  ${name}  ${size} entries  ${idOf(key)}  pruned ${pruned}  gaps ${gaps.length}`
      : shown(`BAD ${name}  ${fileOf(folder, fault.file)}, byte ${fault.offset}: ${fault.message}`),
    ...notes.map((note) => `    note: ${shown(note)}`),
    ...gaps.map((gap) => {
      const lost = gap.lost === null ? 'an unknown number of entries' : `${gap.lost} entries`;
      const when = gap.from === null ? '' : ` from ${gap.from} to ${gap.to ?? gap.time}`;
      return shown(
        `    gap: entry ${gap.seq}, ${gap.cause}: ${lost} lost, ${gap.refused} refused${when}: ${gap.detail}`,
      );
    }),
  ];
  return `${lines.join('\n')}\n`;
}

/** A checkpoint that was given lies where it lies; all else in the log. */
function fileOf(folder: string, file: string): string {
  return isAbsolute(file) ? file : join(folder, file);
}

function idOf(key: Verified['key']): string {
  return key === null ? '-' : key.id.toString(16).padStart(8, '0');
}

function asJson({ key, fault, ...rest }: Verified) {
  return { ok: fault === null, ...rest, key: key?.text ?? null, fault };
}
