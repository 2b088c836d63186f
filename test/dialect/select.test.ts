import { expect, test } from 'vitest';
import { selectInference } from '../../src/dialect/select.ts';

test.each([
  ['/v1/messages', [], 'anthropic'],
  ['/v1/messages?beta=true', [], 'anthropic'],
  ['/v1/messages/count_tokens', [], 'anthropic'],
  ['/v1/messages/batches', [], 'anthropic'],
  ['/v1/messagesx', [], 'openai'],
  ['/v1/models', [], 'openai'],
  ['/v1/models', ['authorization', 'Bearer x'], 'openai'],
  ['/v1/models', ['anthropic-version', '2023-06-01'], 'anthropic'],
  ['/v1/models/claude', ['x-api-key', 'x'], 'anthropic'],
  ['/v1/files', ['anthropic-version', '2023-06-01'], 'anthropic'],
  ['/v1/files', ['x-api-key', 'x'], 'openai'],
  ['/v1/chat/completions', [], 'openai'],
  ['/anthropic/v1/messages', [], 'openai'],
  ['/model/x/converse', [], 'bedrock'],
  ['/model/x/converse', ['anthropic-version', '2023-06-01'], 'bedrock'],
  ['/models/x', [], 'openai'],
  ['/guardrail/x/version/1/apply', [], 'bedrock'],
  ['/guardrail-checks/invoke', [], 'bedrock'],
  ['/async-invoke', [], 'bedrock'],
  ['/async-invoke?x=1', [], 'bedrock'],
  ['/async-invoke/x', [], 'bedrock'],
  ['/', [], 'openai'],
  ['/rerank', ['authorization', 'AWS4-HMAC-SHA256 Credential=x'], 'bedrock'],
  ['/v1/responses', ['authorization', 'AWS4-HMAC-SHA256 Credential=x'], 'openai'],
] as const)('%s with %j speaks %s', (target, headers, dialect) => {
  expect(selectInference({ method: 'POST', target, headers })).toBe(dialect);
});
