import { describe, expect, test } from 'vitest';
import { Refusal } from '../../../src/core/refusal.ts';
import { CLASSIFICATIONS, isGuarded } from '../../../src/core/vocabulary.ts';
import { bedrock } from '../../../src/dialect/bedrock/bedrock.ts';
import { headOf, outcome, passed, placeOf, run, type Request, type Situation } from '../inference.ts';

const dialect = bedrock();
const MODEL = 'amazon.nova-lite-v1:0';
const CLAUDE = 'anthropic.claude-sonnet-4-5-20250929-v1:0';
const CONVERSE = `/model/${encodeURIComponent(MODEL)}/converse`;
const INVOKE_CLAUDE = `/model/${encodeURIComponent(CLAUDE)}/invoke`;
const MESSAGES = [{ role: 'user', content: [{ text: 'hello' }] }];

function result(request: Request, situation: Situation = {}): ReturnType<typeof run<ReturnType<typeof read>>> {
  return run(dialect, placeOf('bedrock', situation), request);
}

function read(request: Request) {
  const call = dialect.read(headOf(request));
  if (call instanceof Refusal) throw new Error(call.message);
  return call;
}

function judge(request: Request, situation: Situation = {}): string {
  return outcome(result(request, situation));
}

const output = (config: object): unknown => start({ outputDataConfig: { s3OutputDataConfig: config } });

const start = (change: object = {}): unknown => ({
  modelId: 'amazon.nova-reel-v1:1',
  modelInput: { taskType: 'TEXT_VIDEO', textToVideoParams: { text: 'a cat' } },
  outputDataConfig: { s3OutputDataConfig: { s3Uri: 's3://acme-videos/out' } },
  ...change,
});

const video = (uri: unknown, extra: object = {}): unknown => ({
  messages: [{ role: 'user', content: [{ video: { format: 'mp4', source: { s3Location: { uri, ...extra } } } }] }],
});

const carry = (body: unknown): unknown => ({
  input: { invokeModel: { body: Buffer.from(JSON.stringify(body)).toString('base64') } },
});

const source = (uri: string): unknown => ({
  messages: [{ content: [{ video: { source: { s3Location: { uri } } } }] }],
});

describe('operations', () => {
  test.each([
    ['invoke', 'InvokeModel'],
    ['invoke-with-response-stream', 'InvokeModelWithResponseStream'],
    ['converse', 'Converse'],
    ['converse-stream', 'ConverseStream'],
    ['count-tokens', 'CountTokens'],
  ])('/model/{id}/%s is %s, a process of the model that the path names, decoded', (word, operation) => {
    const call = read({ target: `/model/${encodeURIComponent(MODEL)}/${word}`, body: {} });
    expect(call).toMatchObject({
      operation,
      verb: 'process',
      alsoVerb: null,
      naming: 'named',
      resources: [MODEL],
      body: 'inspect',
      path: `/model/amazon.nova-lite-v1%3A0/${word}`,
    });
  });

  test('ApplyGuardrail is named by its guardrail, StartAsyncInvoke by its body, and stores too', () => {
    expect(read({ target: '/guardrail/gr1/version/DRAFT/apply', body: {} })).toMatchObject({
      operation: 'ApplyGuardrail',
      naming: 'named',
      resources: ['gr1'],
    });
    expect(read({ target: '/async-invoke', body: {} })).toMatchObject({
      operation: 'StartAsyncInvoke',
      naming: 'body',
      verb: 'process',
      alsoVerb: 'store',
    });
  });

  test.each([
    ['POST', `/model/${MODEL}/invoke-with-bidirectional-stream`],
    ['POST', '/guardrail-checks/invoke'],
    ['GET', '/async-invoke'],
    ['GET', '/async-invoke/arn%3Aaws%3Abedrock%3Aeu-west-1%3A123456789012%3Aasync-invoke%2Fx'],
    ['GET', `/model/${MODEL}/converse`],
    ['HEAD', `/model/${MODEL}/converse`],
    ['POST', `/model/${MODEL}/converse/`],
    ['POST', `/model/${MODEL}/Converse`],
    ['POST', `/m%6fdel/${MODEL}/converse`],
    ['POST', `//model/${MODEL}/converse`],
    ['POST', `/model/a/b/converse`],
    ['POST', `/model/${MODEL}/converse?x=1`],
    ['POST', '/model'],
    ['POST', '/agents/x/agentAliases/y/sessions/z/text'],
  ])('%s %s is not one', (method, target) => {
    expect(judge({ method, target, body: {} })).toBe('operation_not_permitted -');
  });

  test.each([
    '/model/%2e%2e/converse',
    '/model/anthropic%252Eclaude/converse',
    '/model/%zz/converse',
    '/model//converse',
    '/model/a%00b/converse',
    '/model/a%3Fb/converse',
    '/guardrail/gr1/version/0/apply',
    '/guardrail/%2e%2e/version/1/apply',
  ])('%s does not parse', (target) => {
    expect(judge({ target, body: {} })).toBe('request_malformed -');
  });

  test('a percent-encoded model is judged as what it decodes to', () => {
    expect(judge({ target: `/model/%67lobal.${CLAUDE}/converse`, body: { messages: MESSAGES } })).toBe(
      'leak_blocked global_profile',
    );
  });
});

