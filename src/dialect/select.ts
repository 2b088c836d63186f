import { header, pathOf, type Head } from '../core/http.ts';
import type { DialectId } from '../core/vocabulary.ts';

/**
 * The dialect that a request to the inference port speaks, by its path and headers. This only chooses who judges: what
 * a dialect does not know, it refuses. `/v1/models` is common to two; Anthropic's clients say who they are.
 */
export function selectInference(head: Head): DialectId {
  const path = pathOf(head.target);
  if (isUnder(path, '/model') || isUnder(path, '/guardrail') || isUnder(path, '/async-invoke')) return 'bedrock';
  if (path.startsWith('/guardrail-checks/')) return 'bedrock';
  if (isUnder(path, '/v1/messages') || header(head.headers, 'anthropic-version') !== null) return 'anthropic';
  if (isUnder(path, '/v1/models') && header(head.headers, 'x-api-key') !== null) return 'anthropic';
  // Other services of AWS are not served; their clients understand a refusal in Bedrock's words.
  if (!path.startsWith('/v1/') && header(head.headers, 'authorization')?.startsWith('AWS4-') === true) return 'bedrock';
  return 'openai';
}

function isUnder(path: string, prefix: string): boolean {
  return path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/');
}
