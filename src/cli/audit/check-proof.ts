import { readFileSync } from 'node:fs';
import { checkProof as check } from '../../audit/proof.ts';
import { CommandError, readArguments, UsageError, type Subcommand } from '../command.ts';
import { readVerifiers } from './keys.ts';
import { shown } from './output.ts';
import { asLines } from './shown-entry.ts';

const HELP = `domicile audit check-proof: checks a proof of one entry, without the log

  domicile audit check-proof FILE --key KEY…

  FILE       what domicile audit prove wrote; - reads standard input
  --key KEY  the log's verifier key, or a file with one on each line, as domicile audit key prints them

Checks the checkpoint's signature, and that the entry is in the log that was signed; prints the entry.
Exits 0 when every proof holds, 1 when not, 2 on misuse.
`;

const OPTIONS = { key: { type: 'string', multiple: true } } as const;

export const checkProof: Subcommand = {
  help: HELP,
  async run(args) {
    const { values, positionals } = readArguments(args, OPTIONS, true);
    const [file, extra] = positionals;
    if (file === undefined) throw new UsageError('name the file with the proof, or - for standard input');
    if (extra !== undefined) throw new UsageError(`"${extra}" is one argument too many`);
    if (values.key === undefined)
      throw new UsageError('--key is missing: nothing is proved but by a key that is trusted');
    const keys = readVerifiers(values.key);
    let isOk = true;
    for (const [i, given] of proofsIn(file).entries()) {
      try {
        const { entry, size, key } = check(given, keys);
        const id = key.id.toString(16).padStart(8, '0');
        process.stdout.write(`ok  ${shown(entry.log)}  entry ${entry.seq} of ${size}  ${id}\n${asLines(entry)}\n`);
      } catch (error) {
        isOk = false;
        process.stdout.write(shown(`BAD ${file}, proof ${i + 1}: ${(error as Error).message}`) + '\n');
      }
    }
    return isOk ? 0 : 1;
  },
};

/** One JSON object a line. */
function proofsIn(file: string): unknown[] {
  let text: string;
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandError(`${file}: cannot be read (${code}). Name a readable file, or - for standard input.`);
  }
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (lines.length === 0) throw new CommandError(`${file}: is empty. Name a file that domicile audit prove wrote.`);
  return lines.map((line, i) => {
    try {
      return JSON.parse(line) as unknown;
    } catch {
      throw new CommandError(`${file}:${i + 1}: is no JSON. Name a file that domicile audit prove wrote.`);
    }
  });
}
