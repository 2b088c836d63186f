import { join } from 'node:path';
import { Running } from '../processes.ts';

/** Starts the Node decision service that nginx and Envoy ask. */
export async function startDecider(): Promise<{ readonly process: Running; readonly port: number }> {
  const running = new Running(process.execPath, [join(import.meta.dirname, 'decider.ts')]);
  return { process: running, port: Number(await running.firstLine()) };
}
