import { Type, type Static, type TProperties, type TSchema, type TSchemaOptions } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';
import type { SchemaNode } from './conform.ts';
import { filler } from './fill.ts';

/**
 * Building blocks of the schemas of our files. One schema gives the validation, the static type, the JSON Schema for
 * editors and the reference in docs/. Conventions: objects are closed; every optional key has a `default`, so that a
 * filled-in value has every key; `description` says what a key is for, with its unit; `x-shape` says in words what a
 * `pattern` wants; `x-secret` marks what no message may repeat.
 */
export interface Notes extends TSchemaOptions {
  readonly description?: string;
  readonly default?: unknown;
  readonly 'x-shape'?: string;
  readonly 'x-secret'?: boolean;
}

/** An object without other keys than these. */
export function closed<P extends TProperties>(properties: P, notes: Notes = {}) {
  return Type.Object(properties, { ...notes, additionalProperties: false });
}

/** An object whose keys are names of the writer's choosing. */
export function named<V extends TSchema>(key: RegExp, value: V, notes: Notes = {}) {
  return Type.Record(Type.String({ pattern: key.source }), value, { ...notes, additionalProperties: false });
}

/** The schema, or null. The notes belong to the pair. */
export function nullable<S extends TSchema>(schema: S, notes: Notes = {}) {
  return Type.Union([schema, Type.Null()], { ...notes });
}

/** A key that may be left out. `schema` must have a `default`. */
export function optional<S extends TSchema>(schema: S) {
  return Type.Optional(schema);
}

/** A string of a shape that is said in words. */
export function shaped(pattern: RegExp, words: string, notes: Notes = {}) {
  return Type.String({ ...notes, pattern: pattern.source, 'x-shape': words });
}

/** The type of a value whose defaults have been filled in: nothing is missing. */
export type Filled<T> = T extends readonly (infer Item)[]
  ? readonly Filled<Item>[]
  : T extends object
    ? { readonly [K in keyof T]-?: Filled<Exclude<T[K], undefined>> }
    : T;

/** A schema made ready for use. */
export class Shape<S extends TSchema> {
  readonly schema: S;
  readonly #validator: Validator<{}, S>;
  readonly #fill: (value: unknown) => unknown;

  constructor(schema: S) {
    this.schema = schema;
    this.#validator = Compile(schema);
    this.#fill = filler(schema as SchemaNode);
  }

  /** Whether a value conforms. `explain` of conform.ts says why not. */
  conforms(value: unknown): value is Static<S> {
    return this.#validator.Check(value);
  }

  /** A copy of a conforming value with every default filled in. */
  withDefaults(value: Static<S>): Filled<Static<S>> {
    return this.#fill(value) as Filled<Static<S>>;
  }
}

const VISIBLE_NAME = '1 to 128 letters, digits, dots, underscores or hyphens, beginning with a letter or digit';

/** DESIGN 1.5, step 1. */
const TENANT_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

export const tenantId = (notes: Notes) => shaped(TENANT_ID, VISIBLE_NAME, notes);

/** Ids of policies, grants, overrides and regimes: they stand in headers and logs. */
export const recordId = (notes: Notes) =>
  shaped(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/, `${VISIBLE_NAME} (colons too)`, notes);

/** A subject or user id: DESIGN 1.5, step 1. */
export const personId = (notes: Notes) =>
  shaped(/^[\x21-\x7e]{1,256}$/, '1 to 256 visible ASCII characters without spaces', notes);

/** A region by its id or its cloud region name. */
export const regionName = (notes: Notes) =>
  shaped(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'the id or cloud region name of a region, such as eu-west', notes);

export const countryCode = (notes: Notes) =>
  shaped(/^[A-Z]{2}$/, 'a country as ISO 3166-1 alpha-2, two capitals such as IE', notes);

const INSTANT =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?:T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d))?$/;

/** A moment of RFC 3339 with its offset, or a date, which is its first moment in UTC. */
export const instant = (notes: Notes) =>
  shaped(INSTANT, 'a moment such as 2026-11-01T00:00:00Z, or a date such as 2026-11-01 (midnight UTC)', notes);

/** Milliseconds since the epoch of an `instant`; null for a day that the calendar does not have, and for no time at all. */
export function momentOf(text: string): number | null {
  const [year, month, day] = text.slice(0, 10).split('-').map(Number) as [number, number, number];
  if (day > new Date(Date.UTC(year, month, 0)).getUTCDate()) return null;
  const moment = Date.parse(text);
  return Number.isNaN(moment) ? null : moment;
}