describe('what is sent', () => {
  test('the body as it came, the path encoded anew, and no credential or header of ours', () => {
    const text = `{ "messages" : ${JSON.stringify(MESSAGES)} }`;
    const { inspection, outgoing } = passed(
      result({
        target: CONVERSE.replace('%3A', ':'),
        headers: [
          'authorization',
          'Bearer abc',
          'x-amz-date',
          '20260101T000000Z',
          'x-amz-content-sha256',
          'abc',
          'accept',
          'application/json',
          'x-amzn-bedrock-trace',
          'ENABLED',
          'x-amz-security-token',
          't',
          'cookie',
          'a=b',
          'x-forwarded-for',
          '10.0.0.1',
        ],
        body: text,
      }),
    );
    expect(inspection).toMatchObject({ changed: false, resources: [], buckets: [] });
    expect(inspection?.body.toString()).toBe(text);
    expect(outgoing).toEqual({
      method: 'POST',
      path: CONVERSE,
      query: '',
      headers: [
        'accept',
        'application/json',
        'x-amzn-bedrock-trace',
        'ENABLED',
        'content-type',
        'application/json',
        'content-length',
        String(text.length),
      ],
      payloadHash: null,
      filter: null,
    });
  });

  test('a gzip body is inspected and sent inflated', () => {
    const { inspection, outgoing } = passed(result({ target: CONVERSE, body: { messages: MESSAGES }, gzip: true }));
    expect(inspection?.changed).toBe(true);
    expect(JSON.parse(String(inspection?.body))).toEqual({ messages: MESSAGES });
    expect(outgoing.headers).not.toContain('content-encoding');
  });

  test.each([
    ['text/plain', 'request_malformed -'],
    ['application/json; charset=utf-16', 'request_malformed -'],
    ['application/json;charset=UTF-8', 'passed'],
  ])('content type %s: %s', (type, expected) => {
    const request = { target: CONVERSE, headers: ['content-type', type], body: { messages: MESSAGES } };
    expect(judge(request)).toBe(expected);
  });

  test.each(['[]', '', '{"messages":[]}{}', '{"messages":[],"messages":[]}', '\ufeff{}', '{"__proto__":{}}'])(
    'the body %j does not parse',
    (body) => {
      expect(judge({ target: CONVERSE, body })).toBe('request_malformed -');
    },
  );
});

