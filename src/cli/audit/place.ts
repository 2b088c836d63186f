import { resolve } from 'node:path';
import { loadMachine } from '../../app/config/load.ts';
import { formatProblem, hasErrors } from '../../app/config/problem.ts';
import type { Settings } from '../../app/config/settings.ts';
import { evidenceFolder } from '../../audit/names.ts';
import { findLogs } from '../../audit/reader.ts';
import { CommandError, UsageError } from '../command.ts';

export const DEFAULT_CONFIG = 'config/domicile.yaml';

/** @throws CommandError with every problem of the file */
export function settingsFrom(config: string): Settings {
  const { settings, problems } = loadMachine(resolve(config), process.env, 'unneeded');
  if (settings === null || hasErrors(problems)) throw new CommandError(problems.map(formatProblem).join('\n'));
  return settings;
}

/**
 * Where logs are looked for: a folder that was named, or `evidence` under the `state` of the configuration.
 * @throws UsageError for more than one folder
 */
export function evidenceAt([folder, ...more]: readonly string[], config: string | undefined): string {
  if (more.length > 0) throw new UsageError(`"${more[0]}" is one argument too many`);
  return folder ?? evidenceFolder(settingsFrom(config ?? DEFAULT_CONFIG).state);
}

/**
 * Folders of the logs at a place.
 * @throws CommandError where there are none, or they cannot be read
 */
export async function logsAt(place: string): Promise<string[]> {
  let folders: string[];
  try {
    folders = await findLogs(place);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandError(
      `${place}: cannot be read (${code}). Name the folder of a log, or a folder that holds some.`,
    );
  }
  if (folders.length === 0)
    throw new CommandError(`${place}: holds no log. Name a folder with a file called checkpoint, or one around such.`);
  return folders;
}
