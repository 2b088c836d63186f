import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileProblem, type FileProblem } from './problem.ts';
import { shownName } from './source-file.ts';

export interface FoundFiles {
  /** Absolute, in the order of their names. */
  readonly files: readonly string[];
  readonly problems: readonly FileProblem[];
}

/** Folders beside policies that hold something else. */
const OTHER_FOLDERS = new Set(['regimes', 'tests', 'examples']);

/** `*.yaml`, `*.yml`, `*.json`; policy tests and hidden files are none of ours. */
function isData(name: string): boolean {
  return /\.(?:ya?ml|json)$/.test(name) && !/_test\.ya?ml$/.test(name) && !name.startsWith('.');
}

/** The policy files that an entry of `policies` stands for: itself, or those of the folder and of its `grants/`. */
export function findPolicyFiles(entry: string, key: string, mayBeMissing: boolean): FoundFiles {
  const found = listFolder(entry, key, mayBeMissing);
  if (found.folders === null) return { files: found.files, problems: found.problems };
  const files = [...found.files];
  const problems = [...found.problems];
  for (const name of found.folders) {
    const folder = join(entry, name);
    if (name === 'grants') {
      const inner = listFolder(folder, key, false);
      files.push(...inner.files);
      problems.push(...inner.problems, ...(inner.folders ?? []).map((deeper) => ignored(join(folder, deeper))));
    } else if (!OTHER_FOLDERS.has(name)) problems.push(ignored(folder));
  }
  return { files, problems };
}

/** The regime files of a folder, or the file itself. */
export function findRegimeFiles(entry: string, key: string, mayBeMissing: boolean): FoundFiles {
  const { files, folders, problems } = listFolder(entry, key, mayBeMissing);
  return { files, problems: [...problems, ...(folders ?? []).map((name) => ignored(join(entry, name)))] };
}

/** All data files below a path, in every folder but `tests`. */
export function findAllFiles(entry: string): FoundFiles {
  const { files, folders, problems } = listFolder(entry, '', false);
  const deeper = (folders ?? []).filter((name) => name !== 'tests').map((name) => findAllFiles(join(entry, name)));
  return {
    files: [...files, ...deeper.flatMap((found) => found.files)],
    problems: [...problems, ...deeper.flatMap((found) => found.problems)],
  };
}

function ignored(folder: string): FileProblem {
  return {
    ...fileProblem(shownName(folder), 'folder_ignored', 'is not read', 'list it under policies: in domicile.yaml'),
    severity: 'warning',
  };
}

interface Listing extends FoundFiles {
  /** Names of the folders in it, without hidden ones; null when it is a file. */
  readonly folders: readonly string[] | null;
}

/** @param key of domicile.yaml that names the entry; empty when a command line does */
function listFolder(entry: string, key: string, mayBeMissing: boolean): Listing {
  const files: string[] = [];
  const folders: string[] = [];
  try {
    if (!statSync(entry).isDirectory()) return { files: [entry], folders: null, problems: [] };
    for (const item of readdirSync(entry, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      // A mounted Kubernetes ConfigMap is made of symbolic links.
      const isFolder = item.isSymbolicLink()
        ? statSync(join(entry, item.name), { throwIfNoEntry: false })?.isDirectory()
        : item.isDirectory();
      if (isFolder && !item.name.startsWith('.')) folders.push(item.name);
      else if (isFolder === false && isData(item.name)) files.push(join(entry, item.name));
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    if (code === 'ENOENT' && mayBeMissing) return { files, folders, problems: [] };
    const problem =
      code === 'ENOENT'
        ? fileProblem(shownName(entry), 'not_found', 'does not exist', 'create it, or name another', 1, key)
        : fileProblem(shownName(entry), 'unreadable', `cannot be read (${code})`, 'check its permissions', 1, key);
    return { files, folders, problems: [problem] };
  }
  return { files, folders, problems: [] };
}
