// PROTOCOLS, leak table "S3", row "301/307/400 redirects": S3 answers a request for a bucket of another region with where it
// is, and every SDK then goes there by itself. Such an answer is never followed and never relayed, in no part.
import { expect, test } from 'vitest';
import { startStandIn } from '../../src/standin/standin.ts';
import { fieldOf } from './answers.ts';
import { startWorld } from './world.ts';

const elsewhere = await startStandIn((_, response) => response.end('the data of another region'));

interface Said {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}
let said: Said = { status: 200, headers: {}, body: '' };
const storage = await startStandIn((request, response) => {
  request.resume();
  response.writeHead(said.status, said.headers).end(request.method === 'HEAD' ? undefined : said.body);
});
const world = await startWorld({ replace: { 'eu-west': { storage }, 'us-east': { storage: elsewhere } } });

const REDIRECT = `<Error><Code>PermanentRedirect</Code><Endpoint>127.0.0.1:${elsewhere.port}</Endpoint><Bucket>reports</Bucket></Error>`;

async function refuses(method: string, answer: Said): Promise<void> {
  said = answer;
  const before = storage.requests;
  const refused = await world.send({
    method,
    target: '/reports/key',
    ...(method === 'PUT' ? { body: 'bytes' } : {}),
  });
  expect(refused.status).toBe(403);
  expect(fieldOf(refused, 'x-residency-reason')).toBe('upstream_region_mismatch');
  expect(fieldOf(refused, 'x-residency-decision')).toBe('deny');
  expect(fieldOf(refused, 'x-should-retry')).toBe('false');
  for (const name of ['location', 'x-amz-bucket-region', 'x-amz-request-charged'])
    expect(fieldOf(refused, name)).toBe(null);
  expect(JSON.stringify(refused)).not.toMatch(new RegExp(`us-east|PermanentRedirect|Endpoint|${elsewhere.port}`));
  if (method !== 'HEAD') expect(refused.body).toContain('<Reason>upstream_region_mismatch</Reason>');
  expect(storage.requests, 'tried once').toBe(before + 1);
  expect(elsewhere.bytes, 'bytes that followed the redirect').toBe(0);
}

test.each([301, 302, 303, 307, 308])('a %d is refused, whatever the method', async (status) => {
  const headers = {
    location: `${elsewhere.url}/reports/key`,
    'x-amz-bucket-region': 'us-east-1',
    'x-amz-request-charged': 'requester',
  };
  for (const method of ['GET', 'HEAD', 'PUT', 'DELETE']) await refuses(method, { status, headers, body: REDIRECT });
});

test('one without a Location is refused too', async () => {
  await refuses('GET', { status: 301, headers: {}, body: REDIRECT });
});

test('any answer that names another region for the bucket is refused', async () => {
  for (const status of [200, 400, 403, 404]) {
    await refuses('HEAD', { status, headers: { 'x-amz-bucket-region': 'us-east-1' }, body: '' });
    await refuses('GET', { status, headers: { 'X-Amz-Bucket-Region': 'us-east-1' }, body: 'x' });
  }
});

test('a 400 that tells the region in its body is refused', async () => {
  const wrong = (code: string, rest: string) => `<?xml version="1.0"?>\n<Error><Code>${code}</Code>${rest}</Error>`;
  for (const body of [
    wrong('AuthorizationHeaderMalformed', '<Region>us-east-1</Region>'),
    wrong('PermanentRedirect', `<Endpoint>127.0.0.1:${elsewhere.port}</Endpoint>`),
    wrong('IllegalLocationConstraintException', '<Message>us-east-1</Message>'),
  ]) {
    await refuses('GET', { status: 400, headers: {}, body });
  }
});

test('the log has where it pointed, for the alarm', async () => {
  await refuses('GET', { status: 307, headers: { location: `${elsewhere.url}/reports/key` }, body: '' });
  const line = world.rig.log.findLast((entry) => entry['reason'] === 'upstream_region_mismatch');
  expect(line?.['detail']).toBe(`307 ${elsewhere.url}`);
});

test('an answer that names the right region is passed on, and so is a 304', async () => {
  said = { status: 200, headers: { 'x-amz-bucket-region': 'eu-west-1' }, body: 'the data' };
  const { answer } = await world.forwards({ target: '/reports/key' }, { region: 'eu-west', reason: 'in_residency' });
  expect(answer.body).toBe('the data');
  said = { status: 304, headers: { etag: '"x"' }, body: '' };
  const unchanged = await world.forwards({ target: '/reports/key' }, { region: 'eu-west', reason: 'in_residency' });
  expect(unchanged.answer.status).toBe(304);
});