describe('headers', () => {
  test.each([
    ['x-amzn-bedrock-performanceconfig-latency', 'optimized', 'passed'],
    ['x-amzn-bedrock-service-tier', 'flex', 'passed'],
    ['x-amzn-bedrock-region', 'us-east-1', 'leak_blocked header'],
    ['x-amzn-bedrock-guardrailidentifier', 'gr1', 'passed'],
    ['x-amzn-bedrock-guardrailidentifier', 'gr2', 'leak_blocked guardrail'],
    ['x-amzn-bedrock-guardrailidentifier', '', 'leak_blocked guardrail'],
  ])('%s: %s is %s', (name, value, expected) => {
    const request = { target: INVOKE_CLAUDE, headers: [name, value], body: { messages: [] } };
    expect(judge(request, { endpoint: { guardrails: ['gr1'] } })).toBe(expected);
  });

  test('one that is sent twice is malformed', () => {
    const headers = ['x-amzn-bedrock-guardrailidentifier', 'gr1', 'x-amzn-bedrock-guardrailidentifier', 'gr2'];
    const request = { target: INVOKE_CLAUDE, headers, body: { messages: [] } };
    expect(judge(request, { endpoint: { guardrails: ['gr1', 'gr2'] } })).toBe('request_malformed -');
  });
});

describe('guardrails', () => {
  const arn = 'arn:aws:bedrock:eu-west-1:123456789012:guardrail/gr1';
  const endpoint = { guardrails: ['gr1'] };

  test.each([
    ['gr1', 'passed'],
    [arn, 'passed'],
    [arn.replace('eu-west-1', 'us-east-1'), 'leak_blocked guardrail'],
    ['gr2', 'leak_blocked guardrail'],
    ['GR1', 'leak_blocked guardrail'],
  ])('%s is %s in the body and in the path', (id, expected) => {
    const body = { messages: MESSAGES, guardrailConfig: { guardrailIdentifier: id, guardrailVersion: '1' } };
    expect(judge({ target: CONVERSE, body }, { endpoint })).toBe(expected);
    const target = `/guardrail/${encodeURIComponent(id)}/version/1/apply`;
    const content = [{ text: { text: 'hello' } }];
    expect(judge({ target, body: { source: 'INPUT', content } }, { endpoint })).toBe(expected);
  });

  test('one that is written with escapes, or in another case, is found', () => {
    const body = '{"messages":[],"guardrailConfig":{"guardrail\\u0049dentifier":"gr2"}}';
    expect(judge({ target: CONVERSE, body }, { endpoint })).toBe('leak_blocked guardrail');
    const other = '{"messages":[],"guardrailConfig":{"GuardrailIdentifier":"gr2"}}';
    expect(judge({ target: CONVERSE, body: other }, { endpoint })).toBe('leak_blocked guardrail');
  });
});

