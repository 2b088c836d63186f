import type { Head } from '../../core/http.ts';
import { leakBlocked, malformed, Refusal } from '../../core/refusal.ts';
import { isGuarded } from '../../core/vocabulary.ts';
import type { Inspection, Place } from '../dialect.ts';
import { member, type Edit, type JsonNode, type JsonObject } from '../json.ts';
import { inspected, readJsonBody, setMember } from '../jsonbody.ts';
import { foldKey, isNothing, JsonWalk, words } from '../walk.ts';
import { guardMessages } from './guarded.ts';

const GEO = 'inference_geo';

/** Top-level keys that decide where a request runs or what it costs whom; a near miss of one is not let through. */
const POWERFUL = words('inference_geo model workspace_id fallbacks');

/** Values that are data to the service. */
const OPAQUE = words('input_schema input_examples schema metadata input');

/** Judges and pins the body of Messages and CountTokens. */
export function guardBody(head: Head, place: Place, body: Buffer, limit: number): Inspection | Refusal {
  const json = readJsonBody(head, body, limit);
  if (json instanceof Refusal) return json;
  const { root } = json;
  const near = nearMiss(root);
  if (near !== null) return near;
  if (!isNothing(member(root, 'workspace_id')))
    return leakBlocked('workspace', 'Another workspace may not be named.', 'workspace_id');
  const models = new ModelNames();
  const refusal = models.walk(root) ?? (isGuarded(place.classification) ? guardMessages(root) : null);
  if (refusal !== null) return refusal;
  const edits = pinGeo(root, place.endpoint.inferenceGeo);
  return edits instanceof Refusal ? edits : inspected(json, edits, models.names);
}

/**
 * `inference_geo` by DESIGN 1.9: the endpoint's own is put in where the client says nothing; a client's own must be the
 * same; without one at the endpoint there may be none.
 */
function pinGeo(root: JsonObject, geo: string | null): readonly Edit[] | Refusal {
  const sent = member(root, GEO);
  if (sent === null || (sent.kind === 'literal' && sent.value === null))
    return geo === null ? [] : [setMember(root, GEO, JSON.stringify(geo))];
  if (geo !== null && sent.kind === 'string' && sent.value === geo) return [];
  return leakBlocked(GEO, 'The inference geography is set by residency policy and may not be another.', GEO);
}

function nearMiss(root: JsonObject): Refusal | null {
  for (const key of root.keys) {
    const folded = foldKey(key);
    if (folded !== key && POWERFUL.has(folded))
      return leakBlocked('key_case', 'The body has a parameter that is not permitted.', `near ${folded}`);
  }
  return null;
}

/** Every model that a body names: its own, its fallbacks', its advisor's. Each must be permitted. */
class ModelNames extends JsonWalk {
  readonly names: string[] = [];

  protected override member(key: string, value: JsonNode): Refusal | boolean {
    if (OPAQUE.has(key)) return false;
    if (key === 'model') {
      if (value.kind !== 'string') return malformed('The model must be a string.');
      this.names.push(value.value);
      return false;
    }
    // `fallbacks: "default"` leaves the choice of another model to the service.
    if (key === 'fallbacks' && value.kind === 'string')
      return leakBlocked('model_unnamed', 'A fallback model must be named.', 'fallbacks');
    return true;
  }
}
