import * as fc from 'fast-check';
import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { conform } from '../../src/core/conform.ts';
import { closest } from '../../src/core/closest.ts';
import { salvage } from '../../src/core/salvage.ts';
import { closed, momentOf, Shape } from '../../src/core/schema.ts';
import { CONFIGURATION_FILE } from '../../src/app/config/schema.ts';
import { POLICY_FILE, REGIME_FILE } from '../../src/policy/schema.ts';
import { REGIONS_FILE } from '../../src/region/schema.ts';

const REGION = { id: 'eu-west', cloud_region: 'eu-west-1', country: 'IE', geography: 'EU' };
/** A good file of each kind, and the maps in it that take keys. */
const FILES = [
  {
    shape: CONFIGURATION_FILE as Shape<never>,
    value: { self: { region: 'eu-west' }, limits: {}, listeners: { storage: { tls: null } }, log: {} },
    maps: [[], ['self'], ['limits'], ['listeners'], ['listeners', 'storage'], ['log']],
  },
  {
    shape: REGIONS_FILE as Shape<never>,
    value: { regions: [{ ...REGION, endpoints: { storage: { url: 'https://s3.example' } } }] },
    maps: [[], ['regions', 0], ['regions', 0, 'endpoints'], ['regions', 0, 'endpoints', 'storage']],
  },
  {
    shape: POLICY_FILE as Shape<never>,
    value: { policies: [{ id: 'a', primary_region: 'eu-west', resources: {}, cross_border: {} }] },
    maps: [[], ['policies', 0], ['policies', 0, 'resources'], ['policies', 0, 'cross_border']],
  },
  {
    shape: REGIME_FILE as Shape<never>,
    value: { id: 'x', type: 'N', valid_from: '2020-01-01', review_by: '2030-01-01', source_url: 'https://example.org' },
    maps: [[]],
  },
];

function at(root: unknown, path: readonly (string | number)[]): Record<string, unknown> {
  return path.reduce<unknown>((here, step) => (here as Record<string | number, unknown>)[step], root) as never;
}

describe('whatever is written', () => {
  it('an unknown key is named with its place, wherever it stands', () => {
    const place = fc.constantFrom(...FILES.flatMap((file) => file.maps.map((map) => ({ ...file, map }))));
    const key = fc.oneof(
      fc.string({ minLength: 1, maxLength: 12 }),
      fc.constantFrom('__proto__', 'constructor', 'toString'),
    );
    fc.assert(
      fc.property(place, key, fc.jsonValue(), ({ shape, value, map }, name, content) => {
        const file = structuredClone(value);
        const target = at(file, map);
        const known = at((shape.schema as { properties: object }).properties, []);
        fc.pre(!(map.length === 0 ? Object.hasOwn(known, name) : /^[a-z_]+$/.test(name) && name !== '__proto__'));
        Object.defineProperty(target, name, { value: content, enumerable: true, configurable: true });
        const problems = conform(shape, file);
        expect(problems.map(({ code }) => code)).toContain('unknown_key');
        expect(problems.find(({ code }) => code === 'unknown_key')?.path).toEqual([...map, name]);
      }),
      { numRuns: 2000 },
    );
  });

  it('typebox and the explanation agree on what conforms, and the explanation has the reason', () => {
    const file = fc.constantFrom(...FILES);
    fc.assert(
      fc.property(file, fc.nat(), fc.jsonValue(), ({ shape, value, maps }, pick, content) => {
        const changed = structuredClone(value);
        const target = at(changed, maps[pick % maps.length] ?? []);
        const keys = Object.keys(target);
        const key = keys[pick % Math.max(keys.length, 1)];
        fc.pre(key !== undefined);
        target[key as string] = content;
        const problems = conform(shape, changed);
        expect(problems.length === 0).toBe(shape.conforms(changed));
        expect(problems.map(({ code }) => code)).not.toContain('wrong_shape');
        for (const { message, fix } of problems) expect(message !== '' && fix !== '').toBe(true);
      }),
      { numRuns: 5000 },
    );
  });

  it('what is salvaged of it conforms', () => {
    fc.assert(
      fc.property(fc.constantFrom(...FILES), fc.jsonValue(), fc.jsonValue(), ({ shape, value }, a, b) => {
        const broken = { ...(structuredClone(value) as object), extra: a, listeners: b, policies: a, regions: b };
        const rest = salvage(shape, broken);
        expect(rest === null || shape.conforms(rest)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('what typebox refuses is explained where it stands', () => {
  const shape = new Shape(
    closed({
      few: Type.Array(Type.Number(), { maxItems: 2 }),
      whole: Type.Integer({ minimum: 0 }),
    }),
  );

  it('a list that is too long', () => {
    expect(conform(shape, { few: [1, 2, 3], whole: 1 })).toEqual([
      { code: 'too_many', path: ['few'], message: 'has too many entries', fix: 'give at most 2 entries' },
    ]);
  });

  it('a number without end, which JSON and YAML can both write', () => {
    const { few, whole } = JSON.parse('{"few":[1e999],"whole":1e999}') as { few: number[]; whole: number };
    expect(conform(shape, { few, whole }).map(({ path, message }) => [path.join('/'), message])).toEqual([
      ['few/0', 'Infinity is out of range'],
      ['whole', 'Infinity is out of range'],
    ]);
  });
});

describe('a filled-in value', () => {
  it('has every key, and leaves what was written', () => {
    const filled = CONFIGURATION_FILE.withDefaults({
      self: { region: 'eu-west' },
      credentials: { k: { header: 'x-api-key', value: 'v' }, a: { access_key_id: 'a', secret_access_key: 'b' } },
    });
    expect(filled.credentials).toEqual({
      k: { header: 'x-api-key', value: 'v' },
      a: { access_key_id: 'a', secret_access_key: 'b', session_token: null },
    });
    expect(CONFIGURATION_FILE.conforms(structuredClone(filled))).toBe(true);
    expect(CONFIGURATION_FILE.withDefaults(structuredClone(filled) as never)).toEqual(filled);
  });
});

describe('did you mean', () => {
  it('finds slips, whatever the case and the hyphens, and nothing far off', () => {
    expect(closest('primaryRegion', ['primary_region', 'name'])).toBe('primary_region');
    expect(closest('nmae', ['name', 'mode'])).toBe('name');
    expect(closest('allowed_region', ['allowed_regions', 'prohibited_regions'])).toBe('allowed_regions');
    expect(closest('zzz', ['name', 'mode'])).toBeNull();
  });
});

describe('a moment', () => {
  it('is of the calendar', () => {
    expect(momentOf('2024-02-29')).toBe(Date.parse('2024-02-29T00:00:00Z'));
    expect(momentOf('2026-02-29')).toBeNull();
    expect(momentOf('2026-04-31T10:00:00Z')).toBeNull();
    expect(momentOf('2026-11-01T00:00:00+02:00')).toBe(Date.parse('2026-10-31T22:00:00Z'));
  });
});
