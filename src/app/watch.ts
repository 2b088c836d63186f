import { watch, type FSWatcher } from 'node:fs';
import { dirname } from 'node:path';

/** Milliseconds of quiet after a change: editors and deployments write several files, each in several steps. */
const QUIET = 200;

/**
 * Calls back once things are quiet after a change of any of the files or folders. Folders are watched, not files, because
 * editors and Kubernetes replace a file by renaming another over it. What cannot be watched is told to `onError`:
 * SIGHUP still reloads.
 */
export class Watch {
  #watchers: FSWatcher[] = [];
  #timer: NodeJS.Timeout | null = null;
  readonly #onChange: () => void;
  readonly #onError: (path: string, error: unknown) => void;

  constructor(onChange: () => void, onError: (path: string, error: unknown) => void) {
    this.#onChange = onChange;
    this.#onError = onError;
  }

  /** Watches these from now on, and nothing else. `files` by their folder, `folders` themselves. */
  set(files: readonly string[], folders: readonly string[]): void {
    this.close();
    for (const folder of new Set([...files.map((file) => dirname(file)), ...folders])) {
      try {
        const watcher = watch(folder, { persistent: false }, () => this.#changed());
        watcher.on('error', (error) => this.#onError(folder, error));
        this.#watchers.push(watcher);
      } catch (error) {
        this.#onError(folder, error);
      }
    }
  }

  close(): void {
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #changed(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#onChange();
    }, QUIET);
  }
}
