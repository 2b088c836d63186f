import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { available, joinClusters, program, type RealServer, startServer } from './servers.ts';

function client(server: RealServer, secret = server.fields['secret_key'] as string): S3Client {
  return new S3Client({
    endpoint: server.url,
    region: server.fields['region'] as string,
    forcePathStyle: true,
    credentials: { accessKeyId: server.fields['access_key'] as string, secretAccessKey: secret },
  });
}

describe.skipIf(available('swift'))('swift.sh', () => {
  let eu: RealServer;
  let us: RealServer;
  beforeAll(async () => {
    [eu, us] = await Promise.all([startServer('swift', 'eu-west-1'), startServer('swift', 'us-east-1')]);
  });
  afterAll(async () => void (await Promise.all([eu.stop(), us.stop()])));

  it('keeps an object in its own region: the other one has no such bucket', async () => {
    await client(eu).send(new CreateBucketCommand({ Bucket: 'only-in-eu' }));
    await client(eu).send(new PutObjectCommand({ Bucket: 'only-in-eu', Key: 'a', Body: 'hello' }));
    const object = await client(eu).send(new GetObjectCommand({ Bucket: 'only-in-eu', Key: 'a' }));
    expect(await object.Body?.transformToString()).toBe('hello');
    await expect(client(us).send(new GetObjectCommand({ Bucket: 'only-in-eu', Key: 'a' }))).rejects.toThrow(
      expect.objectContaining({ name: 'NoSuchBucket' }),
    );
  });

  it('refuses a signature by the wrong secret', async () => {
    const get = new GetObjectCommand({ Bucket: 'only-in-eu', Key: 'a' });
    await expect(client(eu, 'wrong').send(get)).rejects.toThrow(
      expect.objectContaining({ name: 'SignatureDoesNotMatch' }),
    );
  });

  it('logs each request, so that a test can show that nothing reached a region', () => {
    expect(readFileSync(eu.log, 'utf8')).toContain('/only-in-eu/a');
    expect(existsSync(join(us.folder, 'endpoint'))).toBe(true);
  });
});

describe.skipIf(available('opensearch'))('opensearch.sh', () => {
  let eu: RealServer;
  let us: RealServer;
  beforeAll(async () => {
    [eu, us] = await Promise.all([startServer('opensearch', 'eu'), startServer('opensearch', 'us')]);
    await joinClusters(eu, 'us', us);
  }, 120_000);
  afterAll(async () => void (await Promise.all([eu.stop(), us.stop()])));

  it('joins two clusters, so that one really answers rows that lie in the other', async () => {
    const stored = await fetch(`${us.url}/people/_doc/1?refresh=true`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{"name":"ada"}',
    });
    expect(stored.status).toBe(201);
    const found = (await (await fetch(`${eu.url}/us:people/_search`)).json()) as { hits: { hits: object[] } };
    expect(found.hits.hits).toEqual([expect.objectContaining({ _index: 'us:people', _source: { name: 'ada' } })]);
  });
});

describe.skipIf(available('boto3'))('boto3', () => {
  it('is imported by the Python that `program` names', () => {
    const { stdout } = spawnSync(program('boto3'), ['-c', 'import boto3; print(boto3.__name__)'], { encoding: 'utf8' });
    expect(stdout).toBe('boto3\n');
  });
});

describe.skipIf(available('aws'))('the AWS CLI', () => {
  it('answers its version at the path that `program` names', () => {
    expect(spawnSync(program('aws'), ['--version'], { encoding: 'utf8' }).stdout).toMatch(/^aws-cli\//);
  });
});
