import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { cpus, release, totalmem, type } from 'node:os';
import { findProgram } from '../test/servers/programs.ts';
import { envoyProgram } from './peers/envoy.ts';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memory_mb: number;
  readonly kernel: string;
  readonly node: string;
  /** Of the minute before the bench began; well below the cores, or the figures are off. */
  readonly load_average: number;
  readonly date: string;
  /** Of the peers and of the load generators that are here. */
  readonly versions: Readonly<Record<string, string>>;
}

/** @param loadAverage as it was before the bench began */
export function machine(cache: string, loadAverage: number): Machine {
  const processors = cpus();
  return {
    cpu: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    memory_mb: Math.round(totalmem() / 1024 / 1024),
    kernel: `${type()} ${release()}`,
    node: process.version,
    load_average: loadAverage,
    date: new Date().toISOString().slice(0, 10),
    versions: versions(cache),
  };
}

function versions(cache: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of ['nginx', 'haproxy', 'wrk'] as const) say(found, name, findProgram(name, cache), '-v');
  say(found, 'envoy', envoyProgram(cache), '--version');
  const load = createRequire(import.meta.url);
  for (const name of ['@fastify/reply-from', 'http-proxy', 'autocannon', 'undici'])
    found[name] = (load(`${name}/package.json`) as { version: string }).version;
  return found;
}

/** Each says its version among other words, one or the other on stderr, one with exit 1. */
function say(found: Record<string, string>, name: string, program: string | null, flag: string): void {
  if (program === null) return;
  const { stdout, stderr } = spawnSync(program, [flag], { encoding: 'utf8', timeout: 10_000 });
  found[name] = /\d+\.\d+\.\d+/.exec(stdout + stderr)?.[0] ?? 'unknown';
}
