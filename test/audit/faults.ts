/** Disks that fail, processes that die and machines that lose power at any operation of a log. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { systemFiles, type DurableFiles, type NewFile } from '../../src/audit/durable.ts';
import type { FromWriter, ToWriter } from '../../src/audit/messages.ts';
import type { OpenPort } from '../../src/audit/thread.ts';
import { WriterService } from '../../src/audit/writer-service.ts';

/** How an operation fails: without effect, half done, or done but for the report. */
export type How = 'before' | 'half' | 'after';
export const HOWS: readonly How[] = ['before', 'half', 'after'];

/** What a process that dies in an operation throws: no code of ours may go on after it. */
export class Killed extends Error {}

/** The file system of this machine, which fails when it is told to. */
export class FaultyFiles implements DurableFiles {
  /** Operations that change something, so far. */
  operations = 0;
  /** Fails so many operations from the one of that number on. */
  readonly #from: number;
  readonly #failures: number;
  readonly #how: How;
  readonly #error: Error;
  /** Names of what was written, in order. */
  readonly written: string[] = [];

  constructor(from = Infinity, how: How = 'before', error: Error = new Killed('killed'), failures = Infinity) {
    this.#from = from;
    this.#failures = error instanceof Killed ? Infinity : failures;
    this.#how = how;
    this.#error = error;
  }

  write(files: readonly NewFile[]): void {
    const torn = files.map(({ path, bytes }) => ({ path, bytes: bytes.subarray(0, bytes.length / 2) }));
    this.#change(
      () => systemFiles.write(files),
      () => systemFiles.write(torn.slice(0, Math.ceil(files.length / 2))),
    );
  }

  rename(from: string, to: string): void {
    this.written.push(to);
    this.#change(() => systemFiles.rename(from, to));
  }

  syncFolder(path: string): void {
    this.#change(() => systemFiles.syncFolder(path));
  }

  makeFolder(path: string): void {
    this.#change(() => systemFiles.makeFolder(path));
  }

  remove(path: string): void {
    this.#change(() => systemFiles.remove(path));
  }

  removeFolder(path: string): void {
    this.#change(() => systemFiles.removeFolder(path));
  }

  list(path: string): string[] | null {
    return systemFiles.list(path);
  }

  read(path: string): Buffer | null {
    return systemFiles.read(path);
  }

  #change(act: () => void, half: () => void = () => undefined): void {
    const operation = this.operations++;
    if (operation < this.#from || operation >= this.#from + this.#failures) return act();
    // A dead process does nothing more.
    const isLater = this.#error instanceof Killed && operation > this.#from;
    if (!isLater && this.#how === 'half') half();
    if (!isLater && this.#how === 'after') act();
    throw this.#error;
  }
}

/** What `write` and the system calls fail with. */
export function diskError(code: string): Error {
  return Object.assign(new Error(`${code}: injected, write`), { code });
}

/** A writer in this thread, behind the same messages as the one in a thread of its own. */
export function inProcess(files: DurableFiles, delay: () => Promise<void> = () => Promise.resolve()): OpenPort {
  return (answer, lost) => {
    const service = new WriterService((message) => {
      const buffers = message.type === 'committed' ? message.buffers : [];
      const sent = structuredClone<FromWriter>(message, { transfer: [...buffers] });
      setImmediate(() => answer(sent));
    }, files);
    let last = Promise.resolve();
    return {
      post(message, buffers) {
        const sent = structuredClone<ToWriter>(message, { transfer: [...buffers] });
        last = last
          .then(delay)
          .then(() => service.take(sent))
          .catch(lost);
      },
      hold: () => undefined,
      end: () => last,
    };
  };
}

type Tree = Map<string, Buffer | null>;
interface Change {
  readonly folder: string;
  apply(tree: Tree): void;
}

/**
 * A disk that forgets, when the power goes, each change of a name that was not made durable by `syncFolder`; which of them
 * it forgets, it is told. Content is what `write` made durable.
 */
export class PowerlessFiles implements DurableFiles {
  operations = 0;
  readonly #at: number;
  readonly #live: Tree = new Map();
  readonly #durable: Tree = new Map();
  #pending: Change[] = [];

  /** @param at operation in which the power goes */
  constructor(at: number) {
    this.#at = at;
  }

  write(files: readonly NewFile[]): void {
    this.#operate(() => {
      for (const { path, bytes } of files) this.#make(path, bytes.subarray(0, bytes.length / 2));
    });
    for (const { path, bytes } of files) this.#make(path, bytes);
  }

  rename(from: string, to: string): void {
    const content = this.#live.get(from)!;
    this.#change(dirname(to), (tree) => {
      tree.delete(from);
      tree.set(to, content);
    });
  }

  syncFolder(path: string): void {
    this.#operate();
    for (const change of this.#pending) if (change.folder === path) change.apply(this.#durable);
    this.#pending = this.#pending.filter(({ folder }) => folder !== path);
  }

  makeFolder(path: string): void {
    if (this.#live.has(path)) return;
    this.#change(dirname(path), (tree) => tree.set(path, null));
  }

  remove(path: string): void {
    this.#change(dirname(path), (tree) => tree.delete(path));
  }

  removeFolder(path: string): void {
    if ((this.list(path) ?? ['none']).length > 0) return;
    this.#change(dirname(path), (tree) => tree.delete(path));
  }

  list(path: string): string[] | null {
    if (this.#live.get(path) !== null) return null;
    return [...this.#live.keys()].filter((name) => dirname(name) === path).map((name) => name.slice(path.length + 1));
  }

  read(path: string): Buffer | null {
    return this.#live.get(path) ?? null;
  }

  /** Puts on a real disk what there is when the power is back. */
  materialise(state: string, isKept: () => boolean): void {
    for (const change of this.#pending) if (isKept()) change.apply(this.#durable);
    const there = new Set([state]);
    for (const [path, content] of [...this.#durable].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      if (!there.has(dirname(path))) continue; // in a folder whose own name is forgotten
      there.add(path);
      if (content === null) mkdirSync(path);
      else writeFileSync(path, content);
    }
  }

  #make(path: string, bytes: Uint8Array): void {
    const content = Buffer.from(bytes);
    this.#apply(dirname(path), (tree) => tree.set(path, content));
  }

  #change(folder: string, apply: (tree: Tree) => void): void {
    this.#operate(() => this.#apply(folder, apply));
    this.#apply(folder, apply);
  }

  #apply(folder: string, apply: (tree: Tree) => void): void {
    apply(this.#live);
    this.#pending.push({ folder, apply });
  }

  #operate(torn: () => void = () => undefined): void {
    if (this.operations++ < this.#at) return;
    if (this.operations === this.#at + 1) torn();
    throw new Killed('the power is gone');
  }
}
