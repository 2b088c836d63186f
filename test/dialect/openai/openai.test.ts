import { array, assert, constantFrom, dictionary, jsonValue, property, record } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Refusal } from '../../../src/core/refusal.ts';
import { CLASSIFICATIONS, isGuarded } from '../../../src/core/vocabulary.ts';
import { openai } from '../../../src/dialect/openai/openai.ts';
import { headOf, outcome, passed, placeOf, run, type Request, type Situation } from '../inference.ts';

const dialect = openai();
const CHAT = '/v1/chat/completions';
const RESPONSES = '/v1/responses';

function result(request: Request, situation: Situation = {}) {
  return run(dialect, placeOf('openai', situation), request);
}

function judge(request: Request, situation: Situation = {}): string {
  return outcome(result(request, situation));
}

const stored = (target: string, body: string, situation: Situation = {}): string =>
  passed(result({ target, body }, situation)).text;

const also = (target: string, body: unknown, storage: boolean): unknown =>
  passed(result({ target, body }, { endpoint: { storage } })).inspection?.alsoVerb;

const user = (content: unknown): unknown => ({ model: 'm', messages: [{ role: 'user', content: [content] }] });

const input = (item: unknown): unknown => ({ model: 'm', input: [item] });

const part = (content: unknown): unknown => input({ role: 'user', content: [content] });

const tool = (value: unknown): unknown => ({ model: 'm', tools: [value] });

describe('operations', () => {
  test.each([
    ['ChatCompletions', CHAT],
    ['Responses', RESPONSES],
    ['Embeddings', '/v1/embeddings'],
    ['Moderations', '/v1/moderations'],
    ['Speech', '/v1/audio/speech'],
    ['ImageGenerations', '/v1/images/generations'],
  ])('%s is a process that its body names', (operation, target) => {
    const { call, inspection } = passed(result({ target, body: { model: 'gpt-5' } }));
    expect(call).toMatchObject({ operation, verb: 'process', naming: 'body', resources: [], body: 'inspect' });
    expect(inspection?.resources).toEqual(['gpt-5']);
  });

  test.each([
    ['Transcriptions', '/v1/audio/transcriptions'],
    ['Translations', '/v1/audio/translations'],
    ['ImageEdits', '/v1/images/edits'],
    ['ImageVariations', '/v1/images/variations'],
  ])('%s streams a form, so it names no model', (operation, target) => {
    const type = 'multipart/form-data; boundary=x';
    const headers = ['content-type', type, 'content-length', '99', 'openai-organization', 'org'];
    const { call, outgoing } = passed(result({ method: 'POST', target, headers }));
    expect(call).toMatchObject({ operation, verb: 'process', naming: 'none', body: 'stream' });
    expect(outgoing.headers).toEqual(['content-type', type, 'content-length', '99']);
    expect(judge({ target, body: {} })).toBe('request_malformed -');
    const encoded = [...headers, 'content-encoding', 'gzip'];
    expect(judge({ method: 'POST', target, headers: encoded })).toBe('request_malformed -');
  });

  test('models are listed without a name and got by name', () => {
    expect(passed(result({ target: '/v1/models' })).call).toMatchObject({ operation: 'ListModels', naming: 'none' });
    expect(passed(result({ target: '/v1/models/ft%3Agpt-5' })).call).toMatchObject({
      operation: 'GetModel',
      naming: 'named',
      resources: ['ft:gpt-5'],
      path: '/v1/models/ft%3Agpt-5',
    });
    expect(judge({ target: '/v1/models', headers: ['content-length', '5'] })).toBe('request_malformed -');
  });

  test.each([
    ['POST', '/v1/files'],
    ['GET', '/v1/files/file-1/content'],
    ['POST', '/v1/batches'],
    ['POST', '/v1/assistants'],
    ['POST', '/v1/threads'],
    ['POST', '/v1/threads/runs'],
    ['POST', '/v1/vector_stores'],
    ['POST', '/v1/containers'],
    ['POST', '/v1/conversations'],
    ['POST', '/v1/realtime/client_secrets'],
    ['POST', '/v1/fine_tuning/jobs'],
    ['POST', '/v1/uploads'],
    ['POST', '/v1/videos'],
    ['POST', '/v1/completions'],
    ['GET', '/v1/responses'],
    ['GET', '/v1/responses/resp_1'],
    ['DELETE', '/v1/responses/resp_1'],
    ['POST', '/v1/responses/resp_1/cancel'],
    ['POST', '/v1/responses/input_tokens'],
    ['GET', '/v1/chat/completions'],
    ['DELETE', '/v1/models/ft:x'],
    ['POST', '/v1/chat/completions/'],
    ['POST', '/v1//chat/completions'],
    ['POST', '/v1/chat%2Fcompletions'],
    ['POST', '/v1/chat/completions?store=true'],
    ['GET', '/v1/models/%2e%2e%2ffiles'],
    ['POST', '/openai/deployments/x/chat/completions'],
    ['HEAD', '/v1/models'],
  ])('%s %s is not one, in any class', (method, target) => {
    for (const classification of CLASSIFICATIONS)
      expect(judge({ method, target, body: { model: 'gpt-5' } }, { classification })).toBe('operation_not_permitted -');
  });
});

