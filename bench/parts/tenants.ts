import { join } from 'node:path';
import { writeConfig, writeManyPolicies } from '../peers/config.ts';
import { domicile, listenPorts } from '../peers/domicile.ts';
import { residentMegabytes } from '../processes.ts';
import { type Row, row } from '../rows.ts';

const TENANTS = 10_000;

/** Start-up, from `exec` to a 200 of `/readyz`, and memory then, with the policies of 10,000 tenants and of none. */
export async function startUp(folder: string, rounds: number): Promise<Row[]> {
  const rows: Row[] = [];
  for (const tenants of [0, TENANTS]) {
    const seconds: number[] = [];
    const megabytes: number[] = [];
    for (let i = 0; i < rounds; i++) {
      const listen = await listenPorts();
      const home = join(folder, `tenants-${tenants}-${i}`);
      const config = writeConfig(home, 9, listen);
      writeManyPolicies(home, tenants);
      const began = performance.now();
      const process = domicile(config);
      try {
        await process.answers(`http://127.0.0.1:${listen.ops}/readyz`, 200, 60);
        seconds.push((performance.now() - began) / 1000);
        megabytes.push(residentMegabytes(process.pid));
      } finally {
        await process.stop();
      }
    }
    rows.push(
      row(`start-up, ${tenants} tenants`, 's', seconds),
      row(`memory, ${tenants} tenants`, 'MB RSS', megabytes),
    );
  }
  return rows;
}
