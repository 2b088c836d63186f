import { Refusal } from '../core/refusal.ts';
import type { JsonNode, JsonObject } from './json.ts';

/** A guard's way through a body: every member of every object, in the order of the text. */
export abstract class JsonWalk {
  /** What to do at a member: a refusal ends the walk, false leaves the value unread (it is opaque), true goes into it. */
  protected abstract member(key: string, value: JsonNode, owner: JsonObject): Refusal | boolean;

  /** The first refusal, or null. */
  walk(node: JsonNode): Refusal | null {
    if (node.kind === 'array') {
      for (let i = 0; i < node.items.length; i++) {
        const refusal = this.walk(node.items[i] as JsonNode);
        if (refusal !== null) return refusal;
      }
    } else if (node.kind === 'object') {
      for (let i = 0; i < node.keys.length; i++) {
        const value = node.values[i] as JsonNode;
        const verdict = this.member(node.keys[i] as string, value, node);
        if (verdict instanceof Refusal) return verdict;
        if (!verdict) continue;
        const refusal = this.walk(value);
        if (refusal !== null) return refusal;
      }
    }
    return null;
  }
}

/** Whether a value says nothing: null or false, as good as an absent one for every parameter that a guard refuses. */
export function isNothing(node: JsonNode | null): boolean {
  return node === null || (node.kind === 'literal' && node.value !== true);
}

/**
 * A key as a parser that ignores case sees it (Go's `encoding/json` folds `K`, U+212A, and `ſ`, U+017F, too).
 * For finding keys that one parser takes for another.
 */
export function foldKey(key: string): string {
  return key.toUpperCase().toLowerCase();
}

/** A set of names written as words between spaces or line breaks. */
export function words(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/));
}
