import type { Head } from '../../core/http.ts';
import { leakBlocked, malformed, Refusal } from '../../core/refusal.ts';
import { isGuarded } from '../../core/vocabulary.ts';
import { guardMessages } from '../anthropic/guarded.ts';
import type { Inspection, Place } from '../dialect.ts';
import { member, splice, type Edit, type JsonNode, type JsonObject } from '../json.ts';
import { inspected, parseObject, readJsonBody, type JsonBody } from '../jsonbody.ts';
import { isNothing, words } from '../walk.ts';
import { guardModel, isModelId, providerOf } from './model.ts';
import type { BedrockCall } from './operations.ts';
import { BedrockWalk } from './walk.ts';

const CONVERSE = words(`
  messages system inferenceConfig toolConfig guardrailConfig additionalModelRequestFields promptVariables
  additionalModelResponseFieldPaths requestMetadata performanceConfig serviceTier outputConfig`);
const APPLY_GUARDRAIL = words('source content outputScope');
const COUNT_TOKENS = words('input');
const COUNT_TOKENS_INPUT = words('invokeModel converse');
const COUNT_TOKENS_INVOKE = words('body');
const START_ASYNC_INVOKE = words('clientRequestToken modelId modelInput outputDataConfig tags');

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const NO_NAMES: readonly string[] = [];

/** Judges a body and puts the buckets that it names through the place's map. */
export function guardBody(
  head: Head,
  call: BedrockCall,
  place: Place,
  body: Buffer,
  limit: number,
): Inspection | Refusal {
  const json = readJsonBody(head, body, limit);
  if (json instanceof Refusal) return json;
  switch (call.operation) {
    case 'InvokeModel':
    case 'InvokeModelWithResponseStream':
      return shaped(json, call, place, null);
    case 'Converse':
    case 'ConverseStream':
      return shaped(json, call, place, CONVERSE);
    case 'ApplyGuardrail':
      return shaped(json, call, place, APPLY_GUARDRAIL);
    case 'CountTokens':
      return countTokens(json, call, place);
    case 'StartAsyncInvoke':
      return startAsyncInvoke(json, place);
  }
}

/** @param keys the operation's top-level keys; null for a body whose form is the model provider's own */
function shaped(
  json: JsonBody,
  call: BedrockCall,
  place: Place,
  keys: ReadonlySet<string> | null,
): Inspection | Refusal {
  const walk = new BedrockWalk(place, call.model, isGuarded(place.classification));
  const refusal =
    keys === null
      ? guardProviderBody(json.root, call.model, place, walk)
      : (onlyKeys(json.root, keys) ?? walk.guard(json.root));
  return refusal ?? inspected(json, walk.edits, NO_NAMES, walk.buckets);
}

/** Claude's bodies are Messages bodies, whose allow-list is known. */
function guardProviderBody(root: JsonObject, model: string | null, place: Place, walk: BedrockWalk): Refusal | null {
  const refusal = walk.guard(root);
  if (refusal !== null || !isGuarded(place.classification)) return refusal;
  // Claude's older text completions have a prompt, no messages, and nothing else of interest.
  if (member(root, 'messages') === null) return null;
  const isClaude = member(root, 'anthropic_version') !== null || (model !== null && providerOf(model) === 'anthropic');
  return isClaude ? guardMessages(root) : null;
}

/** Counts what another operation would be sent: judged as that, the one in Base64 after decoding. */
function countTokens(json: JsonBody, call: BedrockCall, place: Place): Inspection | Refusal {
  const input = member(json.root, 'input');
  if (input === null || input.kind !== 'object') return malformed('The body has no input.');
  const unknown = onlyKeys(json.root, COUNT_TOKENS) ?? onlyKeys(input, COUNT_TOKENS_INPUT);
  if (unknown !== null) return unknown;
  const walk = new BedrockWalk(place, call.model, isGuarded(place.classification));
  const converse = member(input, 'converse');
  if (converse !== null) {
    if (converse.kind !== 'object') return malformed('The input is not well-formed.');
    const refusal = onlyKeys(converse, CONVERSE) ?? walk.guard(converse);
    if (refusal !== null) return refusal;
  }
  const edits = [...walk.edits];
  const buckets = [...walk.buckets];
  const invoke = member(input, 'invokeModel');
  if (invoke !== null) {
    const carried = guardCarried(invoke, call, place);
    if (carried instanceof Refusal) return carried;
    edits.push(...carried.edits);
    buckets.push(...carried.buckets);
  }
  return inspected(json, edits, NO_NAMES, buckets);
}

interface Carried {
  readonly edits: readonly Edit[];
  readonly buckets: readonly string[];
}

/** A body of InvokeModel that is carried in Base64: `{body: "…"}`. */
function guardCarried(invoke: JsonNode, call: BedrockCall, place: Place): Carried | Refusal {
  const blob = member(invoke, 'body');
  if (invoke.kind !== 'object' || blob === null || blob.kind !== 'string' || !BASE64.test(blob.value))
    return malformed('The input is not well-formed.');
  const unknown = onlyKeys(invoke, COUNT_TOKENS_INVOKE);
  if (unknown !== null) return unknown;
  const inner = parseObject(Buffer.from(blob.value, 'base64'));
  if (inner instanceof Refusal) return inner;
  const walk = new BedrockWalk(place, call.model, isGuarded(place.classification));
  const refusal = guardProviderBody(inner.node, call.model, place, walk);
  if (refusal !== null) return refusal;
  const { buckets } = walk;
  if (walk.edits.length === 0) return { edits: [], buckets };
  const text = Buffer.from(splice(inner.text, walk.edits)).toString('base64');
  return { edits: [{ start: blob.start, end: blob.end, text: JSON.stringify(text) }], buckets };
}

function startAsyncInvoke(json: JsonBody, place: Place): Inspection | Refusal {
  const { root } = json;
  const model = member(root, 'modelId');
  if (model === null || model.kind !== 'string' || !isModelId(model.value))
    return malformed('The model id is not well-formed.');
  const refusal = onlyKeys(root, START_ASYNC_INVOKE) ?? guardModel(model.value, place);
  if (refusal !== null) return refusal;
  const walk = new BedrockWalk(place, model.value, isGuarded(place.classification));
  const leak = walk.guard(root);
  if (leak !== null) return leak;
  const output = member(root, 'outputDataConfig');
  const s3 = output === null ? null : member(output, 's3OutputDataConfig');
  if (s3 === null || isNothing(member(s3, 's3Uri')))
    return leakBlocked('s3_uri', 'The output must be written to a bucket.', 'no outputDataConfig.s3OutputDataConfig');
  return inspected(json, walk.edits, [model.value], walk.buckets);
}

/** The service's own shapes are closed: a key that is not in them is one that we do not know, or another parser's. */
function onlyKeys(node: JsonObject, keys: ReadonlySet<string>): Refusal | null {
  for (let i = 0; i < node.keys.length; i++) {
    const key = node.keys[i] as string;
    if (keys.has(key) || isNothing(node.values[i] as JsonNode)) continue;
    return leakBlocked('key_unknown', 'The body has a parameter that is not permitted.', `key ${key.slice(0, 64)}`);
  }
  return null;
}
