/** What is done with a file that a destination has already. */
export type Rule =
  /** It can only be the same: anything else there was tampered with. */
  | 'same'
  /** A checkpoint that was shipped: it states the same, though it may carry more signatures. It stays as it is. */
  | 'same_statement'
  /** It is replaced. */
  | 'replace';

/** Where shipped logs go. Paths begin with the name of a log's folder and are separated by `/`. */
export interface Destination {
  /** Tells it from every other one: a record of what was shipped is of this one alone. No secret. */
  readonly id: string;
  /** Whether it can be asked what it has. */
  readonly readable: boolean;
  /**
   * Puts a file there; durable by the next `settle`.
   * @throws Error in one line: it is not there, cannot be there, or something else is
   */
  put(path: string, bytes: Buffer, rule: Rule): Promise<void>;
  /** Resolves when everything put so far is durable. */
  settle(): Promise<void>;
  /** What lies there; null: nothing. Only where it is readable. */
  read(path: string): Promise<Buffer | null>;
  /** Takes away what a newer checkpoint supersedes; leaves it where nothing is ever taken away. */
  remove(path: string): Promise<void>;
}
