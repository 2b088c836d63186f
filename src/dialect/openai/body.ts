import type { Head } from '../../core/http.ts';
import { leakBlocked, malformed, Refusal } from '../../core/refusal.ts';
import { isGuarded } from '../../core/vocabulary.ts';
import type { Inspection, Place } from '../dialect.ts';
import { member, type Edit, type JsonNode, type JsonObject } from '../json.ts';
import { inspected, readJsonBody, setMember } from '../jsonbody.ts';
import { foldKey, isNothing, JsonWalk } from '../walk.ts';
import { guardState, OPAQUE } from './guarded.ts';
import type { OpenAiCall } from './operations.ts';

const NO_EDITS: readonly Edit[] = [];

/** Judges a body, collects its models, and forces `store: false` where nothing may be kept. */
export function guardBody(
  head: Head,
  call: OpenAiCall,
  place: Place,
  body: Buffer,
  limit: number,
): Inspection | Refusal {
  const json = readJsonBody(head, body, limit);
  if (json instanceof Refusal) return json;
  const { root } = json;
  const models = new ModelNames();
  const isGuardedClass = isGuarded(place.classification);
  const { storage } = place.endpoint;
  const refusal = models.walk(root) ?? (isGuardedClass ? guardState(call, root, storage) : null);
  if (refusal !== null) return refusal;
  const edits = isGuardedClass && !storage ? forceNoStore(call, root) : NO_EDITS;
  // State that is kept in the region is put there by this request, so a store must be allowed too.
  const alsoVerb = storage && stores(call, root) ? 'store' : null;
  return inspected(json, edits, models.names, [], alsoVerb);
}

function forceNoStore(call: OpenAiCall, root: JsonObject): readonly Edit[] {
  if (call.storing === 'never') return NO_EDITS;
  const store = member(root, 'store');
  if (store?.kind === 'literal' && store.value === false) return NO_EDITS;
  return [setMember(root, 'store', 'false')];
}

function stores(call: OpenAiCall, root: JsonObject): boolean {
  if (call.storing === 'never') return false;
  const store = member(root, 'store');
  if (store === null || (store.kind === 'literal' && store.value === null)) return call.storing === 'unless-refused';
  return !isNothing(store);
}

/** Every model that a body names: its own, its tools', its moderation's. Each must be permitted. */
class ModelNames extends JsonWalk {
  readonly names: string[] = [];

  protected override member(key: string, value: JsonNode): Refusal | boolean {
    if (OPAQUE.has(key)) return false;
    if (key === 'model') {
      if (isNothing(value)) return false;
      if (value.kind !== 'string') return malformed('The model must be a string.');
      this.names.push(value.value);
      return false;
    }
    // A near miss that another parser takes for the model would escape the policy's list.
    if (foldKey(key) === 'model')
      return leakBlocked('key_case', 'The body has a parameter that is not permitted.', 'near model');
    return true;
  }
}
