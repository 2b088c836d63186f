import type { IncomingMessage } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import type { Static, TSchema } from 'typebox';
import { hint } from '../core/closest.ts';
import { conform, type SchemaNode } from '../core/conform.ts';
import type { Problem } from '../core/problem.ts';
import type { Filled, Shape } from '../core/schema.ts';
import { decodeUtf8, MalformedJson, parseJson } from '../dialect/json.ts';
import { badBody, pointer } from './call.ts';
import { ApiError, type FieldProblem } from './problem.ts';

/** Names that other systems use, by our own. A schema that has the one accepts the other. */
const ALIASES: Aliases = {
  learner_id: 'subject_id',
  residency_mode: 'mode',
  aws_region: 'cloud_region',
  country_code: 'country',
  data_center_location: 'data_center',
};

/** Our own name by the other one. */
export type Aliases = Readonly<Record<string, string>>;

export interface Read<T> {
  /** Conforming, every default filled in. */
  readonly value: T;
  /** Fields that were sent, by our own names. */
  readonly sent: ReadonlySet<string>;
  /** Names as they were sent, by our own, where they differ. */
  readonly sentAs: ReadonlyMap<string, string>;
}

/**
 * The JSON of a body, which is one object.
 * @throws ApiError 400 for what is no JSON (RFC 8259), or could be read in two ways: duplicate fields, `__proto__`; and for
 *   U+0000 in a text
 */
export function parseBody(bytes: Buffer): Readonly<Record<string, unknown>> {
  let text = '';
  try {
    text = decodeUtf8(bytes);
    parseJson(text);
  } catch (error) {
    if (!(error instanceof MalformedJson)) throw error;
    throw badBody([malformed(error, text)]);
  }
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badBody([{ path: '', message: 'the body must be a JSON object' }]);
  // PostgreSQL takes it in no text.
  if (text.includes('\\u0000')) refuseNul(value, []);
  return value as Record<string, unknown>;
}

function refuseNul(value: unknown, path: readonly (string | number)[]): void {
  if (typeof value === 'string' && value.includes('\0'))
    throw badBody([{ path: pointer(path, new Map()), message: 'holds the character U+0000: leave it out' }]);
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) refuseNul(inner, [...path, key]);
}

/** A key that was written twice, or must not be written, is named. */
function malformed({ message, position }: MalformedJson, text: string): FieldProblem {
  const key = /^(?:duplicate )?key/.test(message) ? /^"(?:[^"\\]|\\.)*"/.exec(text.slice(position))?.[0] : undefined;
  if (key === undefined) return { path: '', message: `the body is not JSON: ${message}` };
  const name = JSON.parse(key) as string;
  return {
    path: pointer([name], new Map()),
    message: name === '__proto__' ? 'cannot be the name of a field' : 'is there twice: write it once',
  };
}

/**
 * A body as its schema wants it.
 * @param aliases of this path alone
 * @throws ApiError 400 with every problem, each by the name that was sent
 */
export function readBody<S extends TSchema>(
  shape: Shape<S>,
  sent: Readonly<Record<string, unknown>>,
  aliases: Aliases = {},
): Read<Filled<Static<S>>> {
  const names = (shape.schema as SchemaNode).properties ?? {};
  const sentAs = new Map<string, string>();
  const body: Record<string, unknown> = { ...sent };
  const others = aliasesFor(names, aliases);
  for (const [alias, name] of others) {
    if (!Object.hasOwn(sent, alias)) continue;
    if (Object.hasOwn(sent, name))
      throw badBody([{ path: pointer([alias], new Map()), message: `is the same as ${name}: send one of the two` }]);
    sentAs.set(name, alias);
    body[name] = body[alias];
    delete body[alias];
  }
  if (!shape.conforms(body)) {
    const known = [...Object.keys(names), ...others.map(([alias]) => alias)];
    throw badBody(problemsIn(shape, body).map((problem) => fieldProblem(withHint(problem, known), sentAs)));
  }
  return { value: shape.withDefaults(body), sent: new Set(Object.keys(body)), sentAs };
}

