import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Running } from '../processes.ts';
import type { Generator } from './load.ts';

const PROGRAM = fileURLToPath(import.meta.resolve('autocannon'));

/** autocannon, which measures in whole milliseconds. @param folder for the body of a request */
export function autocannon(folder: string): Generator {
  return async (url, { method, path, headers, body, status }, connections, seconds) => {
    const args = ['--json', '-n', '-c', String(connections), '-d', String(seconds), '-m', method];
    for (const [name, value] of Object.entries(headers)) args.push('-H', `${name}=${value}`);
    if (body !== null) {
      const file = join(folder, 'body');
      writeFileSync(file, body);
      args.push('-i', file);
    }
    const output = await new Running(process.execPath, [PROGRAM, ...args, url + path]).output();
    const { latency, errors, ...counts } = JSON.parse(output) as {
      readonly '2xx': number;
      readonly '4xx': number;
      readonly non2xx: number;
      readonly errors: number;
      readonly latency: { readonly p50: number; readonly p99: number };
    };
    const requests = status === 200 ? counts['2xx'] : counts['4xx'];
    if (errors > 0 || requests !== counts['2xx'] + counts.non2xx || requests === 0)
      throw new Error(`${url}: ${JSON.stringify(counts)}, ${errors} errors, where ${status} was expected`);
    return { requests, p50: latency.p50 * 1000, p99: latency.p99 * 1000 };
  };
}
