import { version } from '../app/version.ts';
import { CommandError, UsageError, type Command } from './command.ts';

/** Commands and how to get them. Each is loaded when it is asked for: `explain` needs none of what `serve` does. */
const COMMANDS: readonly { readonly name: string; readonly summary: string; load(): Promise<Command> }[] = [
  {
    name: 'serve',
    summary: 'data plane, control plane and store on one machine',
    load: async () => (await import('./serve.ts')).serve,
  },
  {
    name: 'proxy',
    summary: 'the data plane alone, fed by a control plane',
    load: async () => (await import('./proxy.ts')).proxy,
  },
  {
    name: 'control',
    summary: 'the control plane alone',
    load: async () => (await import('./control.ts')).control,
  },
  {
    name: 'demo',
    summary: 'three stand-in regions on loopback, Domicile in front, and commands to copy',
    load: async () => (await import('./demo.ts')).demo,
  },
  {
    name: 'check',
    summary: 'validates configuration, regions, policies and regimes',
    load: async () => (await import('./check.ts')).check,
  },
  {
    name: 'token',
    summary: 'bearer tokens of the control API',
    load: async () => (await import('./token.ts')).token,
  },
  {
    name: 'audit',
    summary: 'the evidence log: verify, query, report, prove, check-proof, key',
    load: async () => (await import('./audit.ts')).audit,
  },
  { name: 'explain', summary: 'one decision, step by step', load: async () => (await import('./explain.ts')).explain },
];

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  const lines = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}\n`);
  return `domicile: keeps data where it is allowed to be\n\n  domicile <command> [options]\n\n${lines.join('')}\ndomicile <command> --help tells more; domicile --version tells the version.\n`;
}

/** Runs one command line; resolves to the exit code. Errors are one line on standard error. */
export async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    (name === undefined ? process.stderr : process.stdout).write(overview());
    return name === undefined ? 2 : 0;
  }
  if (name === '--version' || name === '-v') {
    process.stdout.write(`${version()}\n`);
    return 0;
  }
  const entry = COMMANDS.find((known) => known.name === name);
  if (entry === undefined) {
    process.stderr.write(
      `domicile: no command "${name}". Commands: ${COMMANDS.map((known) => known.name).join(', ')}.\n`,
    );
    return 2;
  }
  const command = await entry.load();
  if (rest.includes('--help') || rest.includes('-h')) {
    process.stdout.write((await command.helpFor?.(rest)) ?? command.help);
    return 0;
  }
  try {
    return await command.run(rest);
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`domicile ${name}: ${error.message}. See domicile ${name} --help.\n`);
      return 2;
    }
    if (error instanceof CommandError) {
      process.stderr.write(`${error.message}\n`);
      return 1;
    }
    throw error;
  }
}
