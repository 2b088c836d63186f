import { isScalar, parseDocument, visit, type Document, type YAMLError } from 'yaml';

/** Aliases may repeat this many values in all (the "billion laughs" bound of the yaml package). */
const MAX_ALIASES = 100;
/** Brackets open at once, those in texts and comments counted too. */
const MAX_OPEN_BRACKETS = 256;
const MAX_DEPTH = 64;
const MAX_SYNTAX_COMPLAINTS = 20;

/** YAML 1.2 core: plain data, no tags, no merge keys. */
export const YAML_OPTIONS = {
  version: '1.2',
  schema: 'core',
  strict: true,
  // The yaml package compares each key with every other, which takes minutes for a large map: see duplicates below.
  uniqueKeys: false,
  stringKeys: true,
  merge: false,
  resolveKnownTags: false,
  prettyErrors: false,
  // At `silent` the yaml package also keeps a second document to itself.
  logLevel: 'error',
} as const;

/** What is wrong with a text, before anything is known of its meaning. `line` counts from 1. */
export interface TextComplaint {
  readonly code: string;
  readonly message: string;
  readonly fix: string;
  readonly line: number;
  readonly key: string;
}

function complain(code: string, message: string, fix: string, line = 1, key = ''): TextComplaint {
  return { code, message, fix, line, key };
}

function refused(...words: Parameters<typeof complain>): { readonly complaints: readonly TextComplaint[] } {
  return { complaints: [complain(...words)] };
}

/** The value of a YAML 1.2 text (or JSON, which is YAML too), or why it has none that two readers would agree on. */
export function parseYaml(
  text: string,
): { readonly value: unknown } | { readonly complaints: readonly TextComplaint[] } {
  const control = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/.exec(text);
  if (control) {
    const code = control[0].charCodeAt(0).toString(16).padStart(2, '0');
    const line = lineAt(text, control.index);
    return refused('control_character', `holds the control character 0x${code}`, 'remove it', line);
  }
  if (isNestedDeeply(text)) return refused('too_deep', 'is nested too deeply', 'write it flatter');
  const json = parseJson(text);
  if (json !== undefined) return { value: json };

  const document = parseDocument(text, YAML_OPTIONS);
  const complaints = syntaxComplaints(text, document);
  if (complaints.length > 0) return { complaints };
  try {
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
    if (text.includes('&') && isDeeperThan(value, MAX_DEPTH))
      return refused('alias_bomb', 'holds an alias of itself', 'write it out');
    return { value };
  } catch (error) {
    // The yaml package throws a ReferenceError for these two, and for nothing else.
    if (!(error instanceof ReferenceError)) throw error;
    const name = /Unresolved alias .*: (\S+)$/.exec(error.message)?.[1];
    if (name === undefined) return refused('alias_bomb', 'its aliases multiply without bound', 'write the values out');
    const line = lineAt(text, Math.max(0, text.indexOf(`*${name}`)));
    return refused('unknown_alias', `there is no anchor &${name}`, 'write the value out', line);
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

function syntaxComplaints(text: string, document: Document.Parsed): TextComplaint[] {
  const found: YAMLError[] = [...document.errors, ...document.warnings];
  const exhausted = found.find(({ code }) => code === 'RESOURCE_EXHAUSTION');
  const complaints: TextComplaint[] = [];
  const yaml = document.directives?.yaml;
  if (yaml?.explicit && yaml.version !== '1.2')
    complaints.push(complain('yaml_version', `is YAML ${yaml.version}`, 'remove the %YAML line: files are YAML 1.2'));
  for (const { code, message, pos } of exhausted ? [exhausted] : found.slice(0, MAX_SYNTAX_COMPLAINTS)) {
    const tab = /^ *\t/.test(text.slice(text.lastIndexOf('\n', pos[0] - 1) + 1));
    const [words, fix] = SYNTAX[tab ? 'TAB_AS_INDENT' : code] ?? [`is not YAML: ${message}`, 'correct the syntax'];
    complaints.push(complain(`yaml_${code.toLowerCase()}`, words, fix, lineAt(text, pos[0])));
  }
  visit(document, {
    Map(_, { items }) {
      const seen = new Set<string>();
      for (const { key } of items) {
        // What is no scalar has been complained of as no plain string.
        if (!isScalar(key)) continue;
        const name = String(key.value);
        if (seen.has(name))
          complaints.push(
            complain('duplicate_key', 'is there twice', 'keep one of the two', lineAt(text, key.range?.[0] ?? 0), name),
          );
        seen.add(name);
      }
    },
  });
  return complaints;
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
