import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { available, program } from '../servers/servers.ts';
import { Trial } from './trial.ts';
import { startWorld, type World } from './world.ts';

const execute = promisify(execFile);

// A command-line tool cannot send headers of its own: it says who it is in the path of its endpoint.
describe.skipIf(available('aws'))('the AWS CLI', { timeout: 60_000 }, () => {
  let world: World;
  let trial: Trial;
  let folder: string;
  const file = (name: string) => join(folder, name);
  const lies = (key: string) => world.home.storage.object('invoices-eu-west-1', key);
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'domicile-aws-'));
    world = await startWorld();
    trial = new Trial('aws', world);
  });
  afterAll(async () => {
    await world.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** @returns its standard output; rejects with its standard error */
  async function aws(tenant: string, ...words: readonly string[]): Promise<string> {
    const base = words[0] === 'bedrock-runtime' ? world.rig.inference : world.rig.storage;
    const { stdout } = await execute(program('aws'), ['--endpoint-url', `${base}/t/${tenant}`, ...words], {
      env: {
        ...process.env,
        AWS_ACCESS_KEY_ID: 'ignored',
        AWS_SECRET_ACCESS_KEY: 'ignored',
        AWS_DEFAULT_REGION: 'eu-west-1',
        AWS_RETRY_MODE: 'standard',
        AWS_MAX_ATTEMPTS: '3',
        AWS_CONFIG_FILE: '/dev/null',
        AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
        AWS_EC2_METADATA_DISABLED: 'true',
        AWS_PAGER: '',
      },
      timeout: 30_000,
    });
    return stdout;
  }
  const acme = (...words: readonly string[]) => aws('acme/identity', ...words);

  test('copies a file there and back, in parts', async () => {
    const content = randomBytes(9 * 1024 * 1024);
    writeFileSync(file('large'), content);
    const operations = ['CreateMultipartUpload', 'UploadPart', 'UploadPart', 'CompleteMultipartUpload'];
    await trial.allows(operations, () => acme('s3', 'cp', file('large'), 's3://invoices/a/large', '--no-progress'));
    expect(lies('a/large')?.body.equals(content)).toBe(true);
    await trial.allows(['HeadObject', 'GetObject', 'GetObject'], () =>
      acme('s3', 'cp', 's3://invoices/a/large', file('back'), '--no-progress'),
    );
    expect(readFileSync(file('back')).equals(content)).toBe(true);
  });

  test('lists, copies within the bucket, heads and removes', async () => {
    expect(await trial.allows('ListObjectsV2', () => acme('s3', 'ls', 's3://invoices/a/'))).toMatch(/9437184 large\n$/);
    const CopySource = 'invoices/a/large';
    await trial.allows('CopyObject', () =>
      acme('s3api', 'copy-object', '--bucket', 'invoices', '--key', 'a/copy', '--copy-source', CopySource),
    );
    expect(lies('a/copy')?.body.length).toBe(9437184);
    const head = await trial.allows('HeadObject', () =>
      acme('s3api', 'head-object', '--bucket', 'invoices', '--key', 'a/copy'),
    );
    expect(JSON.parse(head)).toMatchObject({ ContentLength: 9437184 });
    await trial.allows('DeleteObject', () => acme('s3', 'rm', 's3://invoices/a/copy'));
    expect(lies('a/copy')).toBeNull();
  });

  test('presigns a URL that curl-like clients can get', async () => {
    const url = (await acme('s3', 'presign', 's3://invoices/a/large')).trim();
    const read = await trial.allows('GetObject', async () => (await fetch(url)).arrayBuffer());
    expect(read.byteLength).toBe(9437184);
  });

  test('converses', async () => {
    const messages = JSON.stringify([{ role: 'user', content: [{ text: 'hello' }] }]);
    const model = 'anthropic.claude-sonnet-4-5-20250929-v1:0';
    const said = await trial.allows('Converse', () =>
      acme('bedrock-runtime', 'converse', '--model-id', model, '--messages', messages),
    );
    expect(JSON.parse(said)).toMatchObject({
      output: { message: { content: [{ text: 'This was answered in eu-west-1.' }] } },
    });
    const error = await trial.denies('Converse', { reason: 'leak_blocked' }, () =>
      acme('bedrock-runtime', 'converse', '--model-id', `us.${model}`, '--messages', messages),
    );
    expect((error as Error).message).toContain(
      'An error occurred (AccessDeniedException) when calling the Converse operation: This model is not permitted.',
    );
  });

  test('is refused with the code and the message of the reason, once', async () => {
    writeFileSync(file('small'), 'hello');
    const at = ['--bucket', 'invoices', '--key', 'no'];
    for (const [operation, reason, said, act] of [
      [
        'PutObject',
        'no_policy',
        '(AccessDenied) when calling the PutObject operation: No residency policy covers',
        () => aws('initech/identity', 's3', 'cp', file('small'), 's3://invoices/no'),
      ],
      [
        'GetObject',
        'cross_border_restricted',
        '(AccessDenied) when calling the GetObject operation: This class of data does not cross the border',
        () => aws('globex/identity', 's3api', 'get-object', ...at, file('none')),
      ],
      [
        'GetObject',
        'classification_invalid',
        '(InvalidRequest) when calling the GetObject operation: X-Data-Classification is not a known class.',
        () => aws('acme/secret', 's3api', 'get-object', ...at, file('none')),
      ],
      [
        'ListBuckets',
        'operation_not_permitted',
        '(AccessDenied) when calling the ListBuckets operation:',
        () => acme('s3', 'ls'),
      ],
      [
        'GetBucketAcl',
        'operation_not_permitted',
        '(AccessDenied) when calling the GetBucketAcl operation:',
        () => acme('s3api', 'get-bucket-acl', '--bucket', 'invoices'),
      ],
    ] as const) {
      const error = await trial.denies(operation, { reason }, act);
      expect((error as Error).message).toContain(said);
    }
  });

  test('gives up after three attempts where no region can serve', async () => {
    const error = await trial.denies('PutObject', { reason: 'no_compliant_region', attempts: 3 }, () =>
      aws('stranded/identity', 's3', 'cp', file('small'), 's3://invoices/no'),
    );
    expect((error as Error).message).toContain('(ServiceUnavailable) when calling the PutObject operation');
  });

  test('is served from the other region for its tenant, and the matrix of this client is told', async () => {
    await trial.crosses('PutObject', () => aws('globex/content', 's3', 'cp', file('small'), 's3://invoices/b/1'));
    expect(world.abroad.storage.object('invoices-us-east-1', 'b/1')?.body.toString()).toBe('hello');
    console.log(trial.summary());
  });
});
