import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { Refusal } from '../../../src/core/refusal.ts';
import { CLASSIFICATIONS, isGuarded } from '../../../src/core/vocabulary.ts';
import { anthropic } from '../../../src/dialect/anthropic/anthropic.ts';
import type { Verdict } from '../../../src/dialect/dialect.ts';
import { headOf, outcome, passed, placeOf, run, type Request, type Situation } from '../inference.ts';

const dialect = anthropic();
const MESSAGES = '/v1/messages';
const COUNT = '/v1/messages/count_tokens';
const US: Situation = { cloudRegion: 'us-east-1', endpoint: { inferenceGeo: 'us' } };

function result(request: Request, situation: Situation = {}) {
  return run(dialect, placeOf('anthropic', situation), request);
}

function judge(request: Request, situation: Situation = {}): string {
  return outcome(result(request, situation));
}

const start = (geo: unknown): string =>
  `event: message_start\ndata: ${JSON.stringify({ type: 'message_start', message: { usage: { inference_geo: geo } } })}\n\n`;

function watch(verdict: Verdict, chunks: readonly Buffer[]): string | undefined {
  if (verdict.action !== 'watch') throw new Error(verdict.action);
  for (const chunk of chunks) verdict.watcher.data(chunk);
  return verdict.watcher.end()?.reason;
}

describe('operations', () => {
  test.each([
    ['Messages', MESSAGES],
    ['CountTokens', COUNT],
    ['Messages', `${MESSAGES}?beta=true`],
  ])('%s at %s is a process that its body names', (operation, target) => {
    const { call, inspection } = passed(result({ target, body: { model: 'claude-opus-4-6' } }));
    expect(call).toMatchObject({ operation, verb: 'process', naming: 'body', body: 'inspect' });
    expect(inspection?.resources).toEqual(['claude-opus-4-6']);
  });

  test('models are listed without a name and got by name', () => {
    const list = passed(result({ target: '/v1/models?limit=20&after_id=claude-x' }));
    expect(list.call).toMatchObject({ operation: 'ListModels', naming: 'none', body: 'stream' });
    expect(list.outgoing).toMatchObject({ method: 'GET', path: '/v1/models', query: 'limit=20&after_id=claude-x' });
    expect(passed(result({ target: '/v1/models/claude-opus-4-6' })).call).toMatchObject({
      operation: 'GetModel',
      naming: 'named',
      resources: ['claude-opus-4-6'],
    });
  });

  test.each([
    ['POST', '/v1/messages/batches'],
    ['GET', '/v1/messages/batches/b/results'],
    ['POST', '/v1/files'],
    ['POST', '/v1/skills'],
    ['POST', '/v1/complete'],
    ['POST', '/v1/agents'],
    ['GET', '/v1/organizations/users'],
    ['GET', '/v1/messages'],
    ['POST', '/v1/messages/'],
    ['POST', '/v1/Messages'],
    ['POST', '/anthropic/v1/messages'],
    ['POST', '/v1/messages?x=1'],
    ['POST', '/v1/messages?beta=true&'],
    ['GET', '/v1/models?workspace_id=x'],
    ['GET', '/v1/models/%2e%2e%2ffiles'],
  ])('%s %s is not one, in any class', (method, target) => {
    for (const classification of CLASSIFICATIONS)
      expect(judge({ method, target, body: {} }, { classification })).toBe('operation_not_permitted -');
  });
});

