import type { Problem } from '../../core/problem.ts';
import type { SourceFile } from './source-file.ts';

/** A problem of a file, ready to be shown to the person who wrote it. */
export interface FileProblem {
  readonly code: string;
  /** The file as it was named; `environment` for a variable. */
  readonly file: string;
  /** From 1; 1 where the whole file is meant. */
  readonly line: number;
  /** Such as `policies[2].mode`; empty where the whole file is meant. */
  readonly key: string;
  readonly message: string;
  readonly fix: string;
  readonly severity: 'error' | 'warning';
}

/** `file:line: key: message. Fix: …`, on one line whatever is in it. */
export function formatProblem({ file, line, key, message, fix, severity }: FileProblem): string {
  const text = `${file}:${line}: ${key === '' ? '' : `${key}: `}${severity === 'warning' ? 'warning: ' : ''}${message}. Fix: ${fix}`;
  return text.replaceAll(/[\x00-\x1f\x7f\u2028\u2029]/g, ' ');
}

export function hasErrors(problems: readonly FileProblem[]): boolean {
  return problems.some(({ severity }) => severity === 'error');
}

/** By line within a file, files in the order in which they were first named. */
export function inOrder(problems: readonly FileProblem[]): FileProblem[] {
  const files = new Map<string, number>();
  for (const { file } of problems) if (!files.has(file)) files.set(file, files.size);
  return [...problems].sort((a, b) => (files.get(a.file) ?? 0) - (files.get(b.file) ?? 0) || a.line - b.line);
}

/** A problem about a file as a whole. */
export function fileProblem(file: string, code: string, message: string, fix: string, line = 1, key = ''): FileProblem {
  return { code, file, line, key, message, fix, severity: 'error' };
}

/** Adds the file and line to what a parser or validator found. `path` is the place in that file. */
export function locate(problem: Problem, source: SourceFile, path = problem.path): FileProblem {
  const { code, message, fix, severity = 'error' } = problem;
  return { code, file: source.file, line: source.lineOf(path), key: keyOf(path), message, fix, severity };
}

/** `['policies', 2, 'mode']` → `policies[2].mode` */
export function keyOf(path: readonly (string | number)[]): string {
  return path.reduce<string>(
    (key, step) => (typeof step === 'number' ? `${key}[${step}]` : key === '' ? step : `${key}.${step}`),
    '',
  );
}
