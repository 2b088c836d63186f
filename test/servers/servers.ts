import { execFile } from 'node:child_process';
import { appendFileSync, chmodSync, existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { inject } from 'vitest';
import { findProgram, howToGet, isInstalled, isProgram, type ProgramName } from './programs.ts';

/** Real servers, each started by the script of its name beside this file. */
export type ServerName = 'swift' | 'opensearch' | 'prometheus' | 'postgres';

/** What the global set-up settles for a whole run, and every worker is given. */
export interface TestRun {
  /** Folder of this run: `servers/NAME-…/` is one server's DIR, `skipped` has a line for each thing not found. */
  readonly folder: string;
  readonly cache: string;
  /** `DOMICILE_REAL_SERVERS=1`: a server that is not there is installed by its script. */
  readonly install: boolean;
  /** `DOMICILE_REQUIRE_ALL=1`: what is not found fails the test file. */
  readonly requireAll: boolean;
}

declare module 'vitest' {
  interface ProvidedContext {
    readonly run: TestRun;
  }
}

const run = inject('run');
const execute = promisify(execFile);
const programs = new Map<ProgramName, string | null>();

/**
 * Null when the server or program is here, else why not and how to get it, in one line, which is also printed at the
 * end of the run: `describe.skipIf(available('swift'))('…')`.
 * @throws Error instead where nothing may be skipped (`DOMICILE_REQUIRE_ALL=1`)
 */
export function available(name: ServerName | ProgramName): string | null {
  let get: string;
  if (isProgram(name)) {
    if (path(name) !== null) return null;
    get = howToGet(name);
  } else {
    if (run.install || here(name)) return null;
    get = 'DOMICILE_REAL_SERVERS=1 npm test';
  }
  const line = `${name} was not found, so its tests are skipped; to get it: ${get}`;
  if (run.requireAll) throw new Error(line);
  appendFileSync(join(run.folder, 'skipped'), `${line}\n`);
  return line;
}

/** Path of a program that `available` has found. For `boto3`: of the Python that has it. */
export function program(name: ProgramName): string {
  const found = path(name);
  if (found === null) throw new Error(`${name} was not found; to get it: ${howToGet(name)}`);
  return found;
}

function path(name: ProgramName): string | null {
  let found = programs.get(name);
  if (found === undefined) programs.set(name, (found = findProgram(name, run.cache)));
  return found;
}

function here(name: ServerName): boolean {
  switch (name) {
    case 'swift':
    case 'opensearch':
      return isInstalled(name, run.cache);
    case 'prometheus':
      return path('promtool') !== null; // one Debian package
    case 'postgres':
      return existsSync('/usr/lib/postgresql/15/bin/postgres');
  }
}

/** A running server. Stopped by `stop`, or at the latest when the run ends. */
export interface RealServer {
  /** First word of the script's line: `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** The `key=value` words of the line: `region`, `access_key`, `secret_key`; `cluster`, `transport`; `sockets`. */
  readonly fields: Readonly<Record<string, string>>;
  readonly folder: string;
  /** One line per request is written here by swift. */
  readonly log: string;
  stop(): Promise<void>;
}

/**
 * Starts a server in a new folder of this run, empty, on a free port. `rest` follows the port on the script's command
 * line: swift `LOCATION`; opensearch `CLUSTER_NAME`; prometheus `TARGETS|CONFIG.yml`.
 * @throws Error with the script's own message when it does not start
 */
export async function startServer(name: ServerName, ...rest: readonly string[]): Promise<RealServer> {
  const parent = join(run.folder, 'servers');
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, `${name}-`));
  chmodSync(folder, 0o755); // PostgreSQL runs as a user of its own and must reach it
  const line = (await script(name, 'start', folder, '0', ...rest)).trim();
  const [url, ...words] = line.split(' ');
  const fields: Record<string, string> = {};
  for (const word of words) {
    const equals = word.indexOf('=');
    fields[word.slice(0, equals)] = word.slice(equals + 1);
  }
  return {
    url: url as string,
    fields,
    folder,
    log: join(folder, `${name}.log`),
    stop: async () => void (await script(name, 'stop', folder)),
  };
}

/** Joins two OpenSearch clusters: from then on `ALIAS:index` in `from` is `to`'s index. */
export async function joinClusters(from: RealServer, alias: string, to: RealServer): Promise<void> {
  await script('opensearch', 'join', from.folder, alias, to.folder);
}

async function script(name: ServerName, ...words: readonly string[]): Promise<string> {
  const file = join(import.meta.dirname, `${name}.sh`);
  const { stdout } = await execute('bash', [file, ...words], {
    env: { ...process.env, DOMICILE_SERVERS: run.cache },
    timeout: 300_000,
  });
  return stdout;
}
