import { createHmac } from 'node:crypto';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startS3StandIn, type S3StandIn } from '../../src/standin/s3.ts';
import { ACME, People, REQUEST, type PeopleOptions, type Send } from './people.ts';

const CREDENTIAL = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-so-secret' };
let storage: S3StandIn;
let people: People;
beforeAll(async () => {
  storage = await startS3StandIn({ region: 'eu-west', cloudRegion: 'eu-west-1', ...CREDENTIAL });
});
afterEach(() => people.close());
afterAll(() => storage.close());

async function requester(options: PeopleOptions = {}): Promise<Send> {
  people = await People.open({ storagePort: storage.port, ...options });
  return people.someone('requester', 'alice');
}

const OBJECT = { bucket: 'invoices', key: 'a b/ö(1)+2.pdf', data_classification: 'identity' };
const presign = (send: Send, more: object = {}, headers: Record<string, string> = {}) =>
  send('POST', '/storage/presign', { ...OBJECT, ...more }, headers);

describe('a direct URL', () => {
  it('puts and gets the object in the permitted region, as its storage wants it', async () => {
    const alice = await requester({ policies: [{ ...ACME, data_retention_days: 30 }] });
    const put = (await presign(alice, { operation: 'put' })).body;
    expect(put).toMatchObject({ method: 'PUT', region: 'eu-west', via: 'direct' });
    expect(put.headers).toEqual({ 'x-amz-server-side-encryption': 'AES256', 'x-amz-meta-retention-days': '30' });
    const stored = await fetch(put.url, { method: 'PUT', body: 'hello', headers: put.headers });
    expect(stored.status).toBe(200);
    expect(storage.object('invoices-eu-west-1', OBJECT.key)).not.toBeNull();
    const get = (await presign(alice)).body;
    expect(get.headers).toEqual({});
    expect(await (await fetch(get.url)).text()).toBe('hello');
  });

  it('is for one object, one method and one time', async () => {
    const alice = await requester();
    const { url } = (await presign(alice, { expires_in: 60 })).body;
    expect(new URL(url).searchParams.get('X-Amz-Expires')).toBe('60');
    expect((await fetch(url.replace('.pdf', '.txt'))).status).toBe(403);
    expect((await fetch(url, { method: 'PUT', body: 'x' })).status).toBe(403);
    expect((await fetch(url.replace('X-Amz-Expires=60', 'X-Amz-Expires=600'))).status).toBe(403);
  });

  it('must come with the encryption that was signed', async () => {
    const alice = await requester();
    const { url } = (await presign(alice, { operation: 'put', key: 'bare' })).body;
    expect((await fetch(url, { method: 'PUT', body: 'x' })).status).toBe(403);
  });

  it('is what the SDK itself would sign for the physical object', async () => {
    const alice = await requester();
    const { url } = (await presign(alice)).body;
    const parameters = new URL(url).searchParams;
    const signed = parameters.get('X-Amz-Date') as string;
    const client = new S3Client({
      region: 'eu-west-1',
      endpoint: storage.url,
      forcePathStyle: true,
      credentials: CREDENTIAL,
    });
    const command = new GetObjectCommand({ Bucket: 'invoices-eu-west-1', Key: OBJECT.key });
    const date = new Date(signed.replace(/(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/, '$1-$2-$3T$4:$5:$6Z'));
    const theirs = new URL(await getSignedUrl(client, command, { expiresIn: 3600, signingDate: date }));
    client.destroy();
    expect(theirs.pathname).toBe(new URL(url).pathname);
    expect(theirs.searchParams.get('X-Amz-Credential')).toBe(parameters.get('X-Amz-Credential'));
  });

  it('holds an hour by default, and never longer than the most', async () => {
    const alice = await requester({ settings: { maxPresignSeconds: 600 } });
    const { body } = await presign(alice);
    expect(new URL(body.url).searchParams.get('X-Amz-Expires')).toBe('600');
    expect(Math.abs(Date.parse(body.expires_at) - Date.now() - 600_000)).toBeLessThan(5000);
    expect(await presign(alice, { expires_in: 601 })).toMatchObject({
      status: 400,
      body: { errors: [{ path: '/expires_in' }] },
    });
    expect((await presign(alice, { expires_in: 0 })).status).toBe(400);
  });

  it.each<[string, object, Record<string, string>, number, string]>([
    ['to a region that is not allowed', { requested_region: 'us-east' }, {}, 403, 'region_not_allowed'],
    ['to a region that is prohibited', { requested_region: 'us-west' }, {}, 403, 'region_prohibited'],
    ['for a caller abroad', {}, { 'x-region': 'us-east' }, 403, 'cross_border_restricted'],
    ['without a class', { data_classification: null }, {}, 400, 'classification_missing'],
    ['for a bucket that is elsewhere', { bucket: 'x.mrap' }, {}, 403, 'leak_blocked'],
    ['for an access point', { bucket: 'arn:aws:s3:us-east-1:1:accesspoint/x' }, {}, 403, 'leak_blocked'],
    ['for what is no bucket', { bucket: 'UPPER' }, {}, 400, 'request_malformed'],
    ['for a path that climbs', { key: 'a/../b' }, {}, 400, 'request_malformed'],
  ])('is refused %s', async (_, more, headers, status, reason) => {
    const alice = await requester();
    expect(await presign(alice, more, headers)).toMatchObject({ status, body: { reason } });
  });

  it('is refused for a bucket that the policy does not list, and by the class on record', async () => {
    const alice = await requester({ policies: [{ ...ACME, resources: { storage: ['docs'] } }] });
    expect(await presign(alice)).toMatchObject({ status: 403, body: { reason: 'resource_not_permitted' } });
    const olga = await people.someone('operator', 'olga');
    await olga('POST', '/data/classify', { data_id: 'docs/k', classification_level: 'identity' });
    const abroad = { 'x-region': 'us-east' };
    const object = { bucket: 'docs', key: 'k', data_classification: 'content' };
    expect((await presign(alice, object, abroad)).body.reason).toBe('cross_border_restricted');
    expect((await presign(alice, { ...object, key: 'other' }, abroad)).status).toBe(200);
  });

  it('is not given where it would outlive the grant that it rests on, but one through Domicile is', async () => {
    const alice = await requester();
    const bob = await people.someone('approver', 'bob');
    const asked = await alice('POST', '/access/request', REQUEST);
    await bob('POST', '/access/approve', { request_id: asked.body.request_id, approved: true });
    const as = { 'x-user-id': 'alice', 'x-region': 'us-east' };
    const direct = await presign(alice, {}, as);
    expect(direct).toMatchObject({ status: 422 });
    expect(direct.body.detail).toContain('via proxy');
    expect((await presign(alice, { via: 'proxy' }, as)).status).toBe(200);
  });

  it('needs a key to sign with', async () => {
    const alice = await requester({ policies: [{ ...ACME, primary_region: 'keyless', allowed_regions: ['eu-west'] }] });
    expect((await presign(alice)).status).toBe(422);
    expect((await presign(alice, { via: 'proxy' })).status).toBe(200);
  });
});

describe('a URL through Domicile', () => {
  it('is signed over method, path and expiry, by the key that proxies have', async () => {
    const alice = await requester();
    const { body } = await presign(alice, { via: 'proxy', operation: 'put', expires_in: 60 });
    expect(body).toMatchObject({ method: 'PUT', headers: {}, region: 'eu-west', via: 'proxy' });
    const match =
      /^http:\/\/127\.0\.0\.1:9100(\/t\/acme\/identity\/invoices\/a%20b\/%C3%B6%281%29%2B2\.pdf)\?X-Domicile-Expires=(\d+)&X-Domicile-Signature=([0-9a-f]{64})$/.exec(
        body.url,
      );
    expect(match).not.toBeNull();
    const [, path, expires, signature] = match as unknown as [string, string, string, string];
    expect(Number(expires) * 1000).toBe(Date.parse(body.expires_at));
    const { presignKey } = await people.rig.context.registry.worldDocument();
    const key = Buffer.from(presignKey, 'base64');
    expect(signature).toBe(createHmac('sha256', key).update(`PUT\n${path}\n${expires}`).digest('hex'));
  });

  it('leads where the policy pins the data, and nowhere else', async () => {
    const alice = await requester();
    expect((await presign(alice, { via: 'proxy', requested_region: 'eu-west' })).status).toBe(200);
    expect((await presign(alice, { via: 'proxy', requested_region: 'eu-central' })).status).toBe(422);
    expect((await presign(alice, { via: 'proxy', requested_region: 'us-west' })).status).toBe(403);
  });

  it('is not given for a person whose own policy it could not say', async () => {
    const own = { ...ACME, id: 'own', subject_id: 's1', primary_region: 'eu-central', allowed_regions: ['eu-west'] };
    const alice = await requester({ policies: [ACME, own] });
    expect((await presign(alice, { subject_id: 's1' })).body).toMatchObject({ region: 'eu-central' });
    const through = await presign(alice, { subject_id: 's1', via: 'proxy' });
    expect(through, 'used, it would lead to eu-west').toMatchObject({ status: 422 });
    expect(through.body.detail).toContain('names no person');
    expect((await presign(alice, { subject_id: 's2', via: 'proxy' })).body).toMatchObject({ region: 'eu-west' });
  });

  it('is not given where nobody would serve it', async () => {
    const alice = await requester({ settings: { pathIdentity: false } });
    expect((await presign(alice, { via: 'proxy' })).body.detail).toContain('identity.sources');
    await people.close();
    const other = await requester({ settings: { proxyUrl: null } });
    expect((await presign(other, { via: 'proxy' })).body.detail).toContain('control.proxy_url');
  });
});

it('URLs are for requesters, operators and admins, of their own tenant', async () => {
  await requester();
  for (const role of ['viewer', 'approver', 'auditor', 'breakglass'] as const)
    expect((await presign(await people.someone(role, role))).status).toBe(403);
  for (const role of ['operator', 'admin'] as const)
    expect((await presign(await people.someone(role, role))).status).toBe(200);
  const other = await people.someone('requester', 'eve', 'globex');
  expect((await presign(other, { tenant_id: 'acme' })).status).toBe(404);
});