describe('buckets', () => {
  test('one is put through the map of the target region, and nothing else changes', () => {
    const text = `{ "messages":[{"role":"user","content":[{"text":"s3://a text"},
      {"video":{"source":{"s3Location":{"uri":"s3:\\/\\/acme-media\\/a b.mp4" }}}}]}] , "inferenceConfig":{}}`;
    const { inspection } = passed(result({ target: CONVERSE, body: text }));
    expect(inspection).toMatchObject({ changed: true, buckets: ['acme-media'] });
    expect(inspection?.body.toString()).toBe(
      text.replace('"s3:\\/\\/acme-media\\/a b.mp4"', '"s3://acme-media-eu-west-1/a b.mp4"'),
    );
  });

  test.each([
    's3://arn:aws:s3:us-east-1:123456789012:accesspoint/x/key',
    's3://x.mrap/key',
    's3://alias-s3alias/key',
    's3://express--euw1-az1--x-s3/key',
    's3://outpost--op-s3/key',
    's3://Bucket/key',
    's3://a/key',
    's3:///key',
    'S3://acme-media/key',
    'https://acme-media.s3.us-east-1.amazonaws.com/key',
    7,
  ])('%s is not one', (uri) => {
    expect(judge({ target: CONVERSE, body: video(uri) })).toBe('leak_blocked s3_uri');
  });

  test('a region without storage has none', () => {
    expect(judge({ target: CONVERSE, body: video('s3://acme-media/x') }, { bucketName: () => null })).toBe(
      'leak_blocked s3_uri',
    );
  });

  test('another account may not be named as owner', () => {
    const body = video('s3://acme-media/x', { bucketOwner: '123456789012' });
    expect(judge({ target: CONVERSE, body })).toBe('leak_blocked bucket_owner');
  });

  test.each([
    ['{"mediaSource":{"s3Location":{"uri":"s3://acme-media/x"}}}', 'passed'],
    ['{"media_source":{"S3_Location":{"URI":"s3://acme-media/x"}}}', 'leak_blocked s3_uri'],
    ['{"media":{"s3_uri":"s3://acme-media/x"}}', 'passed'],
    ['{"s3Location":"s3://acme-media/x"}', 'leak_blocked s3_uri'],
    ['{"image":"s3://acme-media/x"}', 'leak_blocked address'],
    ['{"images":["s3://acme-media/x"]}', 'leak_blocked address'],
    ['{"images":[["s3://acme-media/x"]]}', 'leak_blocked address'],
    ['{"target":"arn:aws:s3:::acme-media"}', 'leak_blocked address'],
    ['{"inputText":"s3://is where it is"}', 'passed'],
    ['{"toolUseId":"x","input":{"uri":"s3://Other/x"}}', 'leak_blocked s3_uri'],
    ['{"json":{"uri":"s3://Other/x"}}', 'leak_blocked s3_uri'],
  ])('in a body of InvokeModel, %s is %s', (body, expected) => {
    const target = '/model/twelvelabs.pegasus-1-2-v1:0/invoke';
    expect(judge({ target, body }, { classification: 'content' })).toBe(expected);
  });

  test('schemas, arguments and JSON results of tools are data', () => {
    const schema = { json: { type: 'object', properties: { uri: { type: 'string' }, model: { type: 'string' } } } };
    const body = {
      messages: [
        {
          role: 'assistant',
          content: [{ toolUse: { toolUseId: 't', name: 'f', input: { uri: 'http://x', url: 1 } } }],
        },
        { role: 'user', content: [{ toolResult: { toolUseId: 't', content: [{ json: { s3Uri: 1 } }] } }] },
      ],
      toolConfig: { tools: [{ toolSpec: { name: 'f', inputSchema: schema } }] },
      requestMetadata: { uri: 'x' },
    };
    expect(judge({ target: CONVERSE, body })).toBe('passed');
  });
});

describe('StartAsyncInvoke', () => {
  test('its model and bucket are told, and its bucket is put through the map', () => {
    const { inspection, text } = passed(result({ target: '/async-invoke', body: start() }));
    expect(inspection).toMatchObject({ resources: ['amazon.nova-reel-v1:1'], buckets: ['acme-videos'] });
    expect(JSON.parse(text)).toEqual(output({ s3Uri: 's3://acme-videos-eu-west-1/out' }));
  });

  test.each([
    ['a model elsewhere', start({ modelId: 'global.amazon.nova-reel-v1:1' }), 'leak_blocked global_profile'],
    ['no model', start({ modelId: null }), 'request_malformed -'],
    ['no output', start({ outputDataConfig: null }), 'leak_blocked s3_uri'],
    ['another kind of output', start({ outputDataConfig: { efs: {} } }), 'leak_blocked s3_uri'],
    ['an unknown key', start({ region: 'us-east-1' }), 'leak_blocked key_unknown'],
    ['another model inside', start({ modelInput: { modelId: 'amazon.x' } }), 'leak_blocked model_in_body'],
    ['a key here', output({ s3Uri: 's3://acme-videos', kmsKeyId: 'alias/mine' }), 'passed'],
    [
      'a key elsewhere',
      output({ s3Uri: 's3://acme-videos', kmsKeyId: 'arn:aws:kms:us-east-1:123456789012:key/1' }),
      'leak_blocked kms_key',
    ],
    [
      'a key of the region',
      output({ s3Uri: 's3://acme-videos', kmsKeyId: 'arn:aws:kms:eu-west-1:123456789012:key/1' }),
      'passed',
    ],
  ])('%s', (_, body, expected) => {
    expect(judge({ target: '/async-invoke', body })).toBe(expected);
  });
});

