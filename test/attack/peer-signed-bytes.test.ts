// PEERS, "Sign and send the same bytes; S3 paths are not normalised and not double-escaped (`%2F`, `///`); never sign
// `x-forwarded-*`, `x-amzn-trace-id`": whoever signs one path and sends another stores under a name that nobody decided on. The
// stand-in verifies with @smithy/signature-v4, which is not ours.
import { expect, test } from 'vitest';
import { startWorld } from './world.ts';

const world = await startWorld();
const home = { region: 'eu-west', reason: 'in_residency' } as const;

test.each([
  ['plain', 'a/b/c', 'a/b/c'],
  ['slashes that are encoded', 'a%2Fb', 'a/b'],
  ['slashes in a row', 'a///b', 'a///b'],
  ['slashes in front', '//a', '//a'],
  ['a slash at the end', 'a/', 'a/'],
  ['a percent sign', 'a%25b', 'a%b'],
  ['what looks encoded', 'a%252Fb', 'a%2Fb'],
  ['a space', 'a%20b', 'a b'],
  ['a plus', 'a+b', 'a+b'],
  ['a plus that is encoded', 'a%2Bb', 'a+b'],
  ['letters beyond ASCII', '%C3%A9%E2%82%AC%F0%9F%94%92', '\u00e9\u20ac\u{1f512}'],
  ['lower-case digits', '%c3%a9', '\u00e9'],
  ['letters that need no encoding', '%61%62', 'ab'],
  ['reserved characters', "!$&'()*,;=:@~-._", "!$&'()*,;=:@~-._"],
  ['reserved characters, encoded', '%21%24%26%27%28%29%2A%2C%3B%3D%3A%40%7E', "!$&'()*,;=:@~"],
  ['a question mark and a hash', 'a%3Fb%23c', 'a?b#c'],
])('a key of %s is signed as it is sent, and stored as it was meant', async (_, sent, key) => {
  const { answer } = await world.forwards({ method: 'PUT', target: `/reports/${sent}`, body: key }, home);
  expect(answer.status).toBe(200);
  expect(world.storage('eu-west').object('reports-eu-west-1', key)?.body.toString()).toBe(key);
  const read = await world.forwards({ target: `/reports/${sent}` }, home);
  expect(read.answer).toMatchObject({ status: 200, body: Buffer.from(key).toString('latin1') });
});

test.each([
  '?list-type=2&prefix=a%2F%20b&delimiter=%2F',
  '?list-type=2&prefix=%C3%A9&max-keys=1',
  '?prefix=&marker=a%26b%3D',
  '?delimiter=/&prefix=a~b*',
  '?versions=&prefix=b&key-marker=a',
])('a query of %s is signed as it is sent', async (query) => {
  const { answer, received } = await world.forwards({ target: `/reports${query}` }, home);
  expect([200, 501]).toContain(answer.status);
  expect(received.target).toMatch(/^\/reports-eu-west-1\?/);
});

test('what a proxy behind may change is sent on unsigned, or not at all', async () => {
  const { received, answer } = await world.forwards(
    {
      method: 'PUT',
      target: '/reports/key',
      headers: {
        'X-Forwarded-For': '10.0.0.1',
        'X-Forwarded-Proto': 'https',
        'X-Amzn-Trace-Id': 'Root=1-2-3',
        Via: '1.1 x',
        'User-Agent': 'x',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        'X-Request-ID': 'abc',
        Expect: '100-continue',
        'Accept-Encoding': 'gzip',
        'Cache-Control': 'no-cache',
      },
      body: 'bytes',
    },
    home,
  );
  expect(answer.status).toBe(200);
  const signed = /SignedHeaders=([^,]+)/.exec(received.headers.authorization ?? '')?.[1]?.split(';') ?? [];
  expect(signed).toContain('host');
  for (const name of [
    'x-forwarded-for',
    'x-forwarded-proto',
    'x-amzn-trace-id',
    'via',
    'traceparent',
    'x-request-id',
    'expect',
    'connection',
  ]) {
    expect(signed).not.toContain(name);
  }
  expect(received.headers['x-request-id']).toBe('abc');
});

test('every request is signed anew, though it be the same', async () => {
  const headers = {
    Authorization:
      'AWS4-HMAC-SHA256 Credential=AKID/20200101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0',
    'X-Amz-Date': '20200101T000000Z',
    'X-Amz-Security-Token': 'client',
  };
  const { received, answer } = await world.forwards(
    { method: 'PUT', target: '/reports/key', headers, body: 'x' },
    home,
  );
  expect(answer.status).toBe(200);
  expect(received.headers['x-amz-date']).not.toBe('20200101T000000Z');
  expect(received.headers['x-amz-security-token']).toBeUndefined();
});
