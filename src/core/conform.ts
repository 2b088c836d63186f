import type { TSchema } from 'typebox';
import { hint } from './closest.ts';
import type { Problem } from './problem.ts';
import type { Shape } from './schema.ts';

type Path = readonly (string | number)[];

/** What our schemas are made of (schema.ts): a small part of JSON Schema. */
export interface SchemaNode {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly patternProperties?: Readonly<Record<string, SchemaNode>>;
  readonly minProperties?: number;
  readonly items?: SchemaNode;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly anyOf?: readonly SchemaNode[];
  readonly enum?: readonly (string | number)[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly 'x-shape'?: string;
  readonly 'x-secret'?: boolean;
}

/**
 * Every way in which a value departs from its schema; empty when it conforms. typebox has the say, and this only tells
 * why: what it refuses and we cannot explain is a problem all the same.
 */
export function conform<S extends TSchema>(shape: Shape<S>, value: unknown, path: Path = []): Problem[] {
  if (shape.conforms(value)) return [];
  const problems: Problem[] = [];
  explain(shape.schema as SchemaNode, value, path, problems);
  if (problems.length === 0)
    problems.push({
      code: 'wrong_shape',
      path,
      message: 'does not have the right shape',
      fix: 'compare with the docs',
    });
  return problems;
}

function explain(node: SchemaNode, value: unknown, path: Path, problems: Problem[]): void {
  if (node.anyOf) return explainUnion(node, node.anyOf, value, path, problems);
  if (node.enum) return explainWord(node, node.enum, value, path, problems);
  switch (node.type) {
    case 'object':
      return explainObject(node, value, path, problems);
    case 'array':
      return explainList(node, value, path, problems);
    case 'string':
      return explainText(node, value, path, problems);
    case 'integer':
    case 'number':
      return explainNumber(node, value, path, problems);
    default:
      if (!isOf(node, value)) wrongType(node, value, path, problems);
  }
}

/** Whether a value is of the schema's own kind, whatever is inside. */
function isOf(node: SchemaNode, value: unknown): boolean {
  if (node.anyOf) return node.anyOf.some((branch) => isOf(branch, value));
  if (node.enum) return node.enum.some((word) => typeof word === typeof value);
  switch (node.type) {
    case 'object':
      return isMap(value);
    case 'array':
      return Array.isArray(value);
    case 'integer':
    case 'number':
      return typeof value === 'number';
    case 'null':
      return value === null;
    default:
      return typeof value === node.type;
  }
}

/** The branch that the writer must have meant: of the right kind, and for maps the one that shares most keys. */
function explainUnion(
  node: SchemaNode,
  branches: readonly SchemaNode[],
  value: unknown,
  path: Path,
  problems: Problem[],
): void {
  const fitting = branches.filter((branch) => isOf(branch, value));
  if (fitting.length === 0) return wrongType(node, value, path, problems);
  let best: Problem[] | null = null;
  let bestShared = -1;
  for (const branch of fitting) {
    const found: Problem[] = [];
    explain(branch, value, path, found);
    if (found.length === 0) return;
    const shared = isMap(value) ? Object.keys(value).filter((key) => branch.properties?.[key]).length : 0;
    if (best === null || shared > bestShared || (shared === bestShared && found.length < best.length)) {
      best = found;
      bestShared = shared;
    }
  }
  problems.push(...(best ?? []));
}

function explainObject(node: SchemaNode, value: unknown, path: Path, problems: Problem[]): void {
  if (!isMap(value)) return wrongType(node, value, path, problems);
  const properties = node.properties ?? {};
  const known = Object.keys(properties);
  const patterns = Object.entries(node.patternProperties ?? {});
  for (const key of node.required ?? []) {
    if (Object.hasOwn(value, key)) continue;
    const missing = properties[key];
    problems.push({
      code: 'missing_key',
      path: [...path, key],
      message: 'is missing',
      fix: missing === undefined ? `add ${key}` : `add ${key}, ${kindOf(missing)}`,
    });
  }
  for (const [key, inner] of Object.entries(value)) {
    const here = [...path, key];
    if (Object.hasOwn(properties, key)) {
      explain(properties[key] as SchemaNode, inner, here, problems);
      continue;
    }
    const match = patterns.find(([pattern]) => new RegExp(pattern, 'u').test(key));
    if (match) explain(match[1], inner, here, problems);
    else problems.push(patterns.length > 0 ? badName(key, here) : unknownKey(key, known, here));
  }
  if (node.minProperties !== undefined && Object.keys(value).length < node.minProperties)
    problems.push({
      code: 'empty',
      path,
      message: 'holds nothing',
      fix: known.length > 0 ? `give at least one of ${known.join(', ')}` : 'give at least one entry',
    });
}

function unknownKey(key: string, known: readonly string[], path: Path): Problem {
  return {
    code: 'unknown_key',
    path,
    message: `unknown key${hint(key, known)}`,
    fix: `use one of ${known.join(', ')}`,
  };
}

function badName(key: string, path: Path): Problem {
  return {
    code: 'bad_name',
    path,
    message: `${quote(key)} cannot be a name here`,
    fix: 'use 1 to 64 letters, digits, dots, underscores or hyphens',
  };
}

function explainList(node: SchemaNode, value: unknown, path: Path, problems: Problem[]): void {
  if (!Array.isArray(value)) return wrongType(node, value, path, problems);
  if (node.minItems !== undefined && value.length < node.minItems)
    problems.push({
      code: 'too_few',
      path,
      message: value.length === 0 ? 'is an empty list' : `has only ${value.length} entries`,
      fix: `give at least ${node.minItems === 1 ? 'one entry' : `${node.minItems} entries`}`,
    });
  if (node.maxItems !== undefined && value.length > node.maxItems)
    problems.push({
      code: 'too_many',
      path,
      message: 'has too many entries',
      fix: `give at most ${node.maxItems === 1 ? 'one entry' : `${node.maxItems} entries`}`,
    });
  const items = node.items;
  value.forEach((item, i) => {
    if (items) explain(items, item, [...path, i], problems);
    if (node.uniqueItems && value.indexOf(item) < i)
      problems.push({
        code: 'listed_twice',
        path: [...path, i],
        message: `${printed(items ?? {}, item)} is listed twice`,
        fix: 'remove one of the two',
      });
  });
}

function explainWord(
  node: SchemaNode,
  words: readonly (string | number)[],
  value: unknown,
  path: Path,
  problems: Problem[],
): void {
  if (words.includes(value as string)) return;
  if (!isOf(node, value)) return wrongType(node, value, path, problems);
  problems.push({
    code: 'not_one_of',
    path,
    message: `${printed(node, value)} is not one of the words known here${hint(String(value), words.map(String))}`,
    fix: `use ${words.join(', ')}`,
  });
}

function explainText(node: SchemaNode, value: unknown, path: Path, problems: Problem[]): void {
  if (typeof value !== 'string') return wrongType(node, value, path, problems);
  const tooShort = node.minLength !== undefined && value.length < node.minLength;
  const tooLong = node.maxLength !== undefined && value.length > node.maxLength;
  const misshapen = node.pattern !== undefined && !new RegExp(node.pattern, 'u').test(value);
  if (!tooShort && !tooLong && !misshapen) return;
  problems.push({
    code: 'misshapen',
    path,
    message:
      value === '' ? 'is empty' : tooLong ? 'is too long' : `${printed(node, value)} does not have the right form`,
    fix: `write ${node['x-shape'] ?? (tooLong ? `at most ${node.maxLength} characters` : 'some text')}`,
  });
}

function explainNumber(node: SchemaNode, value: unknown, path: Path, problems: Problem[]): void {
  if (typeof value !== 'number') return wrongType(node, value, path, problems);
  const { minimum = -Infinity, maximum = Infinity } = node;
  const known = node.type === 'integer' ? Number.isInteger(value) : Number.isFinite(value);
  if (known && value >= minimum && value <= maximum) return;
  problems.push({ code: 'out_of_range', path, message: `${value} is out of range`, fix: `write ${rangeOf(node)}` });
}

function rangeOf(node: SchemaNode): string {
  const kind = node.type === 'integer' ? 'a whole number' : 'a number';
  if (node.minimum !== undefined && node.maximum !== undefined)
    return `${kind} from ${node.minimum} to ${node.maximum}`;
  if (node.minimum !== undefined) return `${kind} of at least ${node.minimum}`;
  return node.maximum === undefined ? kind : `${kind} of at most ${node.maximum}`;
}

function wrongType(node: SchemaNode, value: unknown, path: Path, problems: Problem[]): void {
  problems.push({
    code: 'wrong_type',
    path,
    message: `must be ${kindOf(node)}, not ${printed(node, value)}`,
    fix:
      node.type === 'string' && (typeof value === 'number' || typeof value === 'boolean')
        ? 'put it in quotes'
        : `write ${kindOf(node)}`,
  });
}

/** What a schema wants, in words. */
export function kindOf(node: SchemaNode): string {
  if (node.anyOf) return node.anyOf.map(kindOf).join(' or ');
  if (node.enum) return node.enum.length === 1 ? String(node.enum[0]) : `one of ${node.enum.join(', ')}`;
  switch (node.type) {
    case 'object':
      return 'a map';
    case 'array':
      return 'a list';
    case 'string':
      return node['x-shape'] ?? 'text';
    case 'boolean':
      return 'true or false';
    case 'null':
      return 'null';
    default:
      return rangeOf(node);
  }
}

/** A value for a message: kinds only for secrets and collections, and never long. */
function printed(node: SchemaNode, value: unknown): string {
  if (value === null || value === undefined) return 'empty (null)';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  if (node['x-secret'] || node.anyOf?.some((branch) => branch['x-secret'])) return 'what is written';
  return typeof value === 'string' ? quote(value) : String(value);
}

function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}…` : text);
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
