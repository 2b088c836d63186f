import type { TSchema } from 'typebox';
import { parse } from 'yaml';
import { hint } from '../../core/closest.ts';
import type { SchemaNode } from '../../core/conform.ts';
import { CONFIGURATION_FILE } from './schema.ts';

const PREFIX = 'DOMICILE_';
/** Belongs to the test tools. */
const NOT_OURS = new Set(['DOMICILE_SERVERS']);

/** A key of domicile.yaml that an environment variable sets. */
export interface EnvironmentOverride {
  readonly variable: string;
  readonly path: readonly string[];
  readonly value: unknown;
}

export interface EnvironmentOverrides {
  readonly overrides: readonly EnvironmentOverride[];
  /** Variables that look like ours and are no key, with the variable that may have been meant. */
  readonly unknown: readonly { readonly variable: string; readonly hint: string }[];
}

/**
 * The `DOMICILE_*` variables: a key's path with two underscores between its parts, as in
 * `DOMICILE_LISTENERS__STORAGE__LISTEN`; one underscore will do where that names one key only. Lists are separated by
 * commas, or written as YAML; an empty variable is as none. In `credentials` and `classification.aliases` the name is
 * that of an entry of the file in any case of letters, a hyphen being an underscore, else a new one in lower case.
 * @param file value of the file, for the names in it
 */
export function readEnvironment(env: NodeJS.ProcessEnv, file: unknown): EnvironmentOverrides {
  const overrides: EnvironmentOverride[] = [];
  const unknown: { variable: string; hint: string }[] = [];
  for (const variable of Object.keys(env).sort()) {
    const text = env[variable];
    if (!variable.startsWith(PREFIX) || NOT_OURS.has(variable) || text === undefined || text === '') continue;
    const name = variable.slice(PREFIX.length);
    const found = follow(name.split('__'), file) ?? SHORT_NAMES.get(name);
    if (found === undefined || found === null) {
      const known = [...SHORT_NAMES.values()].map(({ path }) => PREFIX + path.join('__').toUpperCase());
      unknown.push({ variable, hint: hint(variable, known) });
    } else overrides.push({ variable, path: found.path, value: valueOf(found.node, text) });
  }
  return { overrides, unknown };
}

interface Target {
  readonly path: readonly string[];
  readonly node: SchemaNode;
}

function objectOf(node: SchemaNode): SchemaNode {
  return node.anyOf?.find((branch) => branch.type === 'object') ?? node;
}

/** The key that `SELF__REGION` names, part by part. */
function follow(parts: readonly string[], file: unknown): Target | null {
  let nodes: readonly SchemaNode[] = [CONFIGURATION_FILE.schema as TSchema as SchemaNode];
  let here: unknown = file;
  const path: string[] = [];
  for (const part of parts) {
    const choices = nodes.flatMap((node) => node.anyOf ?? [node]);
    const wanted = part.toLowerCase();
    const fixed = choices.map((node) => node.properties?.[wanted]).filter((node) => node !== undefined);
    const entry = choices.flatMap((node) => Object.values(node.patternProperties ?? {}));
    let key = wanted;
    if (fixed.length > 0) nodes = fixed;
    else if (entry.length > 0 && wanted !== '') {
      const names = typeof here === 'object' && here !== null ? Object.keys(here) : [];
      key = names.find((name) => name.toLowerCase().replaceAll('-', '_') === wanted) ?? wanted;
      nodes = entry;
    } else return null;
    path.push(key);
    here = (here as Record<string, unknown> | null | undefined)?.[key];
  }
  const node = nodes[0];
  return node === undefined ? null : { path, node };
}

/** Keys by their path with single underscores, without those that two keys would share. */
function shortNames(): ReadonlyMap<string, Target> {
  const names = new Map<string, Target>();
  const shared = new Set<string>();
  const visit = (node: SchemaNode, path: readonly string[]) => {
    for (const [key, inner] of Object.entries(objectOf(node).properties ?? {})) {
      const here = [...path, key];
      const name = here.join('_').toUpperCase();
      if (names.has(name)) shared.add(name);
      names.set(name, { path: here, node: inner });
      visit(inner, here);
    }
  };
  visit(CONFIGURATION_FILE.schema as TSchema as SchemaNode, []);
  for (const name of shared) names.delete(name);
  return names;
}

const SHORT_NAMES = shortNames();

/** The text of a variable as the schema wants it; what does not fit is left as text, for the schema to refuse. */
function valueOf(node: SchemaNode, text: string): unknown {
  const branches = node.anyOf ?? [node];
  if (text === 'null' && branches.some(({ type }) => type === 'null')) return null;
  for (const branch of branches) {
    if (branch.enum?.includes(text)) return text;
    if (branch.type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
    if ((branch.type === 'integer' || branch.type === 'number') && /^-?\d+(?:\.\d+)?$/.test(text)) return Number(text);
    if (branch.type === 'array') return text.startsWith('[') ? plain(text) : text.split(',').map((item) => item.trim());
    if (branch.type === 'object' && text.startsWith('{')) return plain(text);
  }
  return text;
}

function plain(text: string): unknown {
  try {
    return parse(text, { stringKeys: true, maxAliasCount: 0 });
  } catch {
    return text;
  }
}

/**
 * A copy of the file's value with the variables set in it. A section that the file leaves out begins as its default:
 * to move one listener does not switch off the others.
 */
export function applyOverrides(value: unknown, overrides: readonly EnvironmentOverride[]): unknown {
  if (overrides.length === 0) return value;
  const sections = CONFIGURATION_FILE.schema.properties as Readonly<Record<string, { readonly default?: unknown }>>;
  const result: unknown = structuredClone(value ?? {});
  for (const { path, value: set } of overrides) {
    let holder = result as Record<string, unknown>;
    for (const [depth, key] of path.slice(0, -1).entries()) {
      const inner = holder[key];
      if (inner === undefined && depth === 0) holder[key] = structuredClone(sections[key]?.default ?? {});
      else if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) holder[key] = {};
      holder = holder[key] as Record<string, unknown>;
    }
    holder[path.at(-1) as string] = set;
  }
  return result;
}
