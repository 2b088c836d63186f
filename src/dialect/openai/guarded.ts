import { leakBlocked, type Refusal } from '../../core/refusal.ts';
import { member, type JsonNode, type JsonObject } from '../json.ts';
import { isNothing, JsonWalk, words } from '../walk.ts';
import type { OpenAiCall } from './operations.ts';

/**
 * What a body may hold in guarded classes: nothing that makes the service keep, look up, fetch or run anything beyond
 * the inference itself. Everything is an allow-list, of top-level keys and of `type` values, so that what the API grows
 * next is refused until it is looked at.
 */

/** Content, items and formats of chat completions and responses, and the tools that the client runs itself. */
const TYPES = words(`
  text image_url input_audio file refusal function custom json_schema json_object content allowed_tools grammar
  message input_text input_image input_file output_text summary_text reasoning_text reasoning compaction
  function_call function_call_output custom_tool_call custom_tool_call_output
  local_shell local_shell_call local_shell_call_output exec
  shell shell_call shell_call_output local exit timeout
  apply_patch apply_patch_call apply_patch_call_output create_file update_file delete_file`);

/** Top-level keys that refer to state which the service keeps. */
const STATE = words('background conversation previous_response_id prompt');

/** Keys that name files, containers or servers, wherever they stand. */
const SOURCES = words(`
  file_id file_ids file_url vector_store_ids container container_id server_url server_label connector_id
  web_search_options`);

/** Values that are data to the service: schemas, arguments, the user's own tags, the client's own environment. */
export const OPAQUE = words('parameters schema metadata arguments logit_bias env');

const PLAIN_KEY = /^[a-z0-9_]{1,64}$/;
const LINK = /(?:^|_)ur[il]$/;
const DATA_URL = /^data:/i;

/**
 * The first thing in a body that guarded classes may not have, or null.
 * @param keepsState whether the endpoint keeps state in its region
 */
export function guardState(call: OpenAiCall, root: JsonObject, keepsState: boolean): Refusal | null {
  for (let i = 0; i < root.keys.length; i++) {
    const key = root.keys[i] as string;
    if (call.keys?.has(key) || isNothing(root.values[i] as JsonNode)) continue;
    if (call.operation === 'Responses' && STATE.has(key))
      return leakBlocked('state', 'Stored state is not permitted for this class of data.', `key ${key}`);
    return SOURCES.has(key) ? refuseSource(key) : refuseKey(key);
  }
  if (!keepsState) {
    if (isString(member(root, 'prompt_cache_retention'), '24h'))
      return leakBlocked('state', 'Extended prompt caching is not permitted for this class of data.', 'retention 24h');
    if (call.operation === 'ImageGenerations' && isString(member(root, 'response_format'), 'url'))
      return leakBlocked('state', 'An image may not be kept to be fetched by URL.', 'response_format url');
  }
  return (call.operation === 'Responses' ? guardItems(member(root, 'input')) : null) ?? WALK.walk(root);
}

/** An item without a type and without a role is a reference to a stored one. */
function guardItems(input: JsonNode | null): Refusal | null {
  if (input?.kind !== 'array') return null;
  for (const item of input.items) {
    if (item.kind === 'object' && isNothing(member(item, 'type')) && isNothing(member(item, 'role')))
      return leakBlocked('state', 'A reference to a stored item is not permitted for this class of data.');
  }
  return null;
}

class GuardedWalk extends JsonWalk {
  protected override member(key: string, value: JsonNode, owner: JsonObject): Refusal | boolean {
    if (OPAQUE.has(key)) return false;
    // Two parsers may take `File_ID` for `file_id`; the API's own keys are all of this form.
    if (!PLAIN_KEY.test(key)) return refuseKey(key);
    if (isNothing(value)) return false;
    if (key === 'type') return value.kind === 'string' ? (guardType(value.value, owner) ?? false) : refuseKey(key);
    if (SOURCES.has(key)) return refuseSource(key);
    if (key === 'audio' && member(value, 'id') !== null)
      return leakBlocked(
        'state',
        'A reference to a stored answer is not permitted for this class of data.',
        'audio.id',
      );
    if (LINK.test(key) && value.kind !== 'object' && !(value.kind === 'string' && DATA_URL.test(value.value)))
      return leakBlocked('file_source', 'A remote source is not permitted for this class of data.', `key ${key}`);
    return true;
  }
}

/** Stateless, so one serves all. */
const WALK = new GuardedWalk();

function guardType(type: string, owner: JsonObject): Refusal | null {
  const detail = `type ${type.slice(0, 64)}`;
  if (type === 'shell' && !isLocal(owner))
    return leakBlocked('container', 'A hosted shell is not permitted for this class of data.', detail);
  if (TYPES.has(type)) return null;
  if (type.startsWith('mcp')) return leakBlocked('mcp', 'MCP is not permitted for this class of data.', detail);
  if (type.startsWith('web_search'))
    return leakBlocked('web_search', 'Web search is not permitted for this class of data.', detail);
  if (type.startsWith('container'))
    return leakBlocked('container', 'A container is not permitted for this class of data.', detail);
  if (type === 'item_reference')
    return leakBlocked('state', 'A reference to a stored item is not permitted for this class of data.', detail);
  return leakBlocked('server_tool', 'A tool or content type is not permitted for this class of data.', detail);
}

/** A shell tool runs at the client only if it says so. */
function isLocal(tool: JsonObject): boolean {
  const environment = member(tool, 'environment');
  return environment !== null && isString(member(environment, 'type'), 'local');
}

function isString(node: JsonNode | null, value: string): boolean {
  return node !== null && node.kind === 'string' && node.value === value;
}

function refuseSource(key: string): Refusal {
  const leak = key.startsWith('file') || key === 'vector_store_ids' ? 'file_source' : sourceLeak(key);
  return leakBlocked(leak, 'A file, container or server is not permitted for this class of data.', `key ${key}`);
}

function sourceLeak(key: string): string {
  return key.startsWith('container') ? 'container' : key === 'web_search_options' ? 'web_search' : 'mcp';
}

function refuseKey(key: string): Refusal {
  return leakBlocked(
    'key_unknown',
    'The body has a parameter that is not permitted for this class of data.',
    `key ${key.slice(0, 64)}`,
  );
}