describe('what is sent', () => {
  test('neither form of the credential, and no encoding that could not be looked into', () => {
    const { outgoing } = passed(
      result({
        target: MESSAGES,
        headers: [
          'x-api-key',
          'sk-1',
          'authorization',
          'Bearer sk-2',
          'anthropic-version',
          '2026-10-21',
          'anthropic-beta',
          'context-1m-2025-08-07',
          'accept-encoding',
          'gzip, deflate',
          'x-stainless-os',
          'Linux',
        ],
        body: '{"model":"m"}',
      }),
    );
    expect(outgoing.headers).toEqual([
      'anthropic-version',
      '2026-10-21',
      'anthropic-beta',
      'context-1m-2025-08-07',
      'content-type',
      'application/json',
      'content-length',
      '13',
      'accept-encoding',
      'identity',
    ]);
  });

  test('a version where the client names none', () => {
    const { headers } = passed(result({ target: MESSAGES, body: {} })).outgoing;
    expect(headers.slice(-2)).toEqual(['anthropic-version', '2023-06-01']);
  });
});

describe('inference_geo', () => {
  test.each([MESSAGES, COUNT])('the one of the endpoint is put into %s where the client says nothing', (target) => {
    const sent = (body: string): string => passed(result({ target, body }, US)).text;
    expect(sent('{"model":"m"}')).toBe('{"inference_geo":"us","model":"m"}');
    expect(sent('{ "model":"m", "inference_geo" : null }')).toBe('{ "model":"m", "inference_geo" : "us" }');
    expect(sent('{"inference_geo":"us"}')).toBe('{"inference_geo":"us"}');
    expect(sent('{"inf\\u0065rence_geo":null}')).toBe('{"inf\\u0065rence_geo":"us"}');
    expect(sent('{}')).toBe('{"inference_geo":"us"}');
  });

  test.each(['"global"', '"eu"', '"US"', '""', '1', '["us"]', '{}', 'false'])(
    'a value of %s is refused in every class',
    (value) => {
      for (const classification of CLASSIFICATIONS) {
        const body = `{"model":"m","inference_geo":${value}}`;
        expect(judge({ target: MESSAGES, body }, { ...US, classification })).toBe('leak_blocked inference_geo');
      }
    },
  );

  test('where the endpoint has none, any but null is refused and nothing is put in', () => {
    expect(judge({ target: MESSAGES, body: '{"inference_geo":"us"}' })).toBe('leak_blocked inference_geo');
    expect(passed(result({ target: MESSAGES, body: '{"inference_geo":null}' })).text).toBe('{"inference_geo":null}');
    expect(passed(result({ target: MESSAGES, body: '{}' })).text).toBe('{}');
  });

  test.each([
    '{"Inference_Geo":"global"}',
    '{"inference_geo":"us","INFERENCE_GEO":"global"}',
    '{"\u0130nference_geo":1}',
  ])('the near miss %s is refused or pinned', (body) => {
    const sent = result({ target: MESSAGES, body }, { ...US, classification: 'content' });
    if (sent instanceof Refusal) expect(sent.leak).toBe('key_case');
    else expect(JSON.parse(sent.text)).toMatchObject({ inference_geo: 'us' });
  });

  test('said twice it does not parse', () => {
    const body = '{"inference_geo":"us","inference_g\\u0065o":"global"}';
    expect(judge({ target: MESSAGES, body }, US)).toBe('request_malformed -');
  });
});

describe('accounts and models, in every class', () => {
  test.each([
    [{ workspace_id: 'w' }, 'leak_blocked workspace'],
    [{ Workspace_Id: 'w' }, 'leak_blocked key_case'],
    [{ model: 'a', fallbacks: 'default' }, 'leak_blocked model_unnamed'],
    [{ model: ['a'] }, 'request_malformed -'],
    [{ Model: 'a' }, 'leak_blocked key_case'],
  ])('%j is %s', (body, expected) => {
    for (const classification of CLASSIFICATIONS)
      expect(judge({ target: MESSAGES, body }, { classification })).toBe(expected);
  });

  test('every model that a body names is told', () => {
    const body = { model: 'a', fallbacks: [{ model: 'b' }], tools: [{ type: 'advisor_20260301', model: 'c' }] };
    const { inspection } = passed(result({ target: MESSAGES, body }, { classification: 'content' }));
    expect(inspection?.resources).toEqual(['a', 'b', 'c']);
  });

  test('a workspace may not be named by a header', () => {
    const headers = ['anthropic-workspace-id', 'w'];
    expect(judge({ target: MESSAGES, headers, body: {} }, { classification: 'content' })).toBe(
      'leak_blocked workspace',
    );
  });
});

