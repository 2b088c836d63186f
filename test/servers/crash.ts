import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gone } from '../app/cluster-rig.ts';

/** PostgreSQL dies where it stands, and comes up again on what is on its disk. @param folder its DIR */
export async function crashPostgres(folder: string, url: string): Promise<void> {
  const pid = Number(readFileSync(join(folder, 'postgres.pid'), 'utf8'));
  process.kill(pid, 'SIGKILL');
  // The script takes one that is still on its way out for one that runs.
  await gone([pid]);
  await promisify(execFile)('bash', [join(import.meta.dirname, 'postgres.sh'), 'start', folder, new URL(url).port]);
}
