import { writeFileSync } from 'node:fs';
import { EntryMatcher } from '../../audit/filter.ts';
import { proveEntry, type EntryProof } from '../../audit/proof.ts';
import { query } from '../../audit/query.ts';
import { LogReader } from '../../audit/reader.ts';
import { CommandError, readArguments, UsageError, type Subcommand } from '../command.ts';
import { shown } from './output.ts';
import { evidenceAt, logsAt } from './place.ts';
import { Progress } from './progress.ts';

const HELP = `domicile audit prove: a proof that one entry is in its log

  domicile audit prove SEQ|REQUEST_ID [DIR] [--log ORIGIN] [--out FILE] [--config FILE]

  SEQ            the entry's place in its log, from 0
  REQUEST_ID     every entry of one request: its decision and its outcome
  DIR            a log, or a folder that holds logs up to three levels below; default: the evidence of --config
  --log ORIGIN   in this log, such as domicile/edge/1; needed for a SEQ where there are several
  --out FILE     write there; default: standard output
  --config FILE  default: config/domicile.yaml

Writes a JSON object a line: log, entry (its text as it was hashed) and proof (C2SP tlog-proof: index, inclusion proof,
signed checkpoint). Whoever has that and the log's verifier key can check it: domicile audit check-proof.
Exits 1 when there is no such entry.
`;

const OPTIONS = {
  log: { type: 'string' },
  out: { type: 'string' },
  config: { type: 'string' },
} as const;

export const prove: Subcommand = {
  help: HELP,
  async run(args) {
    const { values, positionals } = readArguments(args, OPTIONS, true);
    const [what, ...place] = positionals;
    if (what === undefined) throw new UsageError('say which entry: its SEQ, or a REQUEST_ID');
    const folders = await logsAt(evidenceAt(place, values.config));
    const logs = chosen(folders, values.log);
    let proofs: EntryProof[];
    try {
      proofs = /^\d{1,16}$/.test(what) ? [proveEntry(onlyOne(logs), Number(what))] : proveRequest(logs, what);
    } catch (error) {
      if (error instanceof UsageError) throw error;
      throw new CommandError(`${what}: ${shown((error as Error).message)}`);
    }
    const text = proofs.map((proof) => `${shown(JSON.stringify(proof))}\n`).join('');
    if (values.out === undefined) process.stdout.write(text);
    else write(values.out, text, proofs);
    return 0;
  },
};

function chosen(folders: readonly string[], origin: string | undefined): LogReader[] {
  const logs = folders.map((folder) => LogReader.open(folder));
  if (origin === undefined) return logs;
  const found = logs.filter((log) => originOf(log) === origin);
  if (found.length > 0) return found;
  throw new CommandError(`--log ${origin}: is not among these: ${shown(logs.map(originOf).join(', '))}`);
}

function originOf(log: LogReader): string {
  try {
    return log.checkpoint().origin;
  } catch (error) {
    throw new CommandError(`${log.folder}: ${shown((error as Error).message)}. domicile audit verify tells more.`);
  }
}

function onlyOne(logs: readonly LogReader[]): LogReader {
  const [log] = logs;
  if (log === undefined || logs.length > 1)
    throw new UsageError(`a SEQ is of one log: say which by --log: ${shown(logs.map(originOf).join(', '))}`);
  return log;
}

function proveRequest(logs: readonly LogReader[], requestId: string): EntryProof[] {
  const byOrigin = new Map(logs.map((log) => [originOf(log), log]));
  const progress = new Progress(logs.reduce((sum, log) => sum + log.checkpoint().size, 0));
  const found = [...query(logs, new EntryMatcher({ requestId }), { onProgress: progress.at })];
  progress.clear();
  if (found.length === 0) throw new Error('no entry has that request id');
  return found.map(({ log, seq }) => proveEntry(byOrigin.get(log)!, seq));
}

function write(file: string, text: string, proofs: readonly EntryProof[]): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandError(`--out ${file}: cannot be written (${code}). Name a file that can.`);
  }
  process.stderr.write(`${file}: ${proofs.length} ${proofs.length === 1 ? 'proof' : 'proofs'}\n`);
}
