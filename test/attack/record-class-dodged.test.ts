// An index is on record as identity. Its class may not be escaped by naming it otherwise than by its name: by a wildcard, by `_all`,
// by no name, by its bucket in another service's request, or by a name that only the body has.
import { expect, test } from 'vitest';
import type { Policy } from '../../src/policy/model.ts';
import { startFed } from './fed-world.ts';

const fed = await startFed({ identity: { trust_region_header: true } });
fed.control.documents = () => {
  const document = fed.document({} satisfies Partial<Policy>);
  const records = [
    ['students', 'identity'],
    ['papers', 'content'],
    ['vault/2026.jsonl', 'identity'],
  ] as const;
  return { ...document, policies: { ...document.policies!, records } };
};

/** Asked from Virginia as content, which may cross; identity may not. */
async function reasonOf(
  method: string,
  target: string,
  body: string | null = null,
  of = fed.search,
): Promise<string | null> {
  const response = await fetch(`${of}${target}`, {
    method,
    body,
    headers: {
      'x-tenant-id': 'acme',
      'x-data-classification': 'content',
      'x-region': 'us-east',
      ...(body === null
        ? {}
        : { 'content-type': target.includes('msearch') ? 'application/x-ndjson' : 'application/json' }),
    },
  });
  await response.arrayBuffer();
  return response.headers.get('x-residency-reason');
}

test.each([
  ['GET', '/students/_doc/1', null],
  ['GET', '/stud*/_search', null],
  ['GET', '/papers,s*/_search', null],
  ['GET', '/_all/_search', null],
  ['GET', '/*/_search', null],
  ['GET', '/_search', null],
  ['POST', '/_msearch', '{"index":"students"}\n{}\n'],
  ['POST', '/_msearch', '{"index":"stu*"}\n{}\n'],
  ['POST', '/_msearch', '{}\n{}\n'],
  ['POST', '/papers/_mget', '{"docs":[{"_index":"students","_id":"1"}]}'],
])('%s %s %s is decided as identity', async (method, target, body) => {
  expect(await reasonOf(method, target, body)).toBe('cross_border_restricted');
});

test.each([
  ['GET', '/papers/_search', null],
  ['GET', '/pap*/_search', null],
  ['POST', '/_msearch', '{"index":"papers"}\n{}\n'],
])('%s %s %s is not', async (method, target, body) => {
  expect(await reasonOf(method, target, body)).toBe('cross_border_class');
});

const converse = (bucket: string) =>
  JSON.stringify({
    messages: [
      {
        role: 'user',
        content: [
          { document: { format: 'txt', name: 'x', source: { s3Location: { uri: `s3://${bucket}/2026.jsonl` } } } },
        ],
      },
    ],
  });

test('a model that is given a bucket with such an object is', async () => {
  const ask = (bucket: string) =>
    reasonOf('POST', '/model/amazon.nova-lite-v1:0/converse', converse(bucket), fed.inference);
  expect([await ask('vault'), await ask('open')]).toEqual(['cross_border_restricted', 'cross_border_class']);
});
