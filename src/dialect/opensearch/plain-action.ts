import type { JsonString } from '../json.ts';

/** An action of a bulk in the form in which every client writes it: one object in another, strings alone, no escape. */
export interface PlainAction {
  readonly action: string;
  readonly keys: readonly string[];
  readonly values: readonly JsonString[];
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const CLOSE = 0x7d;

/**
 * Reads `{"index":{"_index":"logs","_id":"1"}}` without a tree. Null for all that is not exactly of this form, well-formed
 * or not: `parseJson` is then asked. What is read here it would read in the same way.
 * @param line of ASCII
 */
export function readPlainAction(line: string): PlainAction | null {
  if (!line.startsWith('{"') || !line.endsWith('}}')) return null;
  for (let i = 0; i < line.length; i++) {
    const c = line.charCodeAt(i);
    if (c < 0x20 || c === 0x5c) return null;
  }
  const end = line.indexOf('"', 2);
  const action = line.slice(2, end);
  if (end < 0 || !line.startsWith('":{', end)) return null;
  const keys: string[] = [];
  const values: JsonString[] = [];
  for (let at = end + 3; ; at++) {
    if (line.charCodeAt(at) !== QUOTE) return null;
    const keyEnd = line.indexOf('"', at + 1);
    if (keyEnd < 0 || !line.startsWith('":"', keyEnd)) return null;
    const key = line.slice(at + 1, keyEnd);
    const start = keyEnd + 2;
    const valueEnd = line.indexOf('"', start + 1);
    if (valueEnd < 0 || keys.includes(key)) return null;
    keys.push(key);
    values.push({ kind: 'string', start, end: valueEnd + 1, value: line.slice(start + 1, valueEnd) });
    at = valueEnd + 1;
    const c = line.charCodeAt(at);
    if (c === COMMA) continue;
    return c === CLOSE && at + 2 === line.length && action !== '__proto__' && !keys.includes('__proto__')
      ? { action, keys, values }
      : null;
  }
}
