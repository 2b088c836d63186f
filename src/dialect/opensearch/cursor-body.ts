import type { JsonNode } from '../json.ts';
import type { Findings } from './findings.ts';

/** `{"scroll", "scroll_id"}` of scrolls, `{"pit_id"}` of points in time; where they end, a list of ids too. */
export function guardCursorBody(root: JsonNode, kind: 'scroll' | 'pit', found: Findings): void {
  if (root.kind !== 'object') return found.malformed('The body is not a JSON object.');
  for (let i = 0; i < root.keys.length; i++) {
    const key = root.keys[i]!;
    if (kind === 'pit' && key === 'pit_id') found.pit(root.values[i]!);
    else if (kind === 'scroll' && key === 'scroll_id') found.scroll(root.values[i]!);
    else if (kind !== 'scroll' || key !== 'scroll') found.unknown(key, 'body');
  }
}
