import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { available, program } from '../servers/servers.ts';
import { Boto3, BotoError, type Call } from './python.ts';
import { Trial } from './trial.ts';
import { FACTS, FOREIGN_FACTS, INSPECTED, refusedFacts, RESTRICTED_FACTS, startWorld, type World } from './world.ts';

interface Metadata {
  readonly ResponseMetadata: { readonly HTTPHeaders: Readonly<Record<string, string>> };
}
interface Encoded {
  readonly base64: string;
}

const encoded = (bytes: Buffer): Encoded => ({ base64: bytes.toString('base64') });
const decoded = ({ base64 }: Encoded) => Buffer.from(base64, 'base64');

/** By status: the codes of S3 and of Bedrock, and how often boto3 asks when it may ask twice. */
const TYPED = {
  400: { s3: 'InvalidRequest', bedrock: 'ValidationException', attempts: 1 },
  403: { s3: 'AccessDenied', bedrock: 'AccessDeniedException', attempts: 1 },
  503: { s3: 'ServiceUnavailable', bedrock: 'ServiceUnavailableException', attempts: 2 },
};

describe.skipIf(available('boto3'))('boto3', () => {
  let world: World;
  let trial: Trial;
  let python: Boto3;
  beforeAll(async () => {
    python = new Boto3(program('boto3'));
    world = await startWorld();
    trial = new Trial('boto3', world);
  });
  afterAll(async () => {
    await python.close();
    await world.stop();
  });

  const Bucket = 'invoices';
  const modelId = 'anthropic.claude-sonnet-4-5-20250929-v1:0';
  const messages = [{ role: 'user', content: [{ text: 'hello' }] }];
  const SAID = 'This was answered in eu-west-1.';

  function run<T>(call: Partial<Call> & Pick<Call, 'call' | 'arguments'>): Promise<T> {
    return python.call<T>({ service: 's3', endpoint: world.rig.storage, facts: FACTS, ...call });
  }
  const infer = <T>(call: string, more: object, facts = FACTS as Call['facts']) =>
    run<T>({ service: 'bedrock-runtime', endpoint: world.rig.inference, facts, call, arguments: { ...more } });
  const presign = (method: string) =>
    run<string>({
      endpoint: `${world.rig.storage}/t/acme/identity`,
      facts: {},
      call: 'presign',
      arguments: { method, parameters: { Bucket, Key: 'signed' } },
    });
  const lies = (key: string) => world.home.storage.object('invoices-eu-west-1', key);

  test('puts, gets, ranges and heads, with the decision in the headers', async () => {
    const Body = randomBytes(100_000);
    const at = { Bucket, Key: 'a/1 ü+' };
    const put = await trial.allows('PutObject', () =>
      run<Metadata>({ call: 'put_object', arguments: { ...at, Body: encoded(Body) } }),
    );
    expect(put.ResponseMetadata.HTTPHeaders).toMatchObject({
      'x-residency-decision': 'allow',
      'x-residency-reason': 'in_residency',
      'x-residency-region': 'eu-west',
      'x-residency-policy': expect.stringMatching(/^acme-home@\d+$/),
    });
    expect(lies(at.Key)?.body.equals(Body)).toBe(true);
    const get = await trial.allows('GetObject', () => run<{ Body: Encoded }>({ call: 'get_object', arguments: at }));
    expect(decoded(get.Body).equals(Body)).toBe(true);
    const Range = 'bytes=10-19';
    const part = await trial.allows('GetObject', () =>
      run<{ Body: Encoded }>({ call: 'get_object', arguments: { ...at, Range } }),
    );
    expect(decoded(part.Body).equals(Body.subarray(10, 20))).toBe(true);
    const head = await trial.allows('HeadObject', () => run({ call: 'head_object', arguments: at }));
    expect(head).toMatchObject({ ContentLength: 100_000 });
  });

  test('uploads in parts, copies, lists and deletes', async () => {
    const Body = randomBytes(6 * 1024 * 1024);
    const operations = ['CreateMultipartUpload', 'UploadPart', 'UploadPart', 'CompleteMultipartUpload'];
    await trial.allows(operations, () =>
      run({ call: 'upload', arguments: { Bucket, Key: 'b/parts', Body: encoded(Body) } }),
    );
    expect(lies('b/parts')?.body.equals(Body)).toBe(true);
    const CopySource = { Bucket, Key: 'b/parts' };
    await trial.allows('CopyObject', () =>
      run({ call: 'copy_object', arguments: { Bucket, Key: 'b/copy', CopySource } }),
    );
    expect(lies('b/copy')?.body.equals(Body)).toBe(true);
    const list = await trial.allows('ListObjectsV2', () =>
      run<{ Contents: { Key: string }[] }>({ call: 'list_objects_v2', arguments: { Bucket, Prefix: 'b/' } }),
    );
    expect(list.Contents.map(({ Key }) => Key)).toEqual(['b/copy', 'b/parts']);
    const Delete = { Objects: [{ Key: 'b/copy' }] };
    await trial.allows('DeleteObjects', () => run({ call: 'delete_objects', arguments: { Bucket, Delete } }));
    await trial.allows('DeleteObject', () => run({ call: 'delete_object', arguments: { Bucket, Key: 'b/parts' } }));
    expect([lies('b/copy'), lies('b/parts')]).toEqual([null, null]);
  });

  test('presigns URLs through the path prefix', async () => {
    const [upload, download] = [await presign('put_object'), await presign('get_object')];
    await trial.allows('PutObject', () => fetch(upload, { method: 'PUT', body: 'by URL' }));
    expect(await trial.allows('GetObject', async () => (await fetch(download)).text())).toBe('by URL');
  });

  test('converses and invokes over HTTP/1.1, plain and streamed', async () => {
    const said = await trial.allows('Converse', () => infer<Metadata>('converse', { modelId, messages }));
    expect(said).toMatchObject({ output: { message: { content: [{ text: SAID }] } } });
    expect(said.ResponseMetadata.HTTPHeaders['x-residency-region']).toBe('eu-west');
    const { stream } = await trial.allows('ConverseStream', () =>
      infer<{ stream: { contentBlockDelta?: { delta: { text: string } } }[] }>('converse_stream', {
        modelId,
        messages,
      }),
    );
    expect(stream.map((event) => event.contentBlockDelta?.delta.text ?? '').join('')).toBe(SAID);
    const body = JSON.stringify({ anthropic_version: 'bedrock-2023-05-31', max_tokens: 9, messages: [] });
    const invoked = await trial.allows('InvokeModel', () =>
      infer<{ body: Encoded }>('invoke_model', { modelId, body, contentType: 'application/json' }),
    );
    expect(JSON.parse(decoded(invoked.body).toString())).toMatchObject({ content: [{ text: SAID }] });
    const input = { converse: { messages } };
    expect(await trial.allows('CountTokens', () => infer('count_tokens', { modelId, input }))).toMatchObject({
      inputTokens: expect.any(Number),
    });
  });

  for (const { title, facts, reason, status } of refusedFacts('us-east')) {
    const { s3, bedrock, attempts } = TYPED[status];
    test(`is refused ${title}: ${s3}, ${attempts === 1 ? 'once' : `${attempts} times`}`, async () => {
      for (const [operation, code, act] of [
        ['PutObject', s3, () => run({ facts, call: 'put_object', arguments: { Bucket, Key: 'no', Body: 'no' } })],
        ['GetObject', s3, () => run({ facts, call: 'get_object', arguments: { Bucket, Key: 'no' } })],
        ['Converse', bedrock, () => infer('converse', { modelId, messages }, facts)],
      ] as const) {
        const error = await trial.denies(operation, { reason, attempts }, act);
        expect(error).toBeInstanceOf(BotoError);
        expect(error).toMatchObject({ code, status, attempts, headers: { 'x-residency-reason': reason } });
        // S3's model declares few of its errors, so that boto3 has no class of their own for the others.
        expect(code === bedrock ? [code] : [code, 'ClientError']).toContain((error as BotoError).type);
        expect((error as Error).message).toContain(`An error occurred (${code})`);
      }
    });
  }

  test('is refused data that must not come back, buckets and models of other regions, and too large bodies, once', async () => {
    const RestoreRequest = { Days: 1, Description: 'x'.repeat(INSPECTED) };
    const CopySource = 'arn:aws:s3:us-east-1:123456789012:accesspoint/x/object/key';
    const facts = RESTRICTED_FACTS;
    for (const [operation, reason, code, act] of [
      [
        'GetObject',
        'cross_border_restricted',
        'AccessDenied',
        () => run({ facts, call: 'get_object', arguments: { Bucket, Key: 'no' } }),
      ],
      ['ListBuckets', 'operation_not_permitted', 'AccessDenied', () => run({ call: 'list_buckets', arguments: {} })],
      [
        'CopyObject',
        'leak_blocked',
        'AccessDenied',
        () => run({ call: 'copy_object', arguments: { Bucket, Key: 'no', CopySource } }),
      ],
      [
        'RestoreObject',
        'body_too_large_to_inspect',
        'EntityTooLarge',
        () => run({ call: 'restore_object', arguments: { Bucket, Key: 'no', RestoreRequest } }),
      ],
      [
        'Converse',
        'leak_blocked',
        'AccessDeniedException',
        () => infer('converse', { modelId: `global.${modelId}`, messages }),
      ],
    ] as const) {
      const error = await trial.denies(operation, { reason }, act);
      expect(error).toMatchObject({ code, attempts: 1, headers: { 'x-residency-reason': reason } });
    }
  });

  test('is served from the other region for its tenant, and the matrix of this client is told', async () => {
    const put = { facts: FOREIGN_FACTS, call: 'put_object', arguments: { Bucket, Key: 'b/1', Body: 'hello' } };
    await trial.crosses('PutObject', () => run(put));
    expect(world.abroad.storage.object('invoices-us-east-1', 'b/1')?.body.toString()).toBe('hello');
    console.log(trial.summary());
  });
});
