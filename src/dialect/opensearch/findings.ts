import type { JsonNode, JsonObject, Edit } from '../json.ts';
import { malformed, notPermitted, leakBlocked, type Refusal } from '../../core/refusal.ts';
import { judgePitId, judgeScrollId } from './cursor.ts';
import { expandExpression, judgeExpression } from './expression.ts';
import type { Naming } from './naming.ts';

/**
 * What a guard finds in one body: the names it judged, the edits that make them physical, the first refusal. A guard goes
 * on after a refusal, since nothing of what it finds then is used.
 */
export class Findings {
  readonly resources: string[] = [];
  refusal: Refusal | null = null;
  /** An update whose answer carries the document, or could. */
  access = false;
  /** A scroll or a point in time brings the indices. */
  continues = false;
  /** A bulk with deletions. */
  deletion = false;
  /** Edits of the text that is being looked at. */
  edits: Edit[] = [];
  /** The path names an index. */
  readonly indexed: boolean;
  readonly #naming: Naming;

  constructor(naming: Naming, indexed: boolean) {
    this.#naming = naming;
    this.indexed = indexed;
  }

  refuse(refusal: Refusal): void {
    this.refusal ??= refusal;
  }

  malformed(message: string): void {
    this.refuse(malformed(message));
  }

  /** A key that is not on its list. The key is for the log: it is input. */
  unknown(key: string, where: string): void {
    this.refuse(notPermitted(`The ${where} holds a key that is not served.`, key));
  }

  /** An index name or expression that is the value of a key or an element of a list. */
  expression(node: JsonNode, takes: 'one' | 'many'): void {
    if (node.kind !== 'string') return this.malformed('An index name is not a string.');
    this.#name(node.value, node.start, node.end, takes);
  }

  /** An index name that is itself a key. */
  key(object: JsonObject, i: number, text: string, takes: 'one' | 'many'): void {
    const start = object.keyStarts[i]!;
    this.#name(object.keys[i]!, start, endOfString(text, start), takes);
  }

  /** A search that names no index anywhere: it would search all that the cluster has. */
  everything(): void {
    this.resources.push('_all');
    if (this.#naming.templated) this.refuse(outsideTemplate());
  }

  scroll(node: JsonNode): void {
    this.#cursor(node, judgeScrollId);
  }

  pit(node: JsonNode): void {
    this.#cursor(node, judgePitId);
  }

  /** A list of ids is only taken where an operation ends them, as OpenSearch does; one id is as good as a list of one. */
  #cursor(node: JsonNode, judge: (id: string) => Refusal | null): void {
    if (this.#naming.shared) return this.refuse(sharedCursor());
    this.continues = true;
    const items = node.kind === 'array' ? node.items : [node];
    for (const item of items) {
      if (item.kind !== 'string') return this.malformed('A scroll or point-in-time id is not a string.');
      const refusal = judge(item.value);
      if (refusal !== null) this.refuse(refusal);
    }
  }

  #name(text: string, start: number, end: number, takes: 'one' | 'many'): void {
    const judged = judgeExpression(text, takes);
    if (judged.refusal !== null) return this.refuse(judged.refusal);
    for (const resource of judged.resources) this.resources.push(resource);
    if (!this.#naming.templated) return;
    if (judged.all) return this.refuse(outsideTemplate());
    this.edits.push({ start, end, text: JSON.stringify(expandExpression(text, this.#naming)) });
  }
}

/** No name, or `_all`, on a cluster where a template tells one tenant's indices from another's. */
export function outsideTemplate(): Refusal {
  return leakBlocked('index_template', 'The request would reach every index of the cluster: name its indices.');
}

/** The index could be one of another tenant. */
export function tenantTemplate(): Refusal {
  return leakBlocked('tenant_template', 'The index could be one of another tenant.');
}

/** An id names no index that a template could be held against, and its parts can be made up. */
export function sharedCursor(): Refusal {
  return leakBlocked('opaque_id', 'Scrolls and points in time are not served on a cluster that tenants share.');
}

/** Offset past the closing quote of the JSON string that starts at `start`. */
function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (text.charCodeAt(i) !== 0x22) i += text.charCodeAt(i) === 0x5c ? 2 : 1;
  return i + 1;
}
