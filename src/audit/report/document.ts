import type { Approvals, Crossing, Finding, Report, Tally } from './model.ts';
import { bytes, duration, moment, number, percent, plural } from './words.ts';

/** A report as people read it, whatever it is written in. Every text is plain: whoever renders it escapes it. */
export interface ReportDocument {
  readonly title: string;
  readonly tenant: string;
  /** What, of when, made when. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly sections: readonly Section[];
}

export interface Section {
  readonly heading: string;
  readonly blocks: readonly Block[];
}

export type Block =
  | { readonly kind: 'text'; readonly text: string }
  /** The numbers that are looked at first. */
  | { readonly kind: 'figures'; readonly figures: readonly (readonly [value: string, label: string])[] }
  | { readonly kind: 'findings'; readonly findings: readonly Finding[] }
  | {
      readonly kind: 'table';
      readonly caption: string;
      readonly columns: readonly Column[];
      readonly rows: readonly (readonly string[])[];
    };

export interface Column {
  readonly name: string;
  readonly numeric?: true;
  /** Long texts without spaces: they may be broken anywhere. */
  readonly code?: true;
}

export function documentOf(report: Report): ReportDocument {
  const { tenant, from, to, generated_at, coverage } = report;
  const verified = { true: 'every log verified', false: 'verification failed', null: 'not verified' }[
    String(coverage.verified)
  ];
  return {
    title: `Data residency report: ${tenant}`,
    tenant,
    facts: [
      ['Tenant', tenant],
      ['Period', `${moment(from)} to ${moment(to)}`],
      ['Made', moment(generated_at)],
      ['Evidence', `${plural(coverage.logs.length, 'log', 'logs')}, ${verified}`],
    ],
    sections: [
      { heading: 'Summary', blocks: summary(report) },
      { heading: 'Findings', blocks: [findings(report)] },
      { heading: 'Access by type', blocks: accessByType(report) },
      { heading: 'Approvals', blocks: approvals(report) },
      { heading: 'Reasons of refusals', blocks: rejections(report) },
      { heading: 'Data that crossed a border', blocks: crossings(report) },
      { heading: 'What this report was made from', blocks: evidence(report) },
    ],
  };
}

function summary({ summary: sum }: Report): Block[] {
  return [
    {
      kind: 'figures',
      figures: [
        [number(sum.requests), 'requests'],
        [number(sum.allowed), 'allowed'],
        [number(sum.refused), 'refused'],
        [number(sum.crossings), 'crossed a border'],
        [number(sum.audited), 'passed against an advisory policy'],
        [number(sum.failovers), 'failed over, within residency'],
        [number(sum.failed), 'failed upstream'],
        [bytes(sum.bytes_in), 'received'],
        [bytes(sum.bytes_out), 'sent'],
      ],
    },
  ];
}

function findings({ findings: all }: Report): Block {
  return all.length === 0
    ? { kind: 'text', text: 'The entries of this period show nothing that needs attention.' }
    : { kind: 'findings', findings: all };
}

const TALLY: readonly Column[] = [
  { name: 'Requests', numeric: true },
  { name: 'Allowed', numeric: true },
  { name: 'Advisory', numeric: true },
  { name: 'Refused', numeric: true },
  { name: 'Received', numeric: true },
  { name: 'Sent', numeric: true },
];

function accessByType(report: Report): Block[] {
  if (report.summary.requests === 0) return [{ kind: 'text', text: 'There were no requests.' }];
  return [
    tallies('Service', report.by_service),
    tallies('Verb', report.by_verb),
    tallies('Classification', report.by_classification),
    tallies('Region', report.by_region),
  ];
}

function tallies(name: string, rows: readonly Tally[]): Block {
  return {
    kind: 'table',
    caption: `By ${name.toLowerCase()}`,
    columns: [{ name }, ...TALLY],
    rows: rows.map((row) => [
      row.name,
      ...[row.requests, row.allowed, row.audited, row.refused].map(number),
      bytes(row.bytes_in),
      bytes(row.bytes_out),
    ]),
  };
}

function approvals({ approvals: { requests, overrides } }: Report): Block[] {
  const numeric = ['Requested', 'Approved', 'Denied', 'Expired', 'Revoked', 'Approval rate', 'Median time to decide'];
  return [
    {
      kind: 'table',
      caption: 'Requests to cross a border, and emergency overrides',
      columns: [{ name: 'Of' }, ...numeric.map((name) => ({ name, numeric: true as const }))],
      rows: [counted('Access requests', requests), counted('Emergency overrides', overrides)],
    },
    {
      kind: 'text',
      text: 'The rate is of those that people decided on; expired ones are those that nobody decided on in time.',
    },
  ];
}

function counted(name: string, counts: Approvals): string[] {
  return [
    name,
    ...[counts.requested, counts.approved, counts.denied, counts.expired, counts.revoked].map(number),
    percent(counts.approval_rate),
    duration(counts.median_decision_ms),
  ];
}

function rejections({ rejections: rows }: Report): Block[] {
  if (rows.length === 0) return [{ kind: 'text', text: 'Nothing was refused.' }];
  return [
    {
      kind: 'table',
      caption: 'Why requests were refused',
      columns: [{ name: 'Reason' }, { name: 'Requests', numeric: true }, { name: 'Share', numeric: true }],
      rows: rows.map(({ reason, requests, share }) => [reason, number(requests), percent(share)]),
    },
  ];
}

const CROSSING: readonly Column[] = [
  { name: 'Time (UTC)' },
  { name: 'User' },
  { name: 'Subject' },
  { name: 'Data', code: true },
  { name: 'From → to' },
  { name: 'By' },
  { name: 'Approved by' },
  { name: 'Legal basis' },
  { name: 'Entry, request', code: true },
];

function crossings({ crossings: rows, crossings_omitted: omitted }: Report): Block[] {
  if (rows.length === 0) return [{ kind: 'text', text: 'No data crossed a border.' }];
  const blocks: Block[] = [
    {
      kind: 'table',
      caption: 'Each time, with who approved it and on what basis',
      columns: CROSSING,
      rows: rows.map(crossing),
    },
    {
      kind: 'text',
      text: 'Each line is one entry: domicile audit prove SEQ --log LOG makes a proof of it that stands by itself.',
    },
  ];
  if (omitted > 0)
    blocks.push({
      kind: 'text',
      text: `${plural(omitted, 'later one is', 'later ones are')} not listed: see domicile audit query.`,
    });
  return blocks;
}

/** Reasons that the id of a grant or override says better. */
const WITH_LEAVE = new Set(['grant', 'emergency_override']);

function crossing(row: Crossing): string[] {
  const leave = [
    ...row.grants.map((id) => `grant ${id}`),
    ...(row.override === null ? [] : [`override ${row.override}`]),
  ];
  const by = WITH_LEAVE.has(row.reason) && leave.length > 0 ? leave : [row.reason, ...leave];
  const data = [row.classification, row.service, row.verb].filter((each) => each !== null).join(' ');
  return [
    row.time.slice(0, 19).replace('T', ' '),
    row.user ?? '–',
    row.subject ?? '–',
    row.resource === null ? data : `${data}: ${row.resource}`,
    `${row.from_region ?? '?'} → ${row.to_region ?? '?'}`,
    by.join(', '),
    row.approved_by.join(', ') || '–',
    row.legal_basis.join('; ') || '–',
    `${row.log} #${row.seq}, ${row.request_id}`,
  ];
}

function evidence({ coverage }: Report): Block[] {
  const verdict = { true: 'verified', false: 'does not verify', null: 'not verified' };
  return [
    {
      kind: 'table',
      caption: 'Logs, as they were when they were read',
      columns: [
        { name: 'Log', code: true },
        { name: 'Entries', numeric: true },
        { name: 'Root of the tree', code: true },
        { name: 'Key', code: true },
        { name: 'State' },
      ],
      rows: coverage.logs.map(({ origin, size, root, key_ids, verified, problem }) => [
        origin,
        size === null ? '–' : number(size),
        root ?? '–',
        key_ids.join(', ') || '–',
        problem ?? verdict[String(verified) as keyof typeof verdict],
      ]),
    },
    {
      kind: 'text',
      text: 'Whoever has the logs and the public key can make this report anew and verify it. The key proves who signed; that nothing was rewritten since, only a checkpoint that was kept elsewhere proves.',
    },
  ];
}