test('a request is sent without the credential, the organization and the project', () => {
  const { outgoing } = passed(
    result({
      target: CHAT,
      headers: [
        'authorization',
        'Bearer sk-1',
        'openai-organization',
        'org',
        'openai-project',
        'p',
        'openai-beta',
        'assistants=v2',
        'accept',
        'application/json',
        'accept-encoding',
        'gzip, deflate',
        'x-stainless-os',
        'Linux',
        'cookie',
        'a=b',
      ],
      body: '{"model":"gpt-5","store":false}',
    }),
  );
  expect(outgoing.path).toBe(CHAT);
  expect(outgoing.headers).toEqual([
    'accept',
    'application/json',
    'accept-encoding',
    'gzip, deflate',
    'content-type',
    'application/json',
    'content-length',
    '31',
  ]);
});

describe('store', () => {
  test.each([
    ['{"model":"m","store":true}', '{"model":"m","store":false}'],
    ['{"model":"m"}', '{"store":false,"model":"m"}'],
    ['{}', '{"store":false}'],
    ['{ "store" : null , "model" : "m" }', '{ "store" : false , "model" : "m" }'],
    ['{"store":"no","model":"m"}', '{"store":false,"model":"m"}'],
    ['{"store":false,"model":"m"}', '{"store":false,"model":"m"}'],
    ['{"\\u0073tore":true,"model":"m"}', '{"\\u0073tore":false,"model":"m"}'],
    ['{"metadata":{"store":true}}', '{"store":false,"metadata":{"store":true}}'],
  ])('%s is sent as %s', (body, sent) => {
    expect(stored(CHAT, body)).toBe(sent);
    expect(stored(RESPONSES, body)).toBe(sent);
  });

  test('is left alone in open classes, and where the endpoint keeps state in its region', () => {
    const body = '{"model":"m","store":true}';
    expect(stored(RESPONSES, body, { classification: 'content' })).toBe(body);
    expect(stored(RESPONSES, body, { classification: 'analytical' })).toBe(body);
    expect(stored(RESPONSES, body, { endpoint: { storage: true } })).toBe(body);
  });

  test('state that is kept in the region must be allowed as a store', () => {
    expect(also(RESPONSES, { model: 'm' }, true)).toBe('store');
    expect(also(RESPONSES, { model: 'm', store: null }, true)).toBe('store');
    expect(also(RESPONSES, { model: 'm', store: false }, true)).toBeNull();
    expect(also(RESPONSES, { model: 'm', store: true }, false)).toBeNull();
    expect(also(CHAT, { model: 'm' }, true)).toBeNull();
    expect(also(CHAT, { model: 'm', store: true }, true)).toBe('store');
    expect(also('/v1/embeddings', { model: 'm' }, true)).toBeNull();
  });

  test.each(['{"Store":true}', '{"STORE":true}', '{"\\u0053tore":true}', '{"\u017ftore":true}', '{"store ":true}'])(
    'the near miss %s does not slip through',
    (body) => {
      for (const target of [CHAT, RESPONSES]) expect(judge({ target, body })).toBe('leak_blocked key_unknown');
    },
  );

  test.each(['{"store":false,"store":true}', '{"store":false,"\\u0073tore":true}', '{"store":false}{"store":true}'])(
    'the ambiguous %s does not parse',
    (body) => {
      expect(judge({ target: RESPONSES, body })).toBe('request_malformed -');
    },
  );

  test('forcing it keeps every other byte', () => {
    const members = record({
      model: constantFrom('gpt-5', 'gpt-4o'),
      metadata: dictionary(constantFrom('a', 'é', 'store'), jsonValue()),
    });
    assert(
      property(
        members,
        constantFrom('', ' ', '\n\t'),
        array(constantFrom('true', 'null', '1', '"x"'), { maxLength: 1 }),
        (body, space, store) => {
          const rest = Object.entries(body).map(([key, value]) => `"${key}"${space}:${space}${JSON.stringify(value)}`);
          const own = store.map((value) => `"store"${space}:${space}${value}`);
          const text = (list: string[]): string =>
            `${space}{${space}${list.join(`${space},${space}`)}${space}}${space}`;
          const sent = result({ target: RESPONSES, body: text([...rest, ...own]) });
          // Metadata may hold a key that is refused everywhere.
          if (sent instanceof Refusal) return sent.reason === 'request_malformed';
          const expected =
            own.length === 0
              ? text(rest).replace('{', '{"store":false,')
              : text([...rest, `"store"${space}:${space}false`]);
          return sent.text === expected;
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('state, tools and sources, in guarded classes only', () => {
  test.each([
    [RESPONSES, { background: true }, 'state'],
    [RESPONSES, { conversation: 'conv_1' }, 'state'],
    [RESPONSES, { conversation: { id: 'conv_1' } }, 'state'],
    [RESPONSES, { previous_response_id: 'resp_1' }, 'state'],
    [RESPONSES, { prompt: { id: 'pmpt_1' } }, 'state'],
    [RESPONSES, { prompt_cache_retention: '24h' }, 'state'],
    [RESPONSES, input({ type: 'item_reference', id: 'msg_1' }), 'state'],
    [RESPONSES, input({ id: 'msg_1' }), 'state'],
    [RESPONSES, input({ id: 'msg_1', type: null }), 'state'],
    [RESPONSES, tool({ type: 'mcp', server_label: 'x', server_url: 'https://x' }), 'mcp'],
    [RESPONSES, tool({ type: 'mcp', connector_id: 'connector_gmail' }), 'mcp'],
    [RESPONSES, tool({ type: 'web_search' }), 'web_search'],
    [RESPONSES, tool({ type: 'web_search_preview' }), 'web_search'],
    [RESPONSES, tool({ type: 'web_search_preview_2025_03_11' }), 'web_search'],
    [RESPONSES, tool({ type: 'web_search_2025_08_26' }), 'web_search'],
    [RESPONSES, tool({ type: 'file_search', vector_store_ids: ['vs_1'] }), 'server_tool'],
    [RESPONSES, tool({ type: 'code_interpreter', container: { type: 'auto' } }), 'server_tool'],
    [RESPONSES, tool({ type: 'computer_use_preview' }), 'server_tool'],
    [RESPONSES, tool({ type: 'image_generation' }), 'server_tool'],
    [RESPONSES, tool({ type: 'tool_search' }), 'server_tool'],
    [RESPONSES, tool({ type: 'shell' }), 'container'],
    [RESPONSES, tool({ type: 'shell', environment: { type: 'container_auto' } }), 'container'],
    [RESPONSES, tool({ type: 'novelty' }), 'server_tool'],
    [RESPONSES, tool({ type: ['function'] }), 'key_unknown'],
    [RESPONSES, tool({ Type: 'mcp' }), 'key_unknown'],
    [RESPONSES, { tool_choice: { type: 'mcp', server_label: 'x' } }, 'mcp'],
    [RESPONSES, { tool_choice: { type: 'allowed_tools', tools: [{ type: 'web_search' }] } }, 'web_search'],
    [RESPONSES, input({ type: 'additional_tools', tools: [{ type: 'mcp' }] }), 'server_tool'],
    [RESPONSES, part({ type: 'input_file', file_id: 'file_1' }), 'file_source'],
    [RESPONSES, part({ type: 'input_file', file_url: 'https://x' }), 'file_source'],
    [RESPONSES, part({ type: 'input_image', file_id: 'file_1' }), 'file_source'],
    [RESPONSES, part({ type: 'input_image', image_url: 'https://x/y.png' }), 'file_source'],
    [RESPONSES, part({ type: 'input_image', File_id: 'file_1' }), 'key_unknown'],
    [RESPONSES, { novelty: 1 }, 'key_unknown'],
    [CHAT, { web_search_options: {} }, 'web_search'],
    [CHAT, { background: true }, 'key_unknown'],
    [CHAT, tool({ type: 'mcp' }), 'mcp'],
    [CHAT, user({ type: 'image_url', image_url: { url: 'https://x/y.png' } }), 'file_source'],
    [CHAT, user({ type: 'image_url', image_url: 'http://x/y.png' }), 'file_source'],
    [CHAT, user({ type: 'file', file: { file_id: 'file_1' } }), 'file_source'],
    [CHAT, { messages: [{ role: 'assistant', audio: { id: 'audio_1' } }] }, 'state'],
    ['/v1/moderations', { input: [{ type: 'image_url', image_url: { url: 'https://x' } }] }, 'file_source'],
    ['/v1/embeddings', { novelty: 1 }, 'key_unknown'],
    ['/v1/images/generations', { prompt: 'x', response_format: 'url' }, 'state'],
    ['/v1/audio/speech', { input: 'x', novelty: 1 }, 'key_unknown'],
  ])('%s with %j: %s', (target, body, leak) => {
    for (const classification of CLASSIFICATIONS) {
      const expected = isGuarded(classification) ? `leak_blocked ${leak}` : 'passed';
      expect(judge({ target, body }, { classification })).toBe(expected);
    }
  });

  test.each(['previous_response_id', 'background', 'conversation'])(
    '%s is refused also where the endpoint keeps state',
    (key) => {
      const body = { model: 'm', [key]: key === 'background' ? true : 'x' };
      expect(judge({ target: RESPONSES, body }, { endpoint: { storage: true } })).toBe('leak_blocked state');
    },
  );

  test('a key that is written with escapes is the same key', () => {
    const body = '{"model":"m","tools":[{"t\\u0079pe":"\\u006dcp"}]}';
    expect(judge({ target: RESPONSES, body })).toBe('leak_blocked mcp');
    expect(judge({ target: RESPONSES, body: '{"\\u0062ackground":true}' })).toBe('leak_blocked state');
  });

  test.each([
    [RESPONSES, { background: false, conversation: null, previous_response_id: null }],
    [
      RESPONSES,
      { include: ['reasoning.encrypted_content'], service_tier: 'flex', metadata: { Any: 'x', type: 'mcp' } },
    ],
    [RESPONSES, part({ type: 'input_image', image_url: 'data:image/png;base64,AA', detail: 'low' })],
    [RESPONSES, part({ type: 'input_file', file_data: 'data:application/pdf;base64,AA', filename: 'a.pdf' })],
    [RESPONSES, input({ type: 'function_call_output', call_id: 'c', output: '{"type":"mcp"}' })],
    [RESPONSES, input({ type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'x' })],
    [RESPONSES, tool({ type: 'function', name: 'f', parameters: { type: 'object', properties: { URL: {} } } })],
    [RESPONSES, tool({ type: 'custom', name: 'f', format: { type: 'grammar', syntax: 'lark', definition: 'x' } })],
    [RESPONSES, tool({ type: 'shell', environment: { type: 'local' } })],
    [RESPONSES, tool({ type: 'apply_patch' })],
    [RESPONSES, tool({ type: 'local_shell' })],
    [RESPONSES, { text: { format: { type: 'json_schema', name: 'x', schema: { $defs: {}, type: ['a'] } } } }],
    [CHAT, user({ type: 'text', text: 'https://x mcp' })],
    [CHAT, user({ type: 'image_url', image_url: { url: 'DATA:image/png;base64,AA' } })],
    [CHAT, user({ type: 'input_audio', input_audio: { data: 'AA', format: 'wav' } })],
    [CHAT, { response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { Type: 1 } } } }],
    [CHAT, { audio: { voice: 'alloy', format: 'wav' }, modalities: ['text', 'audio'], logit_bias: { '50256': -100 } }],
    ['/v1/embeddings', { input: ['a', 'b'], dimensions: 8 }],
    ['/v1/images/generations', { prompt: 'x', background: 'transparent' }],
  ])('%s with %j passes', (target, body) => {
    expect(judge({ target, body })).toBe('passed');
  });
});

describe('models', () => {
  test('every model that a body names is told, not only the first', () => {
    const body = {
      model: 'gpt-5',
      tools: [{ type: 'image_generation', model: 'gpt-image-1' }],
      moderation: { model: 'omni' },
    };
    const { inspection } = passed(result({ target: RESPONSES, body }, { classification: 'content' }));
    expect(inspection?.resources).toEqual(['gpt-5', 'gpt-image-1', 'omni']);
  });

  test.each([
    ['{"Model":"x"}', 'leak_blocked key_case'],
    ['{"model":"x","MODEL":"y"}', 'leak_blocked key_case'],
    ['{"model":["x"]}', 'request_malformed -'],
    ['{"metadata":{"model":1}}', 'passed'],
  ])('%s is %s in open classes too', (body, expected) => {
    expect(judge({ target: CHAT, body }, { classification: 'content' })).toBe(expected);
  });
});

describe('refusals', () => {
  const head = headOf({ target: CHAT, body: {} });

  test.each([
    ['tenant_missing', 400, 'invalid_request_error', 'tenant_missing'],
    ['identity_unauthenticated', 401, 'invalid_request_error', 'identity_unauthenticated'],
    ['leak_blocked', 403, 'invalid_request_error', 'residency_policy_violation'],
    ['body_too_large_to_inspect', 413, 'invalid_request_error', 'body_too_large_to_inspect'],
    ['rate_limited', 429, 'requests', 'rate_limit_exceeded'],
    ['no_compliant_region', 503, 'server_error', 'no_compliant_region'],
    ['upstream_reset', 502, 'server_error', 'upstream_reset'],
    ['upstream_timeout', 504, 'server_error', 'upstream_timeout'],
  ] as const)('%s %d is a %s with code %s', (reason, status, type, code) => {
    const answer = dialect.refuse(head, reason, status, 'No.', 'r-1');
    expect(answer.status).toBe(status);
    expect(answer.headers).toEqual(['content-type', 'application/json']);
    expect(JSON.parse(answer.body)).toEqual({ error: { message: 'No.', type, param: null, code } });
  });

  test('HEAD has no body', () => {
    expect(dialect.refuse({ ...head, method: 'HEAD' }, 'leak_blocked', 403, 'No.', 'r-1').body).toBe('');
  });
});
