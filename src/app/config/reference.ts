import { kindOf, type SchemaNode } from '../../core/conform.ts';

/** A table of the keys below a schema, in Markdown: key, what it takes, default, description. */
export function keyTable(schema: SchemaNode): string {
  const rows: string[] = [];
  addKeys(schema, '', rows);
  return ['| key | takes | default | |', '|---|---|---|---|', ...rows, ''].join('\n');
}

function addKeys(node: SchemaNode, prefix: string, rows: string[]): void {
  for (const [key, inner] of Object.entries(node.properties ?? {})) {
    const required = node.required?.includes(key) ?? false;
    addKey(prefix === '' ? key : `${prefix}.${key}`, inner, required, rows);
  }
  for (const value of Object.values(node.patternProperties ?? {})) {
    const name = `${prefix}.NAME`;
    for (const branch of value.anyOf ?? [value]) {
      if (branch.properties === undefined) rows.push(row(name, kindOf(branch), '', branch.description ?? ''));
      else {
        rows.push(row(name, branch.title ?? 'map', '', branch.description ?? ''));
        addKeys(branch, name, rows);
      }
    }
  }
}

function addKey(name: string, node: SchemaNode, required: boolean, rows: string[]): void {
  const branches = node.anyOf ?? [node];
  const map = branches.find(({ properties, patternProperties }) => properties ?? patternProperties);
  const list = branches.find(({ items }) => items?.properties);
  const takes = map ? (branches.length > 1 ? 'map or null' : 'map') : takesOf(node);
  const initial = required
    ? 'required'
    : map?.properties && node.default !== null
      ? ''
      : code(JSON.stringify(node.default));
  rows.push(row(name, takes, initial, node.description ?? map?.description ?? ''));
  if (map) addKeys(map, name, rows);
  if (list?.items) addKeys(list.items, `${name}[]`, rows);
}

function takesOf(node: SchemaNode): string {
  if (node.anyOf) return node.anyOf.map(takesOf).join(' or ');
  if (node.enum) return node.enum.map((word) => code(String(word))).join(', ');
  if (node.items) return node.items.properties ? 'list of maps' : `list of: ${takesOf(node.items)}`;
  return kindOf(node);
}

function code(text: string | undefined): string {
  return text === undefined ? '' : `\`${text}\``;
}

function row(...cells: readonly string[]): string {
  return `| ${[code(cells[0]), ...cells.slice(1)].map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
