import { freemem } from 'node:os';
import { join } from 'node:path';
import type { Bench, Findings, Work } from '../bench.ts';
import { decisions } from '../parts/decide.ts';
import type { InCache } from '../parts/tenants-in-cache.ts';
import { Running } from '../processes.ts';
import { type Row, row } from '../rows.ts';
import { alone, decisionTarget, type Line, unmeasured } from '../targets.ts';

const SIZES = [1000, 10_000, 100_000, 1_000_000];
/** A compiled bundle takes some 3.5 KB; the rest is for names, the order, and the collector. */
const BYTES_PER_TENANT = 6000;

/** The decision by itself, and with the bundle looked up among more and more tenants in the cache. */
export const decision: Work = {
  key: 'decide',
  title: 'Decision',
  async run(bench): Promise<Findings> {
    bench.say('decide: beside Cedar');
    const rows: Row[] = decisions(bench.rounds);
    const lines: Line[] = [];
    for (const size of SIZES) {
      const name = `${size.toLocaleString('en')} tenants in cache`;
      const obstacle = obstacleTo(bench, size);
      if (obstacle !== null) {
        lines.push(unmeasured(decisionTarget(name), obstacle));
        continue;
      }
      bench.say(`decide: ${name}`);
      const { everyone, few } = await inCache(size, bench.rounds);
      rows.push(row(`decide, ${name}`, 'µs/op', everyone), row(`decide, ${name}, 1,000 active`, 'µs/op', few));
      lines.push(alone(decisionTarget(name), everyone));
      if (size === SIZES.at(-1)) lines.push(alone(decisionTarget(`${name}, 1,000 of them active`), few));
    }
    return { lines, rows };
  },
};

function obstacleTo(bench: Bench, size: number): string | null {
  if (bench.quick && size > 100_000) return 'not with --quick';
  return freemem() < size * BYTES_PER_TENANT ? 'not enough memory here' : null;
}

async function inCache(tenants: number, rounds: number): Promise<InCache> {
  const megabytes = Math.max(512, Math.ceil((tenants * BYTES_PER_TENANT) / 1e6));
  const program = join(import.meta.dirname, '../parts/tenants-in-cache.ts');
  const args = [`--max-old-space-size=${megabytes}`, program, String(tenants), String(rounds)];
  return JSON.parse(await new Running(process.execPath, args).output()) as InCache;
}
