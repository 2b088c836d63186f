/**
 * Something wrong in what a person wrote. `path` is where in the document (`['policies', 0, 'mode']`), so that
 * whoever has the file can add its line. `code` is a fixed word by which tests and tools know the problem.
 */
export interface Problem {
  readonly code: string;
  readonly path: readonly (string | number)[];
  /** What is wrong, with the value. */
  readonly message: string;
  /** What to do about it. */
  readonly fix: string;
  /** A warning does not stop a load. Default: error. */
  readonly severity?: 'error' | 'warning';
}
