import type { Entry } from '../../audit/entry.ts';
import { shown } from './output.ts';

/** Columns of a table. The last one takes what it needs. */
const COLUMNS = [
  ['TIME', 24],
  ['KIND', 8],
  ['TENANT', 16],
  ['EFFECT', 6],
  ['REASON', 25],
  ['CLASS', 13],
  ['WHO', 20],
  ['REGION', 12],
  ['WHAT', 0],
] as const;

export const TABLE_HEAD = row(COLUMNS.map(([name]) => name));

/** An entry as a row of a table. What is too long for its column is cut. */
export function asRow(entry: Entry): string {
  const { value } = entry;
  const word = (key: string) => textOf(value[key]);
  return row([
    word('time'),
    word('kind'),
    word('tenant') || '-',
    word('effect') || '-',
    word('reason') || '-',
    word('classification') || '-',
    word('user') || word('actor') || word('subject') || '-',
    word('target_region') || '-',
    [whatOf(value), `${entry.log}#${entry.seq}`].filter((text) => text !== '').join('  '),
  ]);
}

function whatOf(value: Readonly<Record<string, unknown>>): string {
  const words = (...keys: readonly string[]) =>
    keys
      .map((key) => textOf(value[key]))
      .filter((text) => text !== '')
      .join(' ');
  switch (value['kind']) {
    case 'decision':
      return words('verb', 'service', 'operation', 'resource', 'grant', 'override');
    case 'outcome':
      return `of ${words('of', 'status')}`;
    case 'gap':
      return `${words('cause')}: lost ${textOf(value['lost']) || '?'}, refused ${words('refused')}`;
    case 'key':
      return words('action', 'key');
    default:
      return words('action', 'object_id', 'resource', 'outcome');
  }
}

/** An entry with a line for each of its facts. */
export function asLines(entry: Entry): string {
  const facts = Object.entries(entry.value);
  const width = Math.max(...facts.map(([key]) => key.length));
  return facts.map(([key, value]) => shown(`    ${key.padEnd(width)}  ${textOf(value)}`)).join('\n');
}

const CSV_KEYS = (
  'seq time kind sidecar tenant request_id subject user actor action object object_id outcome mode service dialect verb ' +
  'operation classification resource caller_region target_region requested_region effect reason policy policy_revision ' +
  'frameworks retention_days grant second_grant override approved_by legal_basis status upstream_status bytes_in ' +
  'bytes_out duration_ms of cause lost refused from to revision detail data'
).split(' ');

/** First line of CSV (RFC 4180), with its end. */
export const CSV_HEAD = `${['log', ...CSV_KEYS].join(',')}\r\n`;

/** An entry as a line of CSV, with its end. Lists and objects are JSON. */
export function asCsv(entry: Entry): string {
  const { value } = entry;
  return `${[entry.log, ...CSV_KEYS.map((key) => textOf(value[key]))].map(cell).join(',')}\r\n`;
}

/** Spreadsheets take what begins so for a formula, and run it. */
const FORMULA = /^[=+\-@\t\r]/;
/** A number is none, though it may begin with a minus. */
const NUMBER = /^-?\d+(?:\.\d+)?$/;

function cell(text: string): string {
  const safe = FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function row(cells: readonly string[]): string {
  return cells
    .map((text, i) => {
      const width = COLUMNS[i]![1];
      const safe = shown(text);
      return width === 0 ? safe : (safe.length > width ? `${safe.slice(0, width - 1)}…` : safe).padEnd(width);
    })
    .join('  ');
}
