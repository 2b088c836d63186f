import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';

/** One command: a file of its own in this room. Resolves to the exit code: 0 done, 1 failed, 2 misused. */
export interface Command {
  readonly help: string;
  run(args: readonly string[]): Promise<number>;
  /** Help for a command line that asks for it, where there is more than one. Default: `help`. */
  helpFor?(args: readonly string[]): Promise<string>;
}

/** One action of a command that has several: a file of its own in the folder of that command. */
export type Subcommand = Pick<Command, 'help' | 'run'>;

/** Misuse of a command line: printed as one line, exit 2. */
export class UsageError extends Error {}

/** Something that the user can put right: printed as one line, exit 1. */
export class CommandError extends Error {}

/**
 * Options and positionals of a command line; strict.
 * @throws UsageError naming what is wrong
 */
export function readArguments<O extends ParseArgsOptionsConfig>(
  args: readonly string[],
  options: O,
  positionals = false,
) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: positionals, strict: true });
  } catch (error) {
    throw new UsageError((error as Error).message.replaceAll('\n', ' '));
  }
}
