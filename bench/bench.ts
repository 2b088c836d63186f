import type { Generator } from './load/load.ts';
import type { Line } from './targets.ts';
import type { Row } from './rows.ts';

/** What one run of the bench has settled for all works. */
export interface Bench {
  readonly folder: string;
  readonly cache: string;
  /** Rounds are interleaved: the peers of a work take turns, so that a busy moment falls on all of them. */
  readonly rounds: number;
  readonly connections: number;
  /** Of one load. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly generator: Generator;
  /** One round, and nothing that takes minutes to prepare. */
  readonly quick: boolean;
  /** One line of progress. */
  say(text: string): void;
}

/** Figures of one proxy in one work. */
export interface Measured {
  readonly proxy: string;
  readonly does: string;
  readonly rows: readonly Row[];
}

export interface Findings {
  /** Lines of the table of targets. */
  readonly lines?: readonly Line[];
  /** Proxies side by side. */
  readonly measured?: readonly Measured[];
  /** Figures that stand alone. */
  readonly rows?: readonly Row[];
}

/** Something that is measured, mostly beside other proxies. */
export interface Work {
  /** As `--only` names it. */
  readonly key: string;
  readonly title: string;
  run(bench: Bench): Promise<Findings>;
}
