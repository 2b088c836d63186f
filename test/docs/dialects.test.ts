import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Head } from '../../src/core/http.ts';
import { Refusal } from '../../src/core/refusal.ts';
import { DIALECTS, type DialectId } from '../../src/core/vocabulary.ts';
import { anthropic } from '../../src/dialect/anthropic/anthropic.ts';
import { bedrock } from '../../src/dialect/bedrock/bedrock.ts';
import type { Dialect } from '../../src/dialect/dialect.ts';
import { openai } from '../../src/dialect/openai/openai.ts';
import { opensearch } from '../../src/dialect/opensearch/opensearch.ts';
import { OPERATION_ROWS } from '../../src/dialect/opensearch/operations.ts';
import { OPERATION_NAMES } from '../../src/dialect/s3/operations.ts';
import { s3 } from '../../src/dialect/s3/s3.ts';
import { quoted, read, ROOT, table } from './markdown.ts';

const DOC = read('docs/dialects.md');
const SPOKEN: Readonly<Record<DialectId, Dialect>> = {
  s3: s3({ virtualHostSuffix: null }),
  opensearch: opensearch(),
  bedrock: bedrock(),
  openai: openai(),
  anthropic: anthropic(),
};

/** What stands for the braces of the document. A scroll id says of itself which cluster it is of. */
const VALUES: Readonly<Record<string, string>> = {
  bucket: 'invoices',
  key: '2026/1.txt',
  source: 'archive/1.txt',
  index: 'orders',
  indices: 'orders',
  scroll: Buffer.from('\x0equeryThenFetch\x00').toString('base64url'),
  model: 'amazon.titan-text-express-v1',
  version: '1',
};
const filled = (text: string) => text.replaceAll(/\{(\w+)\}/g, (_, name: string) => VALUES[name] ?? '1');

interface Row {
  readonly operation: string;
  readonly requests: readonly { readonly text: string; readonly head: Head }[];
  readonly verbs: readonly string[];
  /** Templates of what it names, and what it is where a request has none of their braces. */
  readonly names: readonly string[];
  readonly otherwise: string;
  readonly body: string;
}

