import { existsSync, readFileSync } from 'node:fs';
import { parseVerifier, type Verifier } from '../../audit/note.ts';
import { CommandError } from '../command.ts';

/**
 * Verifier keys that were given, each by itself or as a file with one a line.
 * @throws CommandError naming what is none
 */
export function readVerifiers(given: readonly string[]): Verifier[] {
  return given.flatMap((text) => {
    if (!existsSync(text)) return [verifierFrom(text, `--key ${text}`)];
    const lines = linesOf(text);
    if (lines.length === 0)
      throw new CommandError(`--key ${text}: is empty. It should have a verifier key on each line.`);
    return lines.map((line) => verifierFrom(line, `--key ${text}`));
  });
}

function linesOf(file: string): string[] {
  try {
    const lines = readFileSync(file, 'utf8').split('\n');
    return lines.map((line) => line.trim()).filter((line) => line !== '');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandError(`--key ${file}: cannot be read (${code}). Name a readable file.`);
  }
}

function verifierFrom(text: string, where: string): Verifier {
  try {
    return parseVerifier(text);
  } catch (error) {
    const { message } = error as Error;
    throw new CommandError(`${where}: ${message}. Give a key as domicile audit key prints it, or a file with such.`);
  }
}
