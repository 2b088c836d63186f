import { KINDS, type Entry } from '../../audit/entry.ts';
import { EntryMatcher, type EntryFilter } from '../../audit/filter.ts';
import { pseudonym, type PseudonymField } from '../../audit/pseudonym.ts';
import { query as entries } from '../../audit/query.ts';
import { LogReader } from '../../audit/reader.ts';
import { hint } from '../../core/closest.ts';
import { REASON_NAMES } from '../../core/reasons.ts';
import { CommandError, readArguments, UsageError, type Subcommand } from '../command.ts';
import { timeOf } from './moment.ts';
import { Output, shown } from './output.ts';
import { DEFAULT_CONFIG, evidenceAt, logsAt, settingsFrom } from './place.ts';
import { Progress } from './progress.ts';
import { asCsv, asRow, CSV_HEAD, TABLE_HEAD } from './shown-entry.ts';

const EFFECTS = ['allow', 'audit', 'deny'];

const HELP = `domicile audit query: finds entries of the evidence log

  domicile audit query [DIR] [filters] [--limit N] [--reverse] [--format FORMAT] [--config FILE]

  DIR               a log, or a folder that holds logs up to three levels below; default: the evidence of --config
  --tenant ID       whose data
  --subject ID      the person the data is about
  --user ID         who acted: the user of a request, or who called the API
  --resource NAME   bucket/key, index expression or model id, or several as one request named them
  --reason REASON   of the decision
  --effect EFFECT   ${EFFECTS.join(', ')}
  --region ID       where it was sent, or would have been
  --kind KIND       ${KINDS.join(', ')}
  --request-id ID   X-Request-ID
  --from TIME       not before this time (RFC 3339, or a date, which begins at midnight UTC)
  --to TIME         before this time
  --limit N         only the newest N; with --reverse too
  --reverse         newest first; default: newest last
  --format FORMAT   table, json (an entry a line, as it is in the log) or csv; default: table
  --config FILE     default: config/domicile.yaml where DIR is not given. Where it has audit.pseudonyms, --subject and
                    --resource are looked for by their pseudonyms, which needs --tenant

All filters that are given must hold. Several logs are merged by time. What is read is not verified: domicile audit verify.
Exits 0 when nothing is found, too.
`;

const OPTIONS = {
  tenant: { type: 'string' },
  subject: { type: 'string' },
  user: { type: 'string' },
  resource: { type: 'string' },
  reason: { type: 'string' },
  effect: { type: 'string' },
  region: { type: 'string' },
  kind: { type: 'string' },
  'request-id': { type: 'string' },
  from: { type: 'string' },
  to: { type: 'string' },
  limit: { type: 'string' },
  reverse: { type: 'boolean', default: false },
  format: { type: 'string', default: 'table' },
  config: { type: 'string' },
} as const;

type Values = ReturnType<typeof readArguments<typeof OPTIONS>>['values'];

const FORMAT_NAMES = ['table', 'json', 'csv'] as const;
const FORMATS: Readonly<
  Record<(typeof FORMAT_NAMES)[number], { readonly head: string; readonly line: (entry: Entry) => string }>
> = {
  table: { head: `${TABLE_HEAD}\n`, line: (entry) => `${asRow(entry)}\n` },
  json: { head: '', line: (entry) => `${shown(entry.text)}\n` },
  csv: { head: CSV_HEAD, line: asCsv },
};

export const query: Subcommand = {
  help: HELP,
  async run(args) {
    const { values, positionals } = readArguments(args, OPTIONS, true);
    const format = FORMATS[oneOf('format', values.format, FORMAT_NAMES) ?? 'table'];
    const limit = limitOf(values.limit);
    const place = evidenceAt(positionals, values.config);
    const matcher = new EntryMatcher(filterOf(values, positionals.length === 0));
    const logs = (await logsAt(place)).map((folder) => LogReader.open(folder));
    const output = new Output();
    try {
      output.add(format.head);
      for await (const entry of found(logs, matcher, values.reverse, limit)) {
        if (output.add(format.line(entry))) await output.flush();
        if (output.isGone) break;
      }
      await output.flush();
    } catch (error) {
      await output.flush();
      throw new CommandError(`${shown((error as Error).message)}. domicile audit verify ${place} tells what is wrong.`);
    }
    return 0;
  },
};

/** The newest `limit`, in the order that was asked for: the rest is not even read. */
function* found(
  logs: readonly LogReader[],
  matcher: EntryMatcher,
  reverse: boolean,
  limit: number | null,
): Generator<Entry> {
  const progress = new Progress(logs.reduce((sum, log) => sum + log.checkpoint().size, 0));
  const onProgress = progress.at;
  try {
    if (limit === null) {
      for (const entry of entries(logs, matcher, { reverse, onProgress })) {
        progress.clear();
        yield entry;
      }
      return;
    }
    const newest = entries(logs, matcher, { reverse: true, onProgress }).take(limit);
    if (reverse) yield* newest;
    else {
      const kept = [...newest].toReversed();
      progress.clear();
      yield* kept;
    }
  } finally {
    progress.clear();
  }
}

/** @param isOwn whether the evidence is that of the configuration */
function filterOf(values: Values, isOwn: boolean): EntryFilter {
  const { tenant, user, effect, reason, region, kind } = values;
  return {
    tenant,
    user,
    region,
    subject: named(values, 'subject', isOwn),
    resource: named(values, 'resource', isOwn),
    requestId: values['request-id'],
    effect: oneOf('effect', effect, EFFECTS),
    reason: oneOf('reason', reason, REASON_NAMES),
    kind: oneOf('kind', kind, KINDS),
    from: instantOf('from', values.from),
    to: instantOf('to', values.to),
  };
}

/** What stands in the log for a person or resource. */
function named(values: Values, field: PseudonymField, isOwn: boolean): string | undefined {
  const value = values[field];
  if (value === undefined || value.startsWith('hmac:') || (!isOwn && values.config === undefined)) return value;
  const { pseudonyms } = settingsFrom(values.config ?? DEFAULT_CONFIG).audit;
  if (pseudonyms === null || !pseudonyms.fields.includes(field)) return value;
  if (values.tenant === undefined)
    throw new UsageError(`--${field} needs --tenant: the log has pseudonyms, which are those of a tenant`);
  return pseudonym(pseudonyms.key, field, values.tenant, value);
}

function oneOf<W extends string>(name: string, value: string | undefined, words: readonly W[]): W | undefined {
  const word = words.find((each) => each === value);
  if (value === undefined || word !== undefined) return word;
  throw new UsageError(`--${name} ${value}: is none${hint(value, words)}: use one of ${words.join(', ')}`);
}

/** As entries have it. */
function instantOf(name: string, text: string | undefined): string | undefined {
  const moment = timeOf(name, text);
  return moment === undefined ? undefined : new Date(moment).toISOString();
}

function limitOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new UsageError(`--limit ${text}: give a whole number from 1 on`);
  return Number(text);
}