function rows(dialect: DialectId): Row[] {
  return table(DOC, 'operation', `## ${dialect}`).map(([operation, requests, verbs, names, body]) => ({
    operation: operation!,
    requests: requestsOf(requests!, dialect),
    verbs: verbs!.split(', '),
    names: quoted(names!),
    otherwise: /(?:else )?(\w+)$/.exec(names!.replaceAll(/`[^`]*`/g, ''))?.[1] ?? '',
    body: body!,
  }));
}

function requestsOf(cell: string, dialect: DialectId): Row['requests'] {
  const isCopy = cell.includes('from `{source}`');
  return quoted(cell.replace(' from `{source}`', '')).flatMap((text) => {
    const [methods, path] = text.split(' ') as [string, string];
    return methods.split('/').map((method) => {
      const headers = ['host', 'localhost'];
      if (isCopy) headers.push('x-amz-copy-source', VALUES['source']!);
      if (dialect === 'openai' && method === 'POST') headers.push('content-type', 'multipart/form-data; boundary=b');
      return { text: `${method} ${path}`, head: { method, target: filled(path), headers } };
    });
  });
}

describe.each(DIALECTS)('the table of %s', (id) => {
  const told = rows(id);

  it('has every operation of the dialect, each once', () => {
    expect(told.map(({ operation }) => operation)).toEqual([...new Set(operationsOf(id))]);
  });

  it.each(told.map((row) => [row.operation, row] as const))('tells %s as the dialect reads it', (_, row) => {
    expect(row.requests.length).toBeGreaterThan(0);
    for (const { text, head } of row.requests) {
      const call = SPOKEN[id].read(head);
      if (call instanceof Refusal) throw new Error(`${text}: ${call.reason} ${call.message}`);
      const isNamed = row.names.length > 0 && (row.otherwise === '' || text.includes('{ind'));
      expect([text, call.operation]).toEqual([text, row.operation]);
      expect([text, call.alsoVerb === null ? [call.verb] : [call.verb, call.alsoVerb]]).toEqual([text, row.verbs]);
      expect([text, call.naming]).toEqual([text, isNamed ? 'named' : row.otherwise]);
      if (isNamed) expect(call.resources).toEqual(row.names.map(filled));
      expect([text, call.body]).toEqual([text, row.body === 'read' ? 'inspect' : 'stream']);
      if (row.body === 'none') expect(withBody(id, head)).toBe('request_malformed');
    }
  });
});

/** The reason with which a request is refused once it has a body. */
function withBody(id: DialectId, head: Head): string {
  const call = SPOKEN[id].read({
    ...head,
    headers: [...head.headers, 'content-type', 'application/json', 'content-length', '2'],
  });
  return call instanceof Refusal ? call.reason : 'read';
}

/** Names in the code's own tables; of the inference dialects, in the union that their tables are typed by. */
function operationsOf(id: DialectId): readonly string[] {
  if (id === 's3') return OPERATION_NAMES;
  if (id === 'opensearch') return OPERATION_ROWS.map(([, , name]) => name);
  const source = read(`src/dialect/${id}/operations.ts`);
  const union = /export type \w+Operation =(.*?);/s.exec(source)![1]!;
  return [...union.matchAll(/'(\w+)'/g)].map(([, name]) => name!);
}

it('every request that OpenSearch is sent is in its table', () => {
  const told = rows('opensearch').flatMap(({ requests }) => requests.map(({ text }) => text));
  expect(new Set(told)).toEqual(new Set(OPERATION_ROWS.map(([method, path]) => `${method} ${path}`)));
});

/** Files of `src/dialect/` that keep the words of their leaks in tables and switches, not at each call. */
const TABLES_OF_LEAKS = ['s3/address.ts', 's3/headers.ts', 'bedrock/walk.ts', 'openai/guarded.ts'];

describe.each(DIALECTS)('the leaks of %s', (id) => {
  const section = DOC.slice(DOC.indexOf(`\n## ${id}\n`)).split('\n## ')[1]!;
  const paragraph = section.split('\n\n').find((text) => text.startsWith('**Refused as a leak.**'))!;

  it('are all told', () => {
    const folder = join(ROOT, 'src/dialect', id);
    const code = readdirSync(folder)
      .map((file) => read(join('src/dialect', id, file)))
      .join('\n');
    const tables = TABLES_OF_LEAKS.filter((file) => file.startsWith(`${id}/`)).map((file) =>
      read(`src/dialect/${file}`),
    );
    const counted = [
      ...code.matchAll(/leakBlocked\(\s*'(\w+)'/g),
      ...tables.join('\n').matchAll(/(?:return|'x-amz-[\w-]+':|\['[\w.-]+',) '([a-z]\w*)'/g),
    ].map(([, leak]) => leak!);
    expect(counted.length).toBeGreaterThan(2);
    for (const leak of counted) expect(quoted(paragraph)).toContain(leak);
  });
});

it('tells a refusal of every dialect', () => {
  expect(table(DOC, 'dialect').map(([dialect]) => quoted(dialect!)[0])).toEqual([...DIALECTS]);
});

describe('the shape of a refusal', () => {
  it.each(table(DOC, 'dialect').map(([dialect, shape]) => [quoted(dialect!)[0] as DialectId, shape!] as const))(
    'of %s is as told',
    (dialect, shape) => {
      const head: Head = { method: 'GET', target: '/', headers: [] };
      const { headers, body } = SPOKEN[dialect].refuse(head, 'leak_blocked', 403, 'No.', 'r-1');
      const whole = `${headers.join(' ')} ${body}`;
      const words = quoted(shape).flatMap((text) => text.match(/[A-Za-z][\w-]+/g) ?? []);
      expect(words.length).toBeGreaterThan(0);
      for (const word of words) expect(whole).toContain(word);
    },
  );
});
