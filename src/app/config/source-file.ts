import { readFileSync, statSync } from 'node:fs';
import { relative } from 'node:path';
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Document } from 'yaml';
import { fileProblem, type FileProblem } from './problem.ts';
import { parseYaml, YAML_OPTIONS } from './yaml.ts';

/** Files of ours are small: 1 MiB. */
const MAX_FILE_BYTES = 1_048_576;

/** A YAML file that has been read. Lines are looked for only when a problem has to be shown. */
export class SourceFile {
  readonly value: unknown;
  readonly #path: string;
  readonly #text: string;
  #document: Document | null = null;
  readonly #lines = new LineCounter();

  /** @param path absolute */
  constructor(path: string, text: string, value: unknown) {
    this.#path = path;
    this.#text = text;
    this.value = value;
  }

  /** Its name for messages. */
  get file(): string {
    return shownName(this.#path);
  }

  /** Whether it was read from this text. */
  isOf(text: string): boolean {
    return this.#text === text;
  }

  /** Line, from 1, of a key or list entry; of what it would be in when it is not there. */
  lineOf(path: readonly (string | number)[]): number {
    this.#document ??= parseDocument(this.#text, { ...YAML_OPTIONS, lineCounter: this.#lines });
    let node: unknown = this.#document.contents;
    let offset = startOf(node) ?? 0;
    for (const step of path) {
      if (isAlias(node)) node = node.resolve(this.#document);
      if (isMap(node)) {
        const pair = node.items.find(({ key }) => (isScalar(key) ? String(key.value ?? '') : '') === String(step));
        if (pair === undefined) break;
        offset = startOf(pair.key) ?? offset;
        node = pair.value;
      } else if (isSeq(node)) {
        node = node.items[step as number];
        offset = startOf(node) ?? offset;
      } else break;
    }
    return this.#lines.linePos(offset).line || 1;
  }
}

function startOf(node: unknown): number | null {
  const range = (node as { range?: readonly number[] | null } | null | undefined)?.range;
  return range?.[0] ?? null;
}

export interface ReadFile {
  /** Null when there are problems. */
  readonly source: SourceFile | null;
  readonly problems: readonly FileProblem[];
}

/** A file's name for messages: relative to where we are, unless it lies elsewhere. */
export function shownName(file: string): string {
  const here = relative(process.cwd(), file);
  return here === '' || here.startsWith('..') ? file : here;
}

/**
 * Reads a YAML or JSON file.
 * @param path absolute
 * @param previous what an earlier reading gave: returned again when the text is the same
 */
export function readSourceFile(path: string, previous?: SourceFile): ReadFile {
  const text = readText(path);
  if (typeof text !== 'string') return { source: null, problems: [text] };
  if (previous?.isOf(text)) return { source: previous, problems: [] };
  const parsed = parseYaml(text);
  if ('value' in parsed) return { source: new SourceFile(path, text, parsed.value), problems: [] };
  const file = shownName(path);
  return { source: null, problems: parsed.complaints.map((found) => ({ ...found, file, severity: 'error' })) };
}

function readText(path: string): string | FileProblem {
  const refused = (code: string, message: string, fix: string) => fileProblem(shownName(path), code, message, fix);
  let bytes: Buffer;
  try {
    const stat = statSync(path);
    if (!stat.isFile()) return refused('not_a_file', 'is not a file', 'name a file');
    if (stat.size > MAX_FILE_BYTES) {
      const size = (stat.size / MAX_FILE_BYTES).toFixed(1);
      const fix = 'split it: a folder may hold any number of files';
      return refused('too_large', `is ${size} MiB; the limit is 1 MiB`, fix);
    }
    bytes = readFileSync(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    if (code === 'ENOENT') return refused('not_found', 'does not exist', 'create it, or name another file');
    return refused('unreadable', `cannot be read (${code})`, 'check its permissions');
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
    return refused('not_utf8', utf16 ? 'is UTF-16, not UTF-8' : 'is not UTF-8', 'save it as UTF-8');
  }
}
