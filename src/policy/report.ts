import type { Problem } from '../core/problem.ts';

type Path = readonly (string | number)[];

/** Where validations write down what they find. */
export class Report {
  readonly problems: Problem[];
  readonly #base: Path;

  constructor(base: Path = [], problems: Problem[] = []) {
    this.#base = base;
    this.problems = problems;
  }

  /** The same report, for what lies below `path`. */
  at(path: Path): Report {
    return new Report([...this.#base, ...path], this.problems);
  }

  error(code: string, path: Path, message: string, fix: string): void {
    this.problems.push({ code, path: [...this.#base, ...path], message, fix });
  }

  /** A warning does not stop a load. */
  warning(code: string, path: Path, message: string, fix: string): void {
    this.problems.push({ code, path: [...this.#base, ...path], message, fix, severity: 'warning' });
  }
}
