import { statSync, watch, type FSWatcher } from 'node:fs';
import { basename, dirname } from 'node:path';

/** Milliseconds of quiet after a change: editors and deployments write several files, each in several steps. */
const QUIET = 200;

interface Watched {
  /** Which folder it is, whatever its path leads to later. */
  readonly dev: number;
  readonly ino: number;
  readonly watcher: FSWatcher;
}

/**
 * Calls back once things are quiet after a change of any of the files or folders. Folders are watched, not files, because
 * editors and Kubernetes replace a file by renaming another over it. What cannot be watched is told to `onError`:
 * SIGHUP still reloads.
 */
export class Watch {
  /** By folder. */
  #watched = new Map<string, Watched>();
  /** By folder, the names in it that matter; null: all. */
  #names = new Map<string, Set<string> | null>();
  #timer: NodeJS.Timeout | null = null;
  readonly #onChange: () => void;
  readonly #onError: (path: string, error: unknown) => void;

  constructor(onChange: () => void, onError: (path: string, error: unknown) => void) {
    this.#onChange = onChange;
    this.#onError = onError;
  }

  /**
   * Watches these from now on, and nothing else. `files` by their folder, `folders` themselves. A folder that is watched
   * already stays so, with what is known of it but not told yet.
   */
  set(files: readonly string[], folders: readonly string[]): void {
    const before = this.#watched;
    this.#watched = new Map();
    const names = Map.groupBy(files, (file) => dirname(file));
    this.#names = new Map(
      Array.from(names, ([folder, paths]) => [folder, new Set(paths.map((path) => basename(path)))]),
    );
    for (const folder of folders) this.#names.set(folder, null);
    for (const folder of this.#names.keys()) {
      try {
        const { dev, ino } = statSync(folder);
        const known = before.get(folder);
        // Another folder may have been put in its place: the old one is then watched in vain.
        const same = known?.dev === dev && known.ino === ino;
        if (same) before.delete(folder);
        this.#watched.set(folder, same ? known : { dev, ino, watcher: this.#open(folder) });
      } catch (error) {
        this.#onError(folder, error);
      }
    }
    for (const { watcher } of before.values()) watcher.close();
  }

  close(): void {
    for (const { watcher } of this.#watched.values()) watcher.close();
    this.#watched.clear();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #open(folder: string): FSWatcher {
    const watcher = watch(folder, { persistent: false }, (_, name) => {
      const names = this.#names.get(folder) ?? null;
      // Kubernetes changes the link `..data`, through which its files are reached.
      if (names === null || name === null || names.has(name) || name.startsWith('..')) this.#changed();
    });
    watcher.on('error', (error) => this.#onError(folder, error));
    return watcher;
  }

  #changed(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#onChange();
    }, QUIET);
  }
}
