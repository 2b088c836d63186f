import { findProgram, howToGet, type ProgramName } from '../../test/servers/programs.ts';

const programs = new Map<ProgramName, string | null>();

/** Path of a program, or null after one line, once, on how to get it. */
export function found(name: ProgramName, cache: string): string | null {
  let program = programs.get(name);
  if (program === undefined) {
    programs.set(name, (program = findProgram(name, cache)));
    if (program === null) console.error(`skipped: ${name} was not found; to get it: ${howToGet(name)}`);
  }
  return program;
}
