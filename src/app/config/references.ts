import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { hint } from '../../core/closest.ts';
import type { Problem } from '../../core/problem.ts';

type Path = readonly (string | number)[];

/** Where references are looked up. */
export interface ReferenceSources {
  readonly env: NodeJS.ProcessEnv;
  /** What relative file names are relative to. */
  readonly folder: string;
  /** `unneeded`: under `credentials`, what is missing is replaced by a word that is plainly no secret. */
  readonly secrets: 'needed' | 'unneeded';
}

/** Never sent: whoever asks for it sends nothing. */
const UNNEEDED = 'not-loaded';

const MAX_SECRET_BYTES = 65_536;

/**
 * A copy of a value in which every `${env:NAME}` and `${file:PATH}` of its strings is replaced, once: what they stand
 * for is not looked at again. One that is missing or empty is a problem that names it, and stays as it is.
 */
export function resolveReferences(
  value: unknown,
  sources: ReferenceSources,
  problems: Problem[],
  path: Path = [],
): unknown {
  if (typeof value === 'string') return value.includes('${') ? resolveText(value, sources, problems, path) : value;
  if (Array.isArray(value)) return value.map((item, i) => resolveReferences(item, sources, problems, [...path, i]));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, resolveReferences(inner, sources, problems, [...path, key])]),
  );
}

function resolveText(text: string, sources: ReferenceSources, problems: Problem[], path: Path): string {
  const optional = sources.secrets === 'unneeded' && path[0] === 'credentials';
  const complain = (code: string, message: string, fix: string) => problems.push({ code, path, message, fix });
  const missing = optional ? () => undefined : complain;
  const absent = (whole: string) => (optional ? UNNEEDED : whole);
  if (text.replaceAll(/\$\{[^{}]*\}/g, '').includes('${'))
    complain('bad_reference', 'a reference has no closing brace', 'write ${env:NAME} or ${file:PATH}');
  return text.replaceAll(/\$\{([^{}]*)\}/g, (whole, inner: string) => {
    const colon = inner.indexOf(':');
    const kind = inner.slice(0, Math.max(colon, 0));
    const name = inner.slice(colon + 1);
    if (kind === 'env' && name !== '') return fromEnvironment(name, sources.env, missing) ?? absent(whole);
    if (kind === 'file' && name !== '') return fromFile(name, sources.folder, missing) ?? absent(whole);
    complain(
      'bad_reference',
      `${whole} refers to nothing${hint(kind || inner, ['env', 'file'])}`,
      'write ${env:NAME} or ${file:PATH}',
    );
    return whole;
  });
}

type Complain = (code: string, message: string, fix: string) => unknown;

function fromEnvironment(name: string, env: NodeJS.ProcessEnv, complain: Complain): string | null {
  const value = env[name];
  if (value !== undefined && value !== '') return value;
  complain(
    'env_missing',
    `the environment variable ${name} is ${value === undefined ? 'not set' : 'empty'}`,
    `set ${name}, or remove what refers to it`,
  );
  return null;
}

function fromFile(name: string, folder: string, complain: Complain): string | null {
  let text: string;
  try {
    const bytes = readFileSync(resolve(folder, name));
    if (bytes.length > MAX_SECRET_BYTES) {
      complain(
        'file_too_large',
        `the file ${name} is larger than 64 KiB`,
        'refer to a file that holds only the secret',
      );
      return null;
    }
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why =
      code === 'ENOENT' ? 'does not exist' : error instanceof TypeError ? 'is not UTF-8' : `cannot be read (${code})`;
    complain('file_missing', `the file ${name} ${why}`, `create ${name} with the secret in it, or name another file`);
    return null;
  }
  const secret = text.replace(/[\r\n]+$/, '');
  if (secret !== '') return secret;
  complain('file_empty', `the file ${name} is empty`, `write the secret into ${name}`);
  return null;
}

/** Keys that may not stand in the file itself: of each credential, and elsewhere. */
const SECRET_KEYS = ['secret_access_key', 'session_token', 'password', 'value'];

/** Secrets of the file, before references are resolved, that stand in clear text. */
export function findClearSecrets(value: unknown): Problem[] {
  const problems: Problem[] = [];
  const check = (secret: unknown, path: Path) => {
    if (secret === undefined || secret === null || (typeof secret === 'string' && REFERENCE.test(secret))) return;
    problems.push({
      code: 'clear_secret',
      path,
      message: 'is a secret in clear text',
      fix: 'put it into the environment or a file, and write ${env:NAME} or ${file:PATH} here',
    });
  };
  const { credentials, feed, webhooks, store, audit } = (value ?? {}) as Record<string, unknown>;
  for (const [name, credential] of entriesOf(credentials)) {
    for (const key of SECRET_KEYS) check(member(credential, key), ['credentials', name, key]);
  }
  check(member(feed, 'token'), ['feed', 'token']);
  check(member(audit, 'key'), ['audit', 'key']);
  check(member(member(audit, 'pseudonyms'), 'key'), ['audit', 'pseudonyms', 'key']);
  if (Array.isArray(webhooks)) webhooks.forEach((hook, i) => check(member(hook, 'secret'), ['webhooks', i, 'secret']));
  const url = member(store, 'url');
  const clear = typeof url === 'string' ? passwordsIn(url).find((password) => !REFERENCE.test(password)) : undefined;
  check(clear, ['store', 'url']);
  return problems;
}

const REFERENCE = /\$\{[^{}]+\}/;

/** A reference may hold what ends a name, and is read as a whole. */
const BEHIND_USER = /^[^/]*\/\/(?:\$\{[^{}]+\}|(?!\$\{)[^/@:])*:((?:\$\{[^{}]+\}|(?!\$\{)[^/?#])*)@/;

/** Passwords in the address of a database, as they are written: behind the user, or as a parameter. None is empty. */
export function passwordsIn(url: string): string[] {
  const behindUser = BEHIND_USER.exec(url)?.[1] ?? '';
  const parameters = Array.from(url.matchAll(/[?&][^=&#]*password=([^&#]*)/gi), ([, value]) => value!);
  return [behindUser, ...parameters].filter((password) => password !== '');
}

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}
