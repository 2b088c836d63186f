import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** What a load generator saw. Latencies in microseconds. */
export interface Load {
  readonly requests: number;
  readonly p50: number;
  readonly p99: number;
}

/** Sends GETs over `connections` kept connections for `seconds`. @throws Error when any answer is not 200 */
export type Generator = (
  url: string,
  headers: Readonly<Record<string, string>>,
  connections: number,
  seconds: number,
) => Promise<Load>;

const execute = promisify(execFile);
const AUTOCANNON = fileURLToPath(import.meta.resolve('autocannon'));

/** autocannon measures in whole milliseconds. */
export const autocannon: Generator = async (url, headers, connections, seconds) => {
  const flags = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}=${value}`]);
  const { stdout } = await execute(
    process.execPath,
    [AUTOCANNON, '--json', '-n', '-c', String(connections), '-d', String(seconds), ...flags, url],
    { maxBuffer: 16 * 1024 * 1024 },
  );
  const result = JSON.parse(stdout) as {
    '2xx': number;
    non2xx: number;
    errors: number;
    latency: { p50: number; p99: number };
  };
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${url}: ${result.non2xx} answers were not 2xx, ${result.errors} errors`);
  return { requests: result['2xx'], p50: result.latency.p50 * 1000, p99: result.latency.p99 * 1000 };
};

export function wrk(program: string): Generator {
  return async (url, headers, connections, seconds) => {
    const flags = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
    const { stdout } = await execute(program, ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', ...flags, url]);
    const failures = /Non-2xx.*|Socket errors.*/.exec(stdout);
    if (failures !== null) throw new Error(`${url}: ${failures[0]}`);
    const requests = /(\d+) requests in/.exec(stdout)?.[1];
    if (requests === undefined) throw new Error(`wrk said: ${stdout}`);
    return { requests: Number(requests), p50: percentile(stdout, 50), p99: percentile(stdout, 99) };
  };
}

const MICROSECONDS: Readonly<Record<string, number>> = { us: 1, ms: 1000, s: 1_000_000 };

function percentile(output: string, percent: number): number {
  const match = new RegExp(`^\\s+${percent}%\\s+([\\d.]+)(us|ms|s)$`, 'm').exec(output);
  if (match === null) throw new Error(`wrk said: ${output}`);
  return Number(match[1]) * MICROSECONDS[match[2]!]!;
}
