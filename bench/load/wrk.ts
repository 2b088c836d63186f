import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Running } from '../processes.ts';
import type { Request } from '../requests.ts';
import type { Generator } from './load.ts';

/** wrk with one thread. @param folder for the script of a request */
export function wrk(program: string, folder: string): Generator {
  return async (url, request, connections, seconds) => {
    const script = writeScript(folder, request);
    const args = [
      '-t1',
      '--timeout',
      '20s',
      `-c${connections}`,
      `-d${seconds}s`,
      '--latency',
      '-s',
      script,
      url + request.path,
    ];
    const output = await new Running(program, args).output();
    const requests = Number(/(\d+) requests in/.exec(output)?.[1] ?? 0);
    const refused = Number(/Non-2xx or 3xx responses: (\d+)/.exec(output)?.[1] ?? 0);
    const failures = /Socket errors.*/.exec(output)?.[0];
    if (failures !== undefined) throw new Error(`${url}: ${failures}`);
    if (requests === 0 || refused !== (request.status === 200 ? 0 : requests))
      throw new Error(`${url}: ${refused} of ${requests} answers were no 2xx, where ${request.status} was expected`);
    return { requests, p50: percentile(output, 50), p99: percentile(output, 99) };
  };
}

/** wrk formats the request once where a script sets nothing but these. */
function writeScript(folder: string, { method, headers, body }: Request): string {
  const lines = [`wrk.method = ${quoted(method)}`];
  for (const [name, value] of Object.entries(headers)) lines.push(`wrk.headers[${quoted(name)}] = ${quoted(value)}`);
  if (body !== null) {
    const file = join(folder, 'body');
    writeFileSync(file, body);
    lines.push(`local file = assert(io.open(${quoted(file)}, "rb"))`, 'wrk.body = file:read("*a")', 'file:close()');
  }
  const script = join(folder, 'request.lua');
  writeFileSync(script, `${lines.join('\n')}\n`);
  return script;
}

/** Of visible ASCII, JSON's strings are Lua's. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

const MICROSECONDS: Readonly<Record<string, number>> = { us: 1, ms: 1000, s: 1_000_000 };

function percentile(output: string, percent: number): number {
  const match = new RegExp(`^\\s+${percent}%\\s+([\\d.]+)(us|ms|s)\\s*$`, 'm').exec(output);
  if (match === null) throw new Error(`wrk said: ${output}`);
  return Number(match[1]) * MICROSECONDS[match[2]!]!;
}
