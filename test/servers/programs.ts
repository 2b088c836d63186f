import { spawnSync } from 'node:child_process';
import { accessSync, constants, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** Where the server scripts keep what they install; may be deleted at any time. */
export function serverCache(environment: NodeJS.ProcessEnv): string {
  return environment['DOMICILE_SERVERS'] ?? join(homedir(), '.cache', 'domicile-servers');
}

interface Program {
  readonly executable: string;
  /** Arguments that succeed only where the program is whole: a launcher can be there without its library. Null: found
   *  is enough. */
  readonly probe: readonly string[] | null;
  readonly get: string;
}

/** Programs that tests and benches use where the machine has them. None is needed. */
const PROGRAMS = {
  boto3: { executable: 'python3', probe: ['-c', 'import boto3'], get: 'bash test/servers/clients.sh' },
  aws: { executable: 'aws', probe: ['--version'], get: 'bash test/servers/clients.sh' },
  promtool: { executable: 'promtool', probe: ['--version'], get: 'apt-get install prometheus' },
  nginx: { executable: 'nginx', probe: ['-v'], get: 'apt-get install nginx-light' },
  haproxy: { executable: 'haproxy', probe: ['-v'], get: 'apt-get install haproxy' },
  go: { executable: 'go', probe: ['version'], get: 'apt-get install golang-go' },
  wrk: { executable: 'wrk', probe: null, get: 'apt-get install wrk' },
} as const satisfies Record<string, Program>;

export type ProgramName = keyof typeof PROGRAMS;

export function isProgram(name: string): name is ProgramName {
  return Object.hasOwn(PROGRAMS, name);
}

/** The command that installs a program. */
export function howToGet(name: ProgramName): string {
  return PROGRAMS[name].get;
}

/** Path of a program that works, or null. For `boto3`: of a Python that can import it. Takes up to a second. */
export function findProgram(name: ProgramName, cache: string): string | null {
  const { executable, probe }: Program = PROGRAMS[name];
  // Debian keeps daemons where an ordinary user's PATH does not look; Go's own installer leaves PATH to the user.
  const own = ['/usr/sbin', '/usr/local/go/bin'];
  const folders = [join(cache, 'clients', 'bin'), ...(process.env['PATH'] ?? '').split(delimiter), ...own];
  for (const folder of folders) {
    const path = join(folder, executable);
    if (folder === '' || !isExecutable(path)) continue;
    if (probe === null || spawnSync(path, probe, { stdio: 'ignore', timeout: 20_000 }).status === 0) return path;
  }
  return null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Whether a server script has installed its server: it leaves `NAME-VERSION.done` in the cache. */
export function isInstalled(name: string, cache: string): boolean {
  try {
    return readdirSync(cache).some((file) => file.startsWith(`${name}-`) && file.endsWith('.done'));
  } catch {
    return false; // no cache yet
  }
}