const user = (block: unknown): unknown => ({ model: 'm', messages: [{ role: 'user', content: [block] }] });
const tool = (value: unknown): unknown => ({ model: 'm', messages: [], tools: [value] });

describe('servers, tools and sources, in guarded classes only', () => {
  test.each([
    [{ mcp_servers: [{ type: 'url', url: 'https://x', name: 'x' }] }, 'mcp_servers'],
    [{ container: 'c_1' }, 'container'],
    [{ container: { skills: [] } }, 'container'],
    [tool({ type: 'web_search_20250305', name: 'web_search' }), 'server_tool'],
    [tool({ type: 'web_fetch_20250910', name: 'web_fetch' }), 'server_tool'],
    [tool({ type: 'code_execution_20250825', name: 'code_execution' }), 'server_tool'],
    [tool({ type: 'tool_search_tool_regex_20251119', name: 'x' }), 'server_tool'],
    [tool({ type: 'mcp_toolset', mcp_server_name: 'x' }), 'mcp_servers'],
    [tool({ type: 'novelty_20300101', name: 'x' }), 'server_tool'],
    [tool({ type: ['custom'], name: 'x' }), 'key_unknown'],
    [tool({ Type: 'web_search_20250305', name: 'x' }), 'key_unknown'],
    [user({ type: 'image', source: { type: 'url', url: 'https://x' } }), 'file_source'],
    [user({ type: 'document', source: { type: 'file', file_id: 'f' } }), 'file_source'],
    [user({ type: 'document', source: { file_id: 'f' } }), 'file_source'],
    [user({ type: 'container_upload', file_id: 'f' }), 'container'],
    [user({ type: 'server_tool_use', id: 'x', name: 'web_search', input: {} }), 'server_tool'],
    [user({ type: 'mcp_tool_use', id: 'x' }), 'mcp_servers'],
    [user({ type: 'tool_addition', tool: { type: 'web_search_20250305' } }), 'server_tool'],
    [user({ type: 'tool_result', content: [{ type: 'image', source: { type: 'url', url: 'x' } }] }), 'file_source'],
    [{ model: 'm', thread: { id: 't' } }, 'key_unknown'],
    [{ model: 'm', diagnostics: { previous_message_id: 'x' } }, 'key_unknown'],
    [{ model: 'm', fallbacks: [{ model: 'n' }] }, 'key_unknown'],
    [{ model: 'm', anthropic_beta: ['files-api-2025-04-14'] }, 'beta'],
    [{ model: 'm', novelty: 1 }, 'key_unknown'],
  ])('%j: %s', (body, leak) => {
    for (const classification of CLASSIFICATIONS) {
      const expected = isGuarded(classification) ? `leak_blocked ${leak}` : 'passed';
      expect(judge({ target: MESSAGES, body }, { classification })).toBe(expected);
      expect(judge({ target: COUNT, body }, { classification })).toBe(expected);
    }
  });

  test.each([
    ['files-api-2025-04-14', false],
    ['mcp-client-2025-11-20', false],
    ['code-execution-2025-08-25', false],
    ['skills-2025-10-02', false],
    ['context-1m-2025-08-07, FILES-API-2025-04-14', false],
    ['context-1m-2025-08-07,interleaved-thinking-2025-05-14', true],
  ])('the beta header %s is let through: %s', (value, isFine) => {
    const request = { target: MESSAGES, headers: ['anthropic-beta', value], body: {} };
    expect(judge(request)).toBe(isFine ? 'passed' : 'leak_blocked beta');
    expect(judge(request, { classification: 'content' })).toBe('passed');
  });

  test('a second beta header is looked at too', () => {
    const headers = ['anthropic-beta', 'context-1m-2025-08-07', 'anthropic-beta', 'files-api-2025-04-14'];
    expect(judge({ target: MESSAGES, headers, body: {} })).toBe('leak_blocked beta');
  });

  test('a type that is written with escapes is the same type', () => {
    const body = '{"tools":[{"t\\u0079pe":"web_s\\u0065arch_20250305"}]}';
    expect(judge({ target: MESSAGES, body })).toBe('leak_blocked server_tool');
  });

  test.each([
    [{ mcp_servers: null, container: null }],
    [tool({ name: 'f', input_schema: { type: 'object', properties: { url: { type: 'string' }, Container: {} } } })],
    [tool({ type: 'custom', name: 'f', input_schema: {}, cache_control: { type: 'ephemeral', ttl: '1h' } })],
    [tool({ type: 'bash_20250124', name: 'bash' })],
    [tool({ type: 'text_editor_20250728', name: 'x' })],
    [tool({ type: 'computer_20251124', name: 'computer', display_width_px: 1 })],
    [tool({ type: 'memory_20250818', name: 'memory' })],
    [user({ type: 'text', text: 'see https://x', citations: null })],
    [user({ type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA' } })],
    [
      user({
        type: 'document',
        source: { type: 'text', media_type: 'text/plain', data: 'x' },
        citations: { enabled: true },
      }),
    ],
    [user({ type: 'tool_use', id: 't', name: 'f', input: { url: 'https://x', type: 'mcp', A: 1 } })],
    [user({ type: 'tool_result', tool_use_id: 't', content: [{ type: 'text', text: 'x' }], is_error: false })],
    [{ thinking: { type: 'enabled', budget_tokens: 1024 }, tool_choice: { type: 'any' }, metadata: { user_id: 'u' } }],
    [
      {
        context_management: {
          edits: [{ type: 'clear_tool_uses_20250919', trigger: { type: 'input_tokens', value: 1 } }],
        },
      },
    ],
    [{ output_config: { effort: 'low', format: { type: 'json_schema', schema: { type: ['a'] } } } }],
  ])('%j passes', (body) => {
    expect(judge({ target: MESSAGES, body })).toBe('passed');
  });
});

describe('answers', () => {
  const place = placeOf('anthropic', US);
  const { call } = passed(result({ target: MESSAGES, body: {} }, US));
  const json = ['content-type', 'application/json'];
  const sse = ['content-type', 'text/event-stream; charset=utf-8'];

  const body = (geo: unknown, situation: Situation = US): string | undefined => {
    const answer = { type: 'message', usage: geo === undefined ? {} : { inference_geo: geo } };
    const at = placeOf('anthropic', situation);
    return dialect.guardAnswerBody(call, at, 200, json, Buffer.from(JSON.stringify(answer)))?.reason;
  };

  test('a message is looked into; errors, counts and lists pass', () => {
    expect(dialect.guardAnswer(call, place, 200, json).action).toBe('inspect');
    expect(dialect.guardAnswer(call, place, 429, json).action).toBe('pass');
    const count = passed(result({ target: COUNT, body: {} }, US)).call;
    expect(dialect.guardAnswer(count, place, 200, json).action).toBe('pass');
  });

  test.each([
    ['us', undefined],
    [null, undefined],
    [undefined, undefined],
    ['global', 'upstream_region_mismatch'],
    ['not_available', 'upstream_region_mismatch'],
    [7, 'upstream_region_mismatch'],
  ])('a message from %s, asked for in us: %s', (geo, expected) => {
    expect(body(geo)).toBe(expected);
  });

  test('where none was asked for, one that is named shows that inference is not bound to the region', () => {
    expect(body(null, {})).toBeUndefined();
    expect(body('not_available', {})).toBeUndefined();
    expect(body('global', {})).toBe('upstream_region_mismatch');
  });

  test('an answer that cannot be read is refused', () => {
    const gzip = [...json, 'content-encoding', 'gzip'];
    const fine = gzipSync('{"usage":{"inference_geo":"us"}}');
    expect(dialect.guardAnswerBody(call, place, 200, gzip, fine)).toBeNull();
    const other = gzipSync('{"usage":{"inference_geo":"global"}}');
    expect(dialect.guardAnswerBody(call, place, 200, gzip, other)?.reason).toBe('upstream_region_mismatch');
    expect(dialect.guardAnswerBody(call, place, 200, gzip, Buffer.from('{}'))?.reason).toBe('upstream_region_mismatch');
    expect(dialect.guardAnswerBody(call, place, 200, json, Buffer.from('<p>'))?.reason).toBe(
      'upstream_region_mismatch',
    );
  });

  const DELTA = `event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"text":"\\"usage\\": é"}}\n\n`;

  test.each([
    ['us', undefined],
    [null, undefined],
    ['global', 'upstream_region_mismatch'],
  ])('a stream from %s: %s, however it is cut', (geo, expected) => {
    const stream = Buffer.from(`: ping\r\n\r\n${start(geo)}${DELTA}`);
    for (const size of [1, 7, 64, stream.length]) {
      const chunks: Buffer[] = [];
      for (let i = 0; i < stream.length; i += size) chunks.push(stream.subarray(i, i + size));
      expect(watch(dialect.guardAnswer(call, place, 200, sse), chunks)).toBe(expected);
    }
  });

  test('usage at the end of a stream, without its last line break, is seen', () => {
    const delta = Buffer.from(`${start('us')}data: {"type":"message_delta","usage":{"inference_geo":"global"}}`);
    expect(watch(dialect.guardAnswer(call, place, 200, sse), [delta])).toBe('upstream_region_mismatch');
  });

  test('a stream is watched in bounded memory', () => {
    const long = Buffer.alloc(1_000_000, 'a');
    expect(
      watch(dialect.guardAnswer(call, place, 200, sse), [Buffer.from('data: "'), long, long, long]),
    ).toBeUndefined();
  });

  test('a stream that is encoded against our asking is refused', () => {
    expect(dialect.guardAnswer(call, place, 200, [...sse, 'content-encoding', 'gzip'])).toMatchObject({
      action: 'refuse',
      refusal: { reason: 'upstream_region_mismatch' },
    });
  });

  test('the other geography is in the log, not in the answer', () => {
    const refusal = dialect.guardAnswerBody(call, place, 200, json, Buffer.from('{"usage":{"inference_geo":"mars"}}'));
    expect(refusal?.message).not.toContain('mars');
    expect(refusal?.detail).toContain('mars');
  });
});

describe('refusals', () => {
  const head = headOf({ target: MESSAGES, body: {} });

  test.each([
    ['tenant_missing', 400, 'invalid_request_error'],
    ['identity_unauthenticated', 401, 'authentication_error'],
    ['leak_blocked', 403, 'permission_error'],
    ['body_too_large_to_inspect', 413, 'request_too_large'],
    ['rate_limited', 429, 'rate_limit_error'],
    ['overloaded', 503, 'overloaded_error'],
    ['no_compliant_region', 503, 'api_error'],
    ['upstream_reset', 502, 'api_error'],
    ['upstream_timeout', 504, 'timeout_error'],
  ] as const)('%s %d is %s', (reason, status, type) => {
    const answer = dialect.refuse(head, reason, status, 'No.', 'r-1');
    expect(answer.status).toBe(status);
    expect(answer.headers).toEqual(['content-type', 'application/json', 'request-id', 'r-1']);
    expect(JSON.parse(answer.body)).toEqual({ type: 'error', error: { type, message: 'No.' }, request_id: 'r-1' });
  });

  test('HEAD has no body', () => {
    expect(dialect.refuse({ ...head, method: 'HEAD' }, 'leak_blocked', 403, 'No.', 'r-1').body).toBe('');
  });
});
