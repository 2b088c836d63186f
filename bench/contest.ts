import { setTimeout as wait } from 'node:timers/promises';
import type { Bench, Measured } from './bench.ts';
import type { Generator } from './load/load.ts';
import type { Peer, Stage } from './peers/peer.ts';
import { cpuMicroseconds, Running, stopAll } from './processes.ts';
import type { Request } from './requests.ts';
import { rounded, row } from './rows.ts';

/** Starts the upstream for what `perform` measures; afterwards nothing of it runs. */
export async function onStage<T>(bench: Bench, upstream: string, perform: (stage: Stage) => Promise<T>): Promise<T> {
  try {
    const running = new Running(process.execPath, [`${import.meta.dirname}/upstream.ts`, upstream]);
    const port = Number(await running.firstLine());
    return await perform({ folder: bench.folder, cache: bench.cache, upstream: port });
  } finally {
    await stopAll();
  }
}

/** A peer, or null where it is not on this machine, and what is asked of it. */
export interface Entrant {
  readonly peer: Peer | null;
  readonly request: Request;
}

/** Figures of one entrant, a value for each round; none of a peer that is not there. */
export interface Figures {
  readonly peer: Peer | null;
  /** Microseconds of CPU time for a request, of all processes of the peer. */
  readonly cpu: number[];
  /** Requests a second. */
  readonly rate: number[];
  /** Milliseconds. */
  readonly p50: number[];
  readonly p99: number[];
}

/** The same load on each entrant in turn, round after round. */
export async function contest<const E extends readonly Entrant[]>(
  bench: Bench,
  key: string,
  entrants: E,
  seconds = bench.seconds,
  generator: Generator = bench.generator,
): Promise<{ [I in keyof E]: Figures }> {
  for (const { peer, request } of entrants) {
    if (peer === null) continue;
    bench.say(`${key}: warming up ${peer.name} (${peer.does})`);
    await generator(peer.url, request, bench.connections, bench.warmUpSeconds);
  }
  const figures = entrants.map(({ peer }): Figures => ({ peer, cpu: [], rate: [], p50: [], p99: [] }));
  for (let round = 1; round <= bench.rounds; round++) {
    for (const [i, { peer, request }] of entrants.entries()) {
      if (peer === null) continue;
      await wait(50); // what the last load left half done is charged to nobody
      const before = cpuOf(peer);
      const load = await generator(peer.url, request, bench.connections, seconds);
      const { cpu, rate, p50, p99 } = figures[i]!;
      cpu.push((cpuOf(peer) - before) / load.requests);
      rate.push(load.requests / seconds);
      p50.push(load.p50 / 1000);
      p99.push(load.p99 / 1000);
      const figure = `${rounded(cpu.at(-1)!)} µs/req, ${rounded(rate.at(-1)!)} req/s`;
      bench.say(`${key}: round ${round} of ${bench.rounds}, ${peer.name} (${peer.does}): ${figure}`);
    }
  }
  return figures as { [I in keyof E]: Figures };
}

export function cpuOf(peer: Peer): number {
  let total = 0;
  for (const { pid } of peer.processes) total += cpuMicroseconds(pid);
  return total;
}

export function rowsOf(figures: readonly Figures[]): Measured[] {
  const all: Measured[] = [];
  for (const { peer, cpu, rate, p50, p99 } of figures) {
    if (peer === null) continue;
    const rows = [row('CPU', 'µs/req', cpu), row('rate', 'req/s', rate), row('p50', 'ms', p50), row('p99', 'ms', p99)];
    all.push({ proxy: peer.name, does: peer.does, rows });
  }
  return all;
}
