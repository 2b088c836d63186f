import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { serverCache } from '../servers/programs.ts';

const scripts = join(import.meta.dirname, '..', 'servers');

/**
 * Opens a folder for the run; at its end stops what still runs there and says what was skipped. The first project that is
 * run does so for all: what it takes out of the environment is not there for a second.
 */
export default function setup({ vitest }: TestProject): (() => void) | undefined {
  if ('run' in vitest.getRootProject().getProvidedContext()) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'domicile-test-'));
  chmodSync(folder, 0o755); // PostgreSQL runs as a user of its own and must reach it
  vitest.provide('run', {
    folder,
    cache: serverCache(process.env),
    install: process.env['DOMICILE_REAL_SERVERS'] === '1',
    requireAll: process.env['DOMICILE_REQUIRE_ALL'] === '1',
  });
  // Domicile reads every DOMICILE_* variable: what the caller's shell holds must not reach the tests.
  for (const name of Object.keys(process.env)) if (name.startsWith('DOMICILE_')) delete process.env[name];
  return () => {
    stopServers(join(folder, 'servers'));
    for (const line of skipped(join(folder, 'skipped'))) console.log(line);
    rmSync(folder, { recursive: true, force: true });
  };
}

function stopServers(folder: string): void {
  if (!existsSync(folder)) return;
  for (const dir of readdirSync(folder)) {
    const name = dir.slice(0, dir.indexOf('-'));
    spawnSync('bash', [join(scripts, `${name}.sh`), 'stop', join(folder, dir)], { stdio: 'inherit', timeout: 30_000 });
  }
}

function skipped(file: string): ReadonlySet<string> {
  return new Set(existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []);
}
