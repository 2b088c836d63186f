import type { SchemaNode } from './conform.ts';

type Fill = (value: unknown) => unknown;

/**
 * Makes the function that copies a conforming value with every default of its schema filled in. What it needs of the
 * schema is looked up once, here: files of policies are large. Defaults are shared among all copies, and frozen.
 */
export function filler(node: SchemaNode): Fill {
  if (node.anyOf) return unionFiller(node.anyOf);
  if (node.properties) return objectFiller(node, node.properties);
  const entry = Object.values(node.patternProperties ?? {})[0];
  if (entry) {
    const fill = filler(entry);
    return (value) =>
      Object.fromEntries(Object.entries(value as object).map(([key, inner]) => [key, fill(inner)] as const));
  }
  if (node.items) {
    const fill = filler(node.items);
    return (value) => (value as unknown[]).map((item) => fill(item));
  }
  return (value) => value;
}

function objectFiller(node: SchemaNode, properties: Readonly<Record<string, SchemaNode>>): Fill {
  const keys = Object.entries(properties).map(([key, inner]) => {
    const fill = filler(inner);
    const initial = node.required?.includes(key) ? undefined : deepFreeze(fill(inner.default));
    return { key, fill, initial };
  });
  return (value) => {
    const written = value as Readonly<Record<string, unknown>>;
    const filled: Record<string, unknown> = {};
    for (const { key, fill, initial } of keys) filled[key] = Object.hasOwn(written, key) ? fill(written[key]) : initial;
    return filled;
  };
}

/** Of several maps, the value is the one all of whose required keys it has. */
function unionFiller(branches: readonly SchemaNode[]): Fill {
  const maps = branches
    .filter((branch) => branch.type === 'object')
    .map((branch) => ({ required: branch.required ?? [], fill: filler(branch) }));
  return (value) => {
    if (typeof value !== 'object' || value === null) return value;
    const map = maps.find(({ required }) => required.every((key) => Object.hasOwn(value, key)));
    return map === undefined ? value : map.fill(value);
  };
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) deepFreeze(inner);
    Object.freeze(value);
  }
  return value;
}
