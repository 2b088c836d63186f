import { leakBlocked, Refusal } from '../../core/refusal.ts';
import { guardBetaList, isClientTool } from '../anthropic/guarded.ts';
import type { Place } from '../dialect.ts';
import { member, type Edit, type JsonNode, type JsonObject } from '../json.ts';
import { foldKey, isNothing, JsonWalk, words } from '../walk.ts';
import { isListed } from './model.ts';
import { resolveS3Uri } from './s3uri.ts';

/** Values that are data to the service or the model: schemas, arguments, the user's own tags and variables. */
const OPAQUE = words('inputschema schema metadata requestmetadata promptvariables tags arguments');

/** Strings under these are what the model reads; one that looks like an address is a text about it. */
const TEXT = words(`
  text texts content prompt system instructions query inputtext inputtexts message messages stopsequences stop
  documents document description name title negativetext`);

/** Keys, folded and without `_` and `-`, of what guarded classes may not have. */
const POWERFUL = words(`
  systemtool mcpservers websearchoptions container containerid fileid fileids fileurl vectorstoreids connectorid
  serverurl url imageurl`);

const ADDRESS = /^(?:s3:|arn:aws)/i;
const DATA_URL = /^data:/i;
const KMS_KEY = /^(?:arn:[a-z-]+:kms:([a-z0-9-]+):\d{12}:)?(?:key|alias)?\/?[A-Za-z0-9/_-]{1,256}$/;
const TOOL_KEYS = words('toolSpec cachePoint');

/**
 * What any Bedrock body may name: buckets, guardrails, models, keys. Bodies of InvokeModel are each provider's own, so
 * names are found by what they are called, whatever the case and the separators, anywhere but in opaque values.
 */
export class BedrockWalk extends JsonWalk {
  readonly edits: Edit[] = [];
  readonly buckets: string[] = [];
  readonly #place: Place;
  readonly #model: string | null;
  readonly #isGuarded: boolean;
  #root: JsonObject | null = null;

  /** @param model id that the request names elsewhere: the only one that its body may name; null for none */
  constructor(place: Place, model: string | null, isGuarded: boolean) {
    super();
    this.#place = place;
    this.#model = model;
    this.#isGuarded = isGuarded;
  }

  /** The first refusal, or null. Nothing at the top of a body is opaque by its shape. */
  guard(root: JsonObject): Refusal | null {
    this.#root = root;
    return this.walk(root);
  }

  protected override member(key: string, value: JsonNode, owner: JsonObject): Refusal | boolean {
    const name = foldKey(key).replaceAll(/[_-]/g, '');
    if (OPAQUE.has(name) || (owner !== this.#root && isData(name, owner))) return false;
    if (isNothing(value)) return false;
    switch (name) {
      case 's3uri':
      case 'uri':
        return this.#bucket(value);
      case 's3location':
        // Its `uri` is seen on the way down.
        return member(value, 'uri') === null ? address('s3_uri') : true;
      case 'bucketowner':
        return leakBlocked('bucket_owner', 'Another account may not be named.', key);
      case 'kmskeyid':
      case 'kmskeyarn':
        return this.#key(value);
      case 'guardrailidentifier':
      case 'guardrailid':
      case 'guardrailarn':
        return this.#guardrail(value);
      case 'model':
      case 'modelid':
      case 'modelarn':
        return value.kind === 'string' && value.value === this.#model
          ? false
          : leakBlocked('model_in_body', 'The body may not name another model.', key);
      case 'inferencegeo':
        return leakBlocked('inference_geo', 'The inference geography may not be named.', key);
      default:
        break;
    }
    if (!TEXT.has(name) && holdsAddress(value)) return address('address');
    return this.#isGuarded ? guardMember(name, value) : true;
  }

  #bucket(value: JsonNode): Refusal | false {
    if (value.kind !== 'string') return address('s3_uri');
    const found = resolveS3Uri(value.value, this.#place);
    if (found instanceof Refusal) return found;
    this.buckets.push(found.bucket);
    if (found.physical !== value.value)
      this.edits.push({ start: value.start, end: value.end, text: JSON.stringify(found.physical) });
    return false;
  }

  /** A key of another region would have to be fetched from there. */
  #key(value: JsonNode): Refusal | false {
    const parts = value.kind === 'string' ? KMS_KEY.exec(value.value) : null;
    if (parts !== null && (parts[1] ?? this.#place.region.cloudRegion) === this.#place.region.cloudRegion) return false;
    return leakBlocked('kms_key', 'This encryption key is not permitted.');
  }

  #guardrail(value: JsonNode): Refusal | false {
    if (value.kind === 'string' && isListed(value.value, this.#place.endpoint.guardrails, this.#place)) return false;
    return guardrailRefused();
  }
}

export function guardrailRefused(): Refusal {
  return leakBlocked('guardrail', 'This guardrail is not permitted.');
}

/** A function's schema, a tool's arguments and its JSON result: unions of Converse, blocks of other APIs. */
function isData(name: string, owner: JsonObject): boolean {
  if (name === 'json') return owner.keys.length === 1;
  if (name === 'parameters') return owner.keys.includes('name');
  if (name !== 'input') return false;
  if (owner.keys.includes('toolUseId')) return true;
  const type = member(owner, 'type');
  return type !== null && type.kind === 'string' && type.value === 'tool_use';
}

function holdsAddress(value: JsonNode): boolean {
  if (value.kind === 'string') return ADDRESS.test(value.value);
  return value.kind === 'array' && value.items.some(holdsAddress);
}

function address(leak: string): Refusal {
  return leakBlocked(leak, 'This storage location or resource is not permitted.');
}

/** What would run, fetch or keep something beyond the inference itself. */
function guardMember(name: string, value: JsonNode): Refusal | boolean {
  if (POWERFUL.has(name)) {
    const isInline = value.kind === 'object' || (value.kind === 'string' && DATA_URL.test(value.value));
    // A chat completion's `image_url` is an object whose `url` is judged in its turn.
    if ((name === 'imageurl' || name === 'url') && isInline) return true;
    return leakBlocked(leakOf(name), 'This is not permitted for this class of data.', name);
  }
  if (name === 'tools') return guardTools(value) ?? true;
  if (name === 'anthropicbeta') return guardBetaList(value) ?? false;
  return true;
}

function leakOf(name: string): string {
  switch (name) {
    case 'mcpservers':
    case 'connectorid':
    case 'serverurl':
      return 'mcp_servers';
    case 'systemtool':
    case 'websearchoptions':
      return 'server_tool';
    case 'container':
    case 'containerid':
      return 'container';
    default:
      return 'file_source';
  }
}

/** Converse tools are one-key unions; others have a `type`, or none if they are the client's own. */
function guardTools(tools: JsonNode): Refusal | null {
  if (tools.kind !== 'array') return serverTool();
  for (const tool of tools.items) {
    if (tool.kind !== 'object') return serverTool();
    const type = member(tool, 'type');
    if (type !== null && !isNothing(type)) {
      if (type.kind !== 'string' || !isClientTool(type.value)) return serverTool();
      continue;
    }
    const isOwn = tool.keys.includes('name') || tool.keys.includes('function');
    if (!isOwn && !tool.keys.every((key) => TOOL_KEYS.has(key))) return serverTool();
  }
  return null;
}

function serverTool(): Refusal {
  return leakBlocked('server_tool', 'A tool is not permitted for this class of data.');
}
