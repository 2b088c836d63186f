import { readFileSync, statSync } from 'node:fs';
import { relative } from 'node:path';
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type YAMLError,
} from 'yaml';
import { fileProblem, type FileProblem } from './problem.ts';

/** Files of ours are small: 1 MiB. */
export const MAX_FILE_BYTES = 1_048_576;
/** Aliases may repeat this many values in all (the "billion laughs" bound of the yaml package). */
const MAX_ALIASES = 100;
const MAX_DEPTH = 64;
/** Brackets open at once, those in texts and comments counted too. */
const MAX_OPEN_BRACKETS = 256;
const MAX_SYNTAX_PROBLEMS = 20;

const YAML_OPTIONS = {
  version: '1.2',
  schema: 'core',
  strict: true,
  // The yaml package compares each key with every other, which takes minutes for a large map: see duplicateKeys.
  uniqueKeys: false,
  stringKeys: true,
  merge: false,
  resolveKnownTags: false,
  prettyErrors: false,
  logLevel: 'silent',
} as const;

/** A YAML file that has been read. Lines are looked for only when a problem has to be shown. */
export class SourceFile {
  /** As it was named. */
  readonly file: string;
  readonly value: unknown;
  readonly #text: string;
  #document: Document | null = null;
  readonly #lines = new LineCounter();

