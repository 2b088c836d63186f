import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench, Findings, Work } from './bench.ts';
import type { Machine } from './machine.ts';
import type { Line } from './targets.ts';

/** What was found, work by work, in the order in which it was measured. */
export type Found = readonly (readonly [work: Work, findings: Findings])[];

export function linesOf(found: Found): Line[] {
  return found.flatMap(([, { lines = [] }]) => lines);
}

/** The tables of one work, for the terminal. */
export function print({ title }: Work, { measured = [], rows = [] }: Findings): void {
  if (measured.length > 0) {
    const columns = measured[0]!.rows.map(({ name, unit }) => `${name} (${unit})`);
    const lines = measured.map(({ proxy, does, rows }) => [proxy, ...rows.map(({ median }) => String(median)), does]);
    console.log(`\n${title}\n\n${table(['proxy', ...columns, 'does beside forwarding'], lines)}`);
  }
  if (rows.length > 0) {
    const lines = rows.map(({ name, unit, median, runs }) => [name, String(median), unit, String(runs.length)]);
    console.log(`\n${title}\n\n${table(['what', 'median', 'unit', 'runs'], lines)}`);
  }
}

/** Lines of a table, the first its heading; figures right-aligned. */
export function table(heading: readonly string[], lines: readonly (readonly string[])[]): string {
  const widths = heading.map((title, i) => Math.max(title.length, ...lines.map((line) => line[i]!.length)));
  const format = (line: readonly string[]) =>
    line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ');
  return [heading, widths.map((width) => '-'.repeat(width)), ...lines].map(format).join('\n');
}

/** The table of targets in Markdown, and below it what it was measured on. */
export function markdown(lines: readonly Line[], machine: Machine, bench: Bench): string {
  const head = '| work | against | Domicile | peer | measured | must | aim | |\n|---|---|---|---|---|---|---|---|';
  const body = lines.map((line) => {
    const { work, against, ours, theirs, verdict } = line;
    const cells = [work, against, ours, theirs, figure(line), bound(line, line.must), bound(line, line.aim), verdict];
    return `| ${cells.join(' | ')} |`;
  });
  const { cpu, cores, memory_mb, kernel, node, load_average, date, versions } = machine;
  const programs = Object.entries({ Node: node.slice(1), ...versions }).map((pair) => pair.join(' '));
  const rounds = bench.rounds === 1 ? 'one round' : `medians of ${bench.rounds} interleaved rounds`;
  const how = `${rounds}, ${bench.seconds} s to a load, ${bench.connections} connections, ${date}.`;
  const where = `${cpu}, ${cores} cores, ${Math.round(memory_mb / 1024)} GB, ${kernel}, load average ${load_average} before.`;
  return `${[head, ...body].join('\n')}\n\n${how} ${where} ${programs.join(', ')}.`;
}

function figure(line: Line): string {
  return line.measured === null ? '–' : quantity(line, line.measured);
}

function bound(line: Line, value: number): string {
  return `${line.more ? '≥' : '≤'} ${quantity(line, value)}`;
}

/** A difference shows its sign. */
function quantity({ unit, against }: Line, value: number): string {
  const isDifference = unit !== '×' && against !== '–';
  return `${isDifference && value >= 0 ? '+' : ''}${value} ${unit}`;
}

const PAGE = join(import.meta.dirname, '../docs/performance.md');
const BEGIN = '<!-- bench:begin -->\n';
const END = '\n<!-- bench:end -->';

/** Puts the table into docs/performance.md, between its markers. @throws Error when they are not there */
export function writeIntoPage(text: string): void {
  const page = readFileSync(PAGE, 'utf8');
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${PAGE} has no ${BEGIN.trim()} … ${END.trim()} for the table`);
  writeFileSync(PAGE, page.slice(0, begin + BEGIN.length) + text + page.slice(end));
  console.log(`\nwritten into ${PAGE}`);
}

/** Writes all figures as JSON to `bench/results/NAME`. */
export function writeResults(name: string, found: Found, machine: Machine, bench: Bench): void {
  const home = join(import.meta.dirname, 'results');
  mkdirSync(home, { recursive: true });
  const file = join(home, name);
  const { rounds, connections, seconds } = bench;
  const works = found.map(([{ key, title }, { measured = [], rows = [] }]) => ({ key, title, measured, rows }));
  const results = { machine, rounds, connections, seconds, table: linesOf(found), works };
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
  console.log(`\nwritten to ${file}`);
}
