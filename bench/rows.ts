/** One figure: its median and the runs that it is the median of, all in `unit`. */
export interface Row {
  readonly name: string;
  readonly unit: string;
  readonly median: number;
  readonly runs: readonly number[];
}

export function row(name: string, unit: string, runs: readonly number[]): Row {
  return { name, unit, median: median(runs), runs: runs.map(rounded) };
}

/** Middle value; of an even count, the upper one of the middle two. */
export function median(runs: readonly number[]): number {
  const sorted = runs.toSorted((a, b) => a - b);
  const middle = sorted[sorted.length >> 1];
  if (middle === undefined) throw new TypeError('a median of nothing');
  return rounded(middle);
}

/** Three figures, or a whole number. */
export function rounded(value: number): number {
  return Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(3));
}

/** Microseconds of CPU time per call, a row of `count` runs of some `milliseconds` each, after one to warm up. */
export function timed(name: string, count: number, call: () => unknown, milliseconds = 150): Row {
  const runs: number[] = [];
  for (let i = 0; i <= count; i++) {
    const microseconds = oneRun(call, milliseconds);
    if (i > 0) runs.push(microseconds);
  }
  return row(name, 'µs/op', runs);
}

function oneRun(call: () => unknown, milliseconds: number): number {
  const before = process.cpuUsage();
  const until = performance.now() + milliseconds;
  let calls = 0;
  while (performance.now() < until) {
    for (let i = 0; i < 256; i++) call();
    calls += 256;
  }
  return cpuSince(before) / calls;
}

/** Microseconds of CPU time, user and system, of this process. */
export function cpuSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