  constructor(file: string, text: string, value: unknown) {
    this.file = file;
    this.#text = text;
    this.value = value;
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
 * Reads a YAML 1.2 file (or JSON, which is YAML too): plain data only, and nothing that two readers could take in two
 * ways.
 * @param path absolute
 * @param previous what an earlier reading gave: returned again when the text is the same
 */
export function readSourceFile(path: string, previous?: SourceFile): ReadFile {
  const file = shownName(path);
  const refused = (...problem: Parameters<typeof fileProblem> extends [string, ...infer Rest] ? Rest : never) => ({
    source: null,
    problems: [fileProblem(file, ...problem)],
  });
  let bytes: Buffer;
  try {
    const stat = statSync(path);
    if (!stat.isFile()) return refused('not_a_file', 'is not a file', 'name a file');
    if (stat.size > MAX_FILE_BYTES) {
      const size = (stat.size / MAX_FILE_BYTES).toFixed(1);
      return refused(
        'too_large',
        `is ${size} MiB; the limit is 1 MiB`,
        'split it: a folder may hold any number of files',
      );
    }
    bytes = readFileSync(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    if (code === 'ENOENT') return refused('not_found', 'does not exist', 'create it, or name another file');
    return refused('unreadable', `cannot be read (${code})`, 'check its permissions');
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
    return refused('not_utf8', utf16 ? 'is UTF-16, not UTF-8' : 'is not UTF-8', 'save it as UTF-8');
  }
  return previous?.isOf(text) ? { source: previous, problems: [] } : parseText(file, text);
}

function parseText(file: string, text: string): ReadFile {
  const control = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/.exec(text);
  if (control) {
    const code = control[0].charCodeAt(0).toString(16).padStart(2, '0');
    const line = lineAt(text, control.index);
    return {
      source: null,
      problems: [fileProblem(file, 'control_character', `holds the control character 0x${code}`, 'remove it', line)],
    };
  }
  if (isNestedDeeply(text))
    return { source: null, problems: [fileProblem(file, 'too_deep', 'is nested too deeply', 'write it flatter')] };
  const json = parseJson(text);
  if (json !== undefined) return { source: new SourceFile(file, text, json), problems: [] };

  const document = parseDocument(text, YAML_OPTIONS);
  const problems = syntaxProblems(file, text, document);
  if (problems.length > 0) return { source: null, problems };
  try {
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
    if (text.includes('&') && isDeeperThan(value, MAX_DEPTH))
      return { source: null, problems: [fileProblem(file, 'alias_bomb', 'holds an alias of itself', 'write it out')] };
    return { source: new SourceFile(file, text, value), problems: [] };
  } catch (error) {
    // The yaml package throws a ReferenceError for these two, and for nothing else.
    if (!(error instanceof ReferenceError)) throw error;
    const name = /Unresolved alias .*: (\S+)$/.exec(error.message)?.[1];
    if (name === undefined)
      return {
        source: null,
        problems: [fileProblem(file, 'alias_bomb', 'its aliases multiply without bound', 'write the values out')],
      };
    const line = lineAt(text, Math.max(0, text.indexOf(`*${name}`)));
    return {
      source: null,
      problems: [fileProblem(file, 'unknown_alias', `there is no anchor &${name}`, 'write the value out', line)],
    };
  }
}

/** What the codes of the yaml package mean to the one who wrote the file. */
const SYNTAX: Readonly<Record<string, readonly [message: string, fix: string]>> = {
  TAB_AS_INDENT: ['a tab indents the line', 'indent with spaces'],
  MULTIPLE_DOCS: ['there is a second document', 'put it into a file of its own'],
  TAG_RESOLVE_FAILED: ['tags are not accepted', 'write the plain value without !tag'],
  RESOURCE_EXHAUSTION: ['is nested too deeply', 'write it flatter'],
  NON_STRING_KEY: ['a key is not a plain string', 'write a plain key'],
};

function syntaxProblems(file: string, text: string, document: Document.Parsed): FileProblem[] {
  const found: YAMLError[] = [...document.errors, ...document.warnings];
  const exhausted = found.find(({ code }) => code === 'RESOURCE_EXHAUSTION');
  const problems: FileProblem[] = [];
  const yaml = document.directives?.yaml;
  if (yaml?.explicit && yaml.version !== '1.2')
    problems.push(
      fileProblem(file, 'yaml_version', `is YAML ${yaml.version}`, 'remove the %YAML line: files are YAML 1.2'),
    );
  for (const { code, message, pos } of exhausted ? [exhausted] : found.slice(0, MAX_SYNTAX_PROBLEMS)) {
    const tab = /^ *\t/.test(text.slice(text.lastIndexOf('\n', pos[0] - 1) + 1));
    const [words, fix] = SYNTAX[tab ? 'TAB_AS_INDENT' : code] ?? [`is not YAML: ${message}`, 'correct the syntax'];
    problems.push(fileProblem(file, `yaml_${code.toLowerCase()}`, words, fix, lineAt(text, pos[0])));
  }
  visit(document, {
    Map(_, { items }) {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        const name: unknown = isScalar(key) ? key.value : key;
        if (seen.has(name))
          problems.push(
            fileProblem(
              file,
              'duplicate_key',
              'is there twice',
              'keep one of the two',
              lineAt(text, startOf(key) ?? 0),
              String(name),
            ),
          );
        seen.add(name);
      }
    },
  });
  return problems;
}

/** Judged before parsing, since the parser itself takes seconds to give up: brackets that stay open, or `- - - -`. */
function isNestedDeeply(text: string): boolean {
  if (/(?:[-?:][ \t]+){64}/.test(text)) return true;
  let open = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x5b || c === 0x7b) open++;
    else if (open > 0 && (c === 0x5d || c === 0x7d)) open--;
    if (open > MAX_OPEN_BRACKETS) return true;
  }
  return false;
}

function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let i = text.indexOf('\n'); i >= 0 && i < offset; i = text.indexOf('\n', i + 1)) line++;
  return line;
}

function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeperThan(inner, levels - 1));
}

/**
 * JSON is YAML, and its own parser is a hundred times faster, which is what a machine that writes ten thousand tenants'
 * policies wants. It silently keeps the last of two equal keys, so the keys in the text are counted against those of
 * the value. Undefined: not JSON, or not plainly; the YAML parser then has the say.
 */
function parseJson(text: string): unknown {
  if (!/^\s*\{/.test(text)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  let written = 0;
  for (const match of text.matchAll(/"(?:[^"\\]|\\.)*"\s*(:?)/g)) if (match[1] === ':') written++;
  return written === countKeys(value) ? value : undefined;
}

function countKeys(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let keys = Array.isArray(value) ? 0 : Object.keys(value).length;
  for (const inner of Object.values(value)) keys += countKeys(inner);
  return keys;
}
