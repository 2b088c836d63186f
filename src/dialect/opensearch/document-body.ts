import { member, type JsonNode } from '../json.ts';
import type { Findings } from './findings.ts';
import { guardScript } from './search-body.ts';

const MGET_DOC = new Set(
  '_index _id _routing routing _source stored_fields _version version _version_type version_type'.split(' '),
);
const UPDATE = new Set('doc script upsert doc_as_upsert scripted_upsert detect_noop _source lang'.split(' '));

/** `{"docs": [{"_index", "_id", …}], "ids": […]}`; a document without an index is of the path's. */
export function guardMget(root: JsonNode, found: Findings): void {
  if (root.kind !== 'object') return found.malformed('The body is not a JSON object.');
  for (let i = 0; i < root.keys.length; i++) {
    const value = root.values[i]!;
    if (value.kind !== 'array') return found.malformed('A list of documents is not a list.');
    if (root.keys[i] === 'ids') {
      if (!found.indexed) found.malformed('A document names no index.');
    } else if (root.keys[i] === 'docs') {
      for (const item of value.items) guardMgetDoc(item, found);
    } else {
      found.unknown(root.keys[i]!, 'body');
    }
  }
}

function guardMgetDoc(item: JsonNode, found: Findings): void {
  if (item.kind !== 'object') return found.malformed('A document is not a JSON object.');
  for (const key of item.keys) if (!MGET_DOC.has(key)) found.unknown(key, 'body');
  const index = member(item, '_index');
  if (index !== null) found.expression(index, 'one');
  else if (!found.indexed) found.malformed('A document names no index.');
}

/** A partial document or a script. */
export function guardUpdate(root: JsonNode, found: Findings): void {
  if (root.kind !== 'object') return found.malformed('The body is not a JSON object.');
  for (let i = 0; i < root.keys.length; i++) {
    const key = root.keys[i]!;
    if (!UPDATE.has(key)) found.unknown(key, 'body');
    else if (key === 'script') guardScript(root.values[i]!, found, true);
    else if (key === '_source') guardSourceFlag(root.values[i]!, found);
  }
}

/** Anything but `false` asks for the document in the answer. */
export function guardSourceFlag(value: JsonNode, found: Findings): void {
  if (value.kind !== 'literal' || value.value !== false) found.access = true;
}
