import type { Running } from '../processes.ts';

/** A proxy under measurement, or no proxy at all. */
export interface Peer {
  readonly name: string;
  /** What it does to each request, beside forwarding it. */
  readonly does: string;
  /** Without a path. */
  readonly url: string;
  /** All that take part in a request: their CPU time is summed. */
  readonly processes: readonly Running[];
}

/** Where a work is measured: all peers are in front of one upstream. */
export interface Stage {
  /** For configurations; each peer makes a folder of its own. */
  readonly folder: string;
  /** Where `test/servers/` keeps the programs that it installs. */
  readonly cache: string;
  /** Port of the upstream. */
  readonly upstream: number;
}
