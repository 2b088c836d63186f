import { leakBlocked, type Refusal } from '../../core/refusal.ts';
import { member, type JsonNode, type JsonObject } from '../json.ts';
import { isNothing, JsonWalk, words } from '../walk.ts';

/**
 * What a Messages body may hold in guarded classes: nothing that makes the service fetch, run, keep or look up anything
 * beyond the inference itself. Everything is an allow-list, of top-level keys and of `type` values, so that what the API
 * grows next is refused until it is looked at. Also for the bodies that Bedrock's InvokeModel hands to Claude models.
 */

/** The last two are Bedrock's forms of the version and beta headers. */
const TOP_LEVEL = words(`
  model max_tokens messages system stream stop_sequences temperature top_k top_p
  thinking tools tool_choice metadata service_tier speed output_config output_format
  context_management cache_control inference_geo compaction
  anthropic_version anthropic_beta`);

const TYPES = words(`
  text image document search_result thinking redacted_thinking tool_use tool_result
  base64 content ephemeral compaction
  char_location page_location content_block_location search_result_location
  auto any tool none enabled disabled adaptive json_schema
  clear_tool_uses_20250919 clear_thinking_20251015 compact_20260112
  input_tokens tool_uses thinking_turns tokens all`);

/** Tools that the client runs: the model only asks for them. */
const CLIENT_TOOL = /^(?:custom|function|(?:bash|text_editor|computer|memory|computer_toolset|browser_toolset)_\d{8})$/;

/** Values that are data to the service: schemas, tool arguments, the user's own tags. */
const OPAQUE = words('input_schema input_examples schema metadata');

/** Betas that add what the body rules refuse: files, servers, sandboxes, state that outlives the request. */
const BETA =
  /^(?:files-api|mcp-|code-execution|skills|managed-agents|agent-memory|message-threads|message-batches|advisor-tool|server-side-fallback|fallback-credit|web-|dreaming|webhooks|telemetry-destinations|inline-tools|ce-plugins|user-profiles)/;

const PLAIN_KEY = /^[a-z0-9_]{1,64}$/;

export function isClientTool(type: string): boolean {
  return CLIENT_TOOL.test(type);
}

/** The first thing in a Messages body that guarded classes may not have, or null. */
export function guardMessages(root: JsonObject): Refusal | null {
  for (let i = 0; i < root.keys.length; i++) {
    const key = root.keys[i] as string;
    if (TOP_LEVEL.has(key) || isNothing(root.values[i] as JsonNode)) continue;
    return refuseKey(key);
  }
  return WALK.walk(root);
}

/** A beta, from the `anthropic-beta` header or Bedrock's `anthropic_beta`, that guarded classes may not use. */
export function guardBetas(betas: string): Refusal | null {
  for (const beta of betas.split(',')) {
    if (BETA.test(beta.trim().toLowerCase()))
      return leakBlocked('beta', 'A beta feature is not permitted for this class of data.', beta.trim().slice(0, 64));
  }
  return null;
}

/** As `guardBetas`, for the list in a body that goes to Bedrock. */
export function guardBetaList(value: JsonNode): Refusal | null {
  if (isNothing(value)) return null;
  if (value.kind !== 'array') return refuseKey('anthropic_beta');
  for (const item of value.items) {
    const refusal = item.kind === 'string' ? guardBetas(item.value) : refuseKey('anthropic_beta');
    if (refusal !== null) return refusal;
  }
  return null;
}

class GuardedWalk extends JsonWalk {
  protected override member(key: string, value: JsonNode, owner: JsonObject): Refusal | boolean {
    if (OPAQUE.has(key) || (key === 'input' && isToolUse(owner))) return false;
    // Two parsers may take `Container` for `container`; the API's own keys are all of this form.
    if (!PLAIN_KEY.test(key)) return leakBlocked('key_unknown', 'The body has a parameter that is not permitted.');
    switch (key) {
      case 'type':
        if (isNothing(value)) return false;
        return value.kind === 'string' ? (guardType(value.value) ?? false) : refuseKey(key);
      case 'anthropic_beta':
        return guardBetaList(value) ?? false;
      case 'mcp_servers':
      case 'container':
      case 'file_id':
      case 'url':
        return isNothing(value) ? false : refuseKey(key);
      default:
        return true;
    }
  }
}

/** Stateless, so one serves all. */
const WALK = new GuardedWalk();

function isToolUse(owner: JsonObject): boolean {
  const type = member(owner, 'type');
  return type !== null && type.kind === 'string' && type.value === 'tool_use';
}

function guardType(type: string): Refusal | null {
  if (TYPES.has(type) || CLIENT_TOOL.test(type)) return null;
  const detail = `type ${type.slice(0, 64)}`;
  if (type.startsWith('mcp')) return leakBlocked('mcp_servers', 'MCP is not permitted for this class of data.', detail);
  if (type.startsWith('container'))
    return leakBlocked('container', 'A container is not permitted for this class of data.', detail);
  if (type === 'file' || type === 'url')
    return leakBlocked('file_source', 'A file or URL source is not permitted for this class of data.', detail);
  return leakBlocked('server_tool', 'A tool or content type is not permitted for this class of data.', detail);
}

function refuseKey(key: string): Refusal {
  const detail = `key ${key.slice(0, 64)}`;
  switch (key) {
    case 'mcp_servers':
      return leakBlocked('mcp_servers', 'MCP servers are not permitted for this class of data.', detail);
    case 'container':
      return leakBlocked('container', 'A container is not permitted for this class of data.', detail);
    case 'file_id':
    case 'url':
      return leakBlocked('file_source', 'A file or URL source is not permitted for this class of data.', detail);
    default:
      return leakBlocked(
        'key_unknown',
        'The body has a parameter that is not permitted for this class of data.',
        detail,
      );
  }
}