/** More fields than any map has, and items than lists need. */
const FIELDS_SEEN = 100;
const ITEMS_SEEN = 1000;

/**
 * Why a body does not conform, looking at the beginning of what is long: a large body has a problem for every byte or two,
 * and everybody waits while they are told, the proxies for their beat too.
 */
function problemsIn(shape: Shape<TSchema>, body: Readonly<Record<string, unknown>>): readonly Problem[] {
  const seen = abridged(body) as typeof body;
  if (!shape.conforms(seen)) return conform(shape, seen);
  const cut = Object.keys(body).filter((name) => !isDeepStrictEqual(body[name], seen[name]));
  const message = `is too long, or wrong after its first ${ITEMS_SEEN} items`;
  return cut.map((name) => ({ code: 'too_long', path: [name], message, fix: 'send fewer' }));
}

function abridged(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, ITEMS_SEEN).map(abridged);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).slice(0, FIELDS_SEEN);
  return Object.fromEntries(fields.map(([name, inner]) => [name, abridged(inner)]));
}

/** The other names, with our own, that a schema of these properties accepts. */
export function aliasesFor(properties: object, aliases: Aliases): readonly (readonly [alias: string, name: string])[] {
  const every = Object.entries({ ...ALIASES, ...aliases });
  return every.filter(([alias, name]) => Object.hasOwn(properties, name) && !Object.hasOwn(properties, alias));
}

/** A name that nobody knows may be one of the other names, misspelt. */
function withHint(problem: Problem, known: readonly string[]): Problem {
  const { code, path } = problem;
  if (code !== 'unknown_key' || path.length > 1) return problem;
  return { ...problem, message: `unknown field${hint(String(path[0]), known)}` };
}

/** A problem of core/conform.ts as the API tells it. */
function fieldProblem(
  { path, message, fix }: Omit<Problem, 'code'>,
  sentAs: ReadonlyMap<string, string>,
): FieldProblem {
  return { path: pointer(path, sentAs), message: `${message}: ${fix}` };
}

/**
 * A query as its schema wants it. Numbers and truths are read from their text.
 * @throws ApiError 400 with every problem; a name that is there twice is one
 */
export function readQuery<S extends TSchema>(shape: Shape<S>, message: IncomingMessage): Filled<Static<S>> {
  const names = (shape.schema as SchemaNode).properties ?? {};
  const written: Record<string, unknown> = Object.create(null);
  for (const [name, text] of parametersOf(message)) {
    if (name in written)
      throw badBody([{ path: pointer([name], new Map()), message: 'is in the query twice: send it once' }]);
    refuseNul(text, [name]);
    written[name] = Object.hasOwn(names, name) ? valueOf(names[name] as SchemaNode, text) : text;
  }
  return readBody(shape, written).value;
}

/** Name and value of every query parameter, percent-decoded. */
function parametersOf({ url = '' }: IncomingMessage): Iterable<[string, string]> {
  const mark = url.indexOf('?');
  return new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
}

function valueOf(node: SchemaNode, text: string): unknown {
  if (node.type === 'integer' && /^-?\d{1,15}$/.test(text)) return Number(text);
  if (node.type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}

/** @throws ApiError 400 where a route has no query, and one was sent */
export function refuseQuery(message: IncomingMessage): void {
  for (const [name] of parametersOf(message))
    throw badBody([{ path: pointer([name], new Map()), message: 'is in the query, and this path takes none' }]);
}

/** @throws ApiError 400 where a route has no body, and one was sent */
export function refuseBody(bytes: Buffer): void {
  const text = bytes.toString('latin1').trim();
  // Clients that always send JSON send an empty object.
  if (text !== '' && !/^\{\s*\}$/.test(text)) throw new ApiError(400, 'Bad request', 'this path takes no body');
}
