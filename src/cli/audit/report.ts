import { writeFileSync } from 'node:fs';
import { EntryMatcher } from '../../audit/filter.ts';
import { query } from '../../audit/query.ts';
import { LogReader } from '../../audit/reader.ts';
import { buildReport } from '../../audit/report/build.ts';
import { htmlOf } from '../../audit/report/html.ts';
import { markdownOf } from '../../audit/report/markdown.ts';
import type { Coverage, CoveredLog, Report } from '../../audit/report/model.ts';
import { verifyTogether } from '../../audit/verify-together.ts';
import { verifyLog, type Verified } from '../../audit/verify.ts';
import type { Entry } from '../../audit/entry.ts';
import type { Verifier } from '../../audit/note.ts';
import { CommandError, readArguments, UsageError, type Subcommand } from '../command.ts';
import { readVerifiers } from './keys.ts';
import { timeOf } from './moment.ts';
import { Output, shown } from './output.ts';
import { evidenceAt, logsAt } from './place.ts';
import { Progress } from './progress.ts';

const HELP = `domicile audit report: what happened to the data of a tenant, for people

  domicile audit report [DIR] --tenant ID [--from TIME] [--to TIME] [--format FORMAT] [--out FILE] [--key KEY]…
                        [--no-verify] [--config FILE]

  DIR              a log, or a folder that holds logs up to three levels below; default: the evidence of --config
  --tenant ID      whose data
  --from TIME      not before this time (RFC 3339, or a date, which begins at midnight UTC); default: 30 days before --to
  --to TIME        before this time; default: now
  --format FORMAT  markdown, html (one page that needs nothing else, for browsers and for printing, also to PDF) or json;
                   default: markdown
  --out FILE       write there; default: standard output
  --key KEY        a verifier key, or a file with one on each line, as domicile audit key prints them; default: what the
                   logs themselves name
  --no-verify      do not verify the logs first; the report says so
  --config FILE    default: config/domicile.yaml where DIR is not given

Tells requests by service, verb, class and region, approvals, reasons of refusals, each time that data crossed a border with
who approved it and on what basis, and findings.
Exits 1 when a log does not verify: the report is made all the same, and says so.
`;

const FORMATS: Readonly<Record<string, (report: Report) => string>> = {
  markdown: markdownOf,
  html: htmlOf,
  json: (report) => `${JSON.stringify(report, null, 2)}\n`,
};

const OPTIONS = {
  tenant: { type: 'string' },
  from: { type: 'string' },
  to: { type: 'string' },
  format: { type: 'string', default: 'markdown' },
  out: { type: 'string' },
  key: { type: 'string', multiple: true },
  'no-verify': { type: 'boolean', default: false },
  config: { type: 'string' },
} as const;

/** Milliseconds that a report covers unless it is told. */
const REPORTED = 30 * 86_400_000;
/** Milliseconds after a period within which requests of the period have ended. */
const ENDING = 900_000;

export const report: Subcommand = {
  help: HELP,
  async run(args) {
    const { values, positionals } = readArguments(args, OPTIONS, true);
    const { tenant, format, out } = values;
    if (tenant === undefined) throw new UsageError('--tenant is missing: whose data is it about?');
    const render = Object.hasOwn(FORMATS, format) ? FORMATS[format] : undefined;
    if (render === undefined)
      throw new UsageError(`--format ${format}: is none: use one of ${Object.keys(FORMATS).join(', ')}`);
    const now = Date.now();
    const to = timeOf('to', values.to) ?? now;
    const from = timeOf('from', values.from) ?? to - REPORTED;
    if (from >= to) throw new UsageError('--from must be before --to: this leaves nothing');
    const keys = values.key === undefined ? null : readVerifiers(values.key);
    const place = evidenceAt(positionals, values.config);
    const folders = await logsAt(place);
    const logs = longest(folders);
    const coverage = values['no-verify'] ? unverified(logs) : await verified(folders, logs, keys);
    const made = await make(logs, { tenant, from, to, now, coverage }, place);
    await write(render(made), out);
    for (const { origin, problem } of coverage.logs)
      if (problem !== null) process.stderr.write(`${shown(`${origin}: ${problem}`)}\n`);
    return coverage.verified === false ? 1 : 0;
  },
};

