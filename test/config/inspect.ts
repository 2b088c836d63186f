import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { FileProblem } from '../../src/app/config/problem.ts';

export interface Checked {
  readonly exitCode: number;
  readonly output: string;
  readonly errors: string;
  /** Of `--json`; empty without. */
  readonly problems: readonly FileProblem[];
}

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

/** Runs `domicile check` as a user would, in the project's folder. */
export function inspect(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Checked> {
  const run = `import { check } from './src/cli/check.ts'; process.exitCode = await check.run(process.argv.slice(1));`;
  const argv = ['--input-type=module', '-e', run, '--', ...args];
  return new Promise((resolve) => {
    const options = { cwd: PROJECT, env: { PATH: process.env['PATH'], ...env }, timeout: 15_000 };
    execFile(process.execPath, argv, options, (error, output, errors) => {
      const exitCode = error === null ? 0 : ((error.code as unknown as number | null) ?? -1);
      const problems = args.includes('--json') && output.startsWith('{') ? JSON.parse(output).problems : [];
      resolve({ exitCode, output, errors, problems });
    });
  });
}