describe('CountTokens', () => {
  const target = `/model/${encodeURIComponent(CLAUDE)}/count-tokens`;

  test('a body that is carried in Base64 is judged and changed inside', () => {
    const { inspection, text } = passed(
      result({ target: target.replace('anthropic.claude', 'amazon.claude'), body: carry(source('s3://acme-media/x')) }),
    );
    expect(inspection?.buckets).toEqual(['acme-media']);
    expect(JSON.parse(text)).toEqual(carry(source('s3://acme-media-eu-west-1/x')));
  });

  test.each([
    ['MCP servers inside', carry({ messages: [], mcp_servers: [{}] }), 'leak_blocked mcp_servers'],
    ['a conversation', { input: { converse: { messages: MESSAGES } } }, 'passed'],
    [
      'a guardrail in it',
      { input: { converse: { guardrailConfig: { guardrailIdentifier: 'x' } } } },
      'leak_blocked guardrail',
    ],
    ['an unknown form', { input: { other: {} } }, 'leak_blocked key_unknown'],
    ['no input', {}, 'request_malformed -'],
    ['what is not Base64', { input: { invokeModel: { body: '{}' } } }, 'request_malformed -'],
    ['what is not JSON', { input: { invokeModel: { body: 'AAAA' } } }, 'request_malformed -'],
  ])('%s', (_, body, expected) => {
    expect(judge({ target, body })).toBe(expected);
  });
});

describe('names in bodies', () => {
  test.each([
    [{ messages: MESSAGES, modelId: 'amazon.other' }, 'leak_blocked key_unknown'],
    [{ messages: MESSAGES, additionalModelRequestFields: { model: 'x' } }, 'leak_blocked model_in_body'],
    [{ messages: MESSAGES, additionalModelRequestFields: { inference_geo: 'global' } }, 'leak_blocked inference_geo'],
    [{ messages: MESSAGES, additionalModelRequestFields: { top_k: 5 } }, 'passed'],
    [{ messages: MESSAGES, Region: 'x' }, 'leak_blocked key_unknown'],
    [{ messages: MESSAGES, system: null, newThing: null }, 'passed'],
  ])('Converse %j is %s in every class', (body, expected) => {
    for (const classification of CLASSIFICATIONS)
      expect(judge({ target: CONVERSE, body }, { classification })).toBe(expected);
  });
});

