import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The project's folder. */
export const ROOT = join(import.meta.dirname, '..', '..');

/** A text file of the project. `path` is relative to its folder. */
export function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

export interface Snippet {
  readonly id: string;
  /** As after the fence: `js`, `python`, `sh`, `text`. */
  readonly language: string;
  readonly code: string;
  /** What the code prints, by its own `→` comments. */
  readonly prints: string;
}

/** Code between fences, under `<!-- snippet: ID -->`. */
export function snippets(markdown: string): Snippet[] {
  return [...markdown.matchAll(/<!-- snippet: ([a-z0-9-]+) -->\n```(\w+)\n(.*?)\n```/gs)].map(
    ([, id, language, code]) => ({
      id: id!,
      language: language!,
      code: code!,
      prints: [...code!.matchAll(/(?:\/\/|#) → (.*)$/gm)].map(([, line]) => line).join('\n'),
    }),
  );
}

/** The rows of the table whose first column has this heading, after a heading line where one is given. */
export function table(markdown: string, firstColumn: string, under = ''): string[][] {
  const lines = markdown.split('\n');
  const from = under === '' ? 0 : lines.indexOf(under);
  const start = lines.findIndex((line, i) => i >= from && cells(line)[0] === firstColumn);
  if (from < 0 || start < 0) throw new Error(`no table ${firstColumn} ${under}`);
  const rows: string[][] = [];
  for (let i = start + 2; lines[i]?.startsWith('|'); i++) rows.push(cells(lines[i]!));
  return rows;
}

function cells(line: string): string[] {
  return line.startsWith('|')
    ? line
        .slice(1, line.lastIndexOf('|'))
        .split('|')
        .map((cell) => cell.trim())
    : [];
}

/** The words of a cell that stand in backquotes. */
export function quoted(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, text]) => text!);
}
