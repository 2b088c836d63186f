import { Compile } from 'typebox/schema';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROUTES } from '../../src/control/routes/all.ts';
import { ControlRig } from './rig.ts';

interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description: string;
  readonly security: readonly object[];
  readonly parameters?: readonly {
    readonly in: string;
    readonly name: string;
    readonly required?: boolean;
    readonly schema: object;
  }[];
  readonly requestBody?: {
    readonly content: Record<
      string,
      { readonly schema: object; readonly example?: unknown; readonly examples?: Record<string, { value: unknown }> }
    >;
  };
  readonly responses: Record<
    string,
    { readonly description: string; readonly content?: Record<string, { readonly schema: object }> }
  >;
}

let rig: ControlRig;
let document: {
  readonly openapi: string;
  readonly info: object;
  readonly components: { readonly securitySchemes: object };
  readonly paths: Record<string, Record<string, Operation>>;
};

beforeAll(async () => {
  rig = await ControlRig.start();
  document = (await rig.send('GET', '/docs/json')).body;
});
afterAll(() => rig.stop());

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      path,
      operation,
    })),
  );

describe('the OpenAPI document', () => {
  it('has every path and nothing else', () => {
    expect(document.openapi).toBe('3.1.0');
    expect(
      operations()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(ROUTES.map(({ method, path }) => `${method} ${path}`).sort());
  });

  it('tells every operation apart, and what it is for', () => {
    const ids = operations().map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { name, operation } of operations()) {
      expect(operation.summary, name).not.toBe('');
      expect(operation.tags, name).toHaveLength(1);
      expect(operation.description, name).toMatch(/Roles: |Open to everybody/);
    }
  });

  it('says where a token is needed', () => {
    expect(document.components.securitySchemes).toEqual({
      bearer: { type: 'http', scheme: 'bearer', description: expect.any(String) },
    });
    for (const { name, path, operation } of operations())
      expect(operation.security, name).toEqual(path.startsWith('/health') ? [] : [{ bearer: [] }]);
  });

  it('has every parameter of a path, and If-Match where it is needed', () => {
    for (const { name, path, operation } of operations()) {
      const inPath = (operation.parameters ?? []).filter((each) => each.in === 'path');
      expect(inPath.map((each) => each.name).sort(), name).toEqual(
        [...path.matchAll(/\{(\w+)\}/g)].map(([, each]) => each).sort(),
      );
      expect(
        inPath.every(({ required }) => required),
        name,
      ).toBe(true);
      const ifMatch = (operation.parameters ?? []).find((each) => each.name === 'if-match');
      expect(ifMatch?.required ?? false, name).toBe(/^(PUT|DELETE)/.test(name));
    }
  });

  it('offers an Idempotency-Key where an answer is kept under it, and nowhere else', () => {
    for (const { name, operation } of operations()) {
      const offered = (operation.parameters ?? []).some((each) => each.name === 'idempotency-key');
      const asks = ['POST /api/v1/access/resolve', 'POST /api/v1/storage/presign'].includes(name);
      expect(offered, name).toBe(name.startsWith('POST') && !asks);
    }
  });

  it('holds nothing but schemas that can be compiled', () => {
    let count = 0;
    for (const { name, operation } of operations()) {
      const contents = [
        operation.requestBody?.content,
        ...Object.values(operation.responses).map(({ content }) => content),
      ];
      const schemas = [
        ...contents.flatMap((content) => Object.values(content ?? {}).map(({ schema }) => schema)),
        ...(operation.parameters ?? []).map(({ schema }) => schema),
      ];
      for (const schema of schemas) {
        expect(() => Compile(schema), name).not.toThrow();
        count++;
      }
    }
    expect(count).toBeGreaterThan(100);
  });

  it('answers everything that is refused with a problem', () => {
    for (const { name, operation } of operations())
      expect(Object.keys(operation.responses['default']?.content ?? {}), name).toEqual(['application/problem+json']);
  });

  it('shows bodies that it takes itself, under either name', () => {
    let count = 0;
    for (const { name, operation } of operations()) {
      const { schema, example, examples = {} } = operation.requestBody?.content['application/json'] ?? { schema: {} };
      const shown = [...(example === undefined ? [] : [example]), ...Object.values(examples).map(({ value }) => value)];
      for (const value of shown) {
        expect(Compile(schema).Check(value), `${name}: ${JSON.stringify(value)}`).toBe(true);
        count++;
      }
    }
    expect(count).toBeGreaterThanOrEqual(6);
  });

  it('says that two names of one field exclude each other', () => {
    const { schema } = document.paths['/api/v1/regions']!['post']!.requestBody!.content['application/json']!;
    const region = Compile(schema);
    expect(region.Check({ cloud_region: 'a-1', country: 'IE' })).toBe(true);
    expect(region.Check({ aws_region: 'a-1', country_code: 'IE' })).toBe(true);
    expect(region.Check({ aws_region: 'a-1', cloud_region: 'a-1', country: 'IE' })).toBe(false);
    expect(region.Check({ country: 'IE' })).toBe(false);
  });
});

describe('the documentation', () => {
  it('is a page whose scripts are all our own', async () => {
    const { status, text, headers } = await rig.send('GET', '/docs');
    expect(status).toBe(200);
    expect(headers['content-security-policy']).toContain("script-src 'self'");
    const sources = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, source]) => source as string);
    expect(sources.length).toBeGreaterThan(3);
    for (const source of sources) expect((await rig.send('GET', source)).status, source).toBe(200);
    expect(text).not.toMatch(/<script>/);
  });
});