describe('server-side tools and sources, in guarded classes only', () => {
  test.each([
    [
      'converse',
      MODEL,
      { messages: [], toolConfig: { tools: [{ systemTool: { name: 'nova_grounding' } }] } },
      'server_tool',
    ],
    ['converse', MODEL, { messages: [], toolConfig: { tools: [{ mystery: {} }] } }, 'server_tool'],
    [
      'converse',
      CLAUDE,
      { messages: [], additionalModelRequestFields: { tools: [{ type: 'web_search_20250305' }] } },
      'server_tool',
    ],
    ['converse', CLAUDE, { messages: [], additionalModelRequestFields: { mcp_servers: [{}] } }, 'mcp_servers'],
    [
      'converse',
      CLAUDE,
      { messages: [], additionalModelRequestFields: { anthropic_beta: ['files-api-2025-04-14'] } },
      'beta',
    ],
    ['invoke', CLAUDE, { messages: [], mcp_servers: [{}] }, 'mcp_servers'],
    ['invoke', CLAUDE, { messages: [], container: 'x' }, 'container'],
    ['invoke', CLAUDE, { messages: [], tools: [{ type: 'code_execution_20250825', name: 'x' }] }, 'server_tool'],
    [
      'invoke',
      CLAUDE,
      { messages: [{ content: [{ type: 'image', source: { type: 'url', url: 'https://x' } }] }] },
      'file_source',
    ],
    ['invoke', CLAUDE, { messages: [{ content: [{ type: 'novelty' }] }] }, 'server_tool'],
    ['invoke', CLAUDE, { messages: [], novelty: 1 }, 'key_unknown'],
    ['invoke', 'openai.gpt-oss-20b-1:0', { messages: [], tools: [{ type: 'mcp' }] }, 'server_tool'],
    ['invoke', 'openai.gpt-oss-20b-1:0', { messages: [], web_search_options: {} }, 'server_tool'],
    ['invoke', 'mistral.pixtral', { messages: [{ content: [{ image_url: { url: 'https://x' } }] }] }, 'file_source'],
    ['invoke', 'abc123', { messages: [], anthropic_version: 'v', novelty: 1 }, 'key_unknown'],
  ])('%s of %s with %j: %s', (word, model, body, leak) => {
    const target = `/model/${encodeURIComponent(model)}/${word}`;
    for (const classification of CLASSIFICATIONS) {
      const expected = isGuarded(classification) ? `leak_blocked ${leak}` : 'passed';
      expect(judge({ target, body }, { classification, endpoint: { arns: ['abc123'] } })).toBe(expected);
    }
  });

  test.each([
    [
      'converse',
      MODEL,
      { messages: MESSAGES, toolConfig: { tools: [{ toolSpec: { name: 'f' } }, { cachePoint: {} }] } },
    ],
    [
      'converse',
      CLAUDE,
      { messages: [], additionalModelRequestFields: { tools: [{ type: 'bash_20250124', name: 'bash' }] } },
    ],
    [
      'invoke',
      CLAUDE,
      { anthropic_version: 'bedrock-2023-05-31', max_tokens: 9, messages: [{ role: 'user', content: 'hi' }] },
    ],
    [
      'invoke',
      CLAUDE,
      { messages: [], anthropic_beta: ['context-1m-2025-08-07'], tools: [{ name: 'f', input_schema: {} }] },
    ],
    ['invoke', 'anthropic.claude-v2', { prompt: 'Human: hi', max_tokens_to_sample: 9 }],
    [
      'invoke',
      'openai.gpt-oss-20b-1:0',
      { messages: [], tools: [{ type: 'function', function: { name: 'f', parameters: { url: 1 } } }] },
    ],
    ['invoke', 'mistral.pixtral', { messages: [{ content: [{ image_url: { url: 'data:image/png;base64,AA' } }] }] }],
    ['invoke', 'amazon.titan-embed-text-v2:0', { inputText: 'hello', dimensions: 256 }],
  ])('%s of %s with %j passes', (word, model, body) => {
    expect(judge({ target: `/model/${encodeURIComponent(model)}/${word}`, body })).toBe('passed');
  });
});

describe('refusals', () => {
  const head = headOf({ target: CONVERSE, body: {} });

  test.each([
    [400, 'ValidationException'],
    [401, 'AccessDeniedException'],
    [403, 'AccessDeniedException'],
    [413, 'ValidationException'],
    [429, 'ThrottlingException'],
    [502, 'ServiceUnavailableException'],
    [503, 'ServiceUnavailableException'],
    [504, 'ServiceUnavailableException'],
  ])('%d is %s', (status, type) => {
    expect(dialect.refuse(head, 'leak_blocked', status, 'No.', 'r-1')).toEqual({
      status,
      headers: ['content-type', 'application/json', 'x-amzn-errortype', type, 'x-amzn-requestid', 'r-1'],
      body: '{"message":"No."}',
    });
  });

  test('HEAD has no body', () => {
    expect(dialect.refuse({ ...head, method: 'HEAD' }, 'leak_blocked', 403, 'No.', 'r-1').body).toBe('');
  });
});