async function make(
  logs: readonly LogReader[],
  options: Parameters<typeof buildReport>[1],
  place: string,
): Promise<Report> {
  const progress = new Progress(SCANS * logs.reduce((sum, log) => sum + log.checkpoint().size, 0));
  try {
    return await buildReport(entriesFor(logs, options, progress), options);
  } catch (error) {
    throw new CommandError(`${shown((error as Error).message)}. domicile audit verify ${place} tells what is wrong.`);
  } finally {
    progress.clear();
  }
}

const SCANS = 4;

function* entriesFor(
  logs: readonly LogReader[],
  { tenant, from, to }: { readonly tenant: string; readonly from: number; readonly to: number },
  progress: Progress,
): Generator<Entry> {
  const [first, last] = [new Date(from).toISOString(), new Date(to + ENDING).toISOString()];
  const all = logs.reduce((sum, log) => sum + log.checkpoint().size, 0);
  const scans = [
    // Who approved before what is used now.
    { tenant, kind: 'control', to: first },
    { kind: 'gap', from: first, to: last },
    { kind: 'key', from: first, to: last },
    { tenant, from: first, to: last },
  ] as const;
  for (const [i, filter] of scans.entries())
    yield* query(logs, new EntryMatcher(filter), { onProgress: (entries) => progress.at(i * all + entries) });
}

/** One reader of each log: of several copies the longest. */
function longest(folders: readonly string[]): LogReader[] {
  const found = new Map<string, { readonly log: LogReader; readonly size: number }>();
  for (const folder of folders) {
    const log = LogReader.open(folder);
    const { origin, size } = checkpointOf(log);
    const other = found.get(origin);
    if (other === undefined || other.size < size) found.set(origin, { log, size });
  }
  return Array.from(found.values(), ({ log }) => log);
}

function checkpointOf(log: LogReader) {
  try {
    return log.checkpoint();
  } catch (error) {
    throw new CommandError(`${log.folder}: ${shown((error as Error).message)}. domicile audit verify tells more.`);
  }
}

function unverified(logs: readonly LogReader[]): Coverage {
  return { verified: null, logs: logs.map((log) => covered(log, null, null)), incomplete: [] };
}

/** @param folders all copies too: of two that are not of one history neither can be believed for its length */
async function verified(
  folders: readonly string[],
  logs: readonly LogReader[],
  keys: readonly Verifier[] | null,
): Promise<Coverage> {
  const sizes = folders.map((folder) => checkpointOf(LogReader.open(folder)).size);
  const progress = new Progress(sizes.reduce((sum, size) => sum + size, 0));
  const all: Verified[] = [];
  let before = 0;
  for (const [i, folder] of folders.entries()) {
    all.push(await verifyLog(folder, { keys, onProgress: (done) => progress.at(before + done) }));
    before += sizes[i]!;
  }
  progress.clear();
  const told = logs.map((log) => {
    const { fault } = all.find(({ folder }) => folder === log.folder)!;
    const problem = fault && `${fault.file}, byte ${fault.offset}: ${fault.message}`;
    return covered(log, fault === null, problem);
  });
  for (const problem of verifyTogether(all, keys)) told.push({ ...NO_LOG, problem });
  return { verified: told.every(({ verified: isOk }) => isOk), logs: told, incomplete: [] };
}

/** Stands for what is wrong with logs beside each other. */
const NO_LOG = { origin: 'logs beside each other', size: 0, root: '', key_ids: [], verified: false } as const;

function covered(log: LogReader, isVerified: boolean | null, problem: string | null): CoveredLog {
  const { origin, size, root, note } = checkpointOf(log);
  const signed = note.signatures.filter(({ name }) => name === origin);
  return {
    origin,
    size,
    root: root.toString('base64'),
    key_ids: signed.map(({ id }) => id.toString(16).padStart(8, '0')),
    verified: isVerified,
    problem,
  };
}

async function write(text: string, out: string | undefined): Promise<void> {
  if (out === undefined) {
    const output = new Output();
    output.add(text);
    return output.flush();
  }
  try {
    writeFileSync(out, text);
  } catch (error) {
    throw new CommandError(`--out ${out}: cannot be written (${(error as NodeJS.ErrnoException).code})`);
  }
}
