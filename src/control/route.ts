import type { Static, TSchema } from 'typebox';
import type { Filled, Shape } from '../core/schema.ts';
import type { Action } from './auth/authorize.ts';
import type { Aliases } from './body.ts';
import type { Call } from './call.ts';

/** What a route answers. */
export interface Answer {
  /** Default 200. */
  readonly status?: number;
  /** Plain JSON; undefined: no body. */
  readonly body?: unknown;
  /** Of the object in the body: its ETag. */
  readonly revision?: number;
  /** Path of what was made. */
  readonly location?: string;
}

type Content<S extends TSchema> = Filled<Static<S>>;

/** One method on one path. */
export interface Route<B extends TSchema = TSchema, Q extends TSchema = TSchema> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** As OpenAPI writes it: `/api/v1/policies/{policy_id}`. */
  readonly path: string;
  /** Null: for everybody, without a token. */
  readonly action: Action | null;
  /** Heading in the documentation. */
  readonly tag: string;
  /** One line. */
  readonly summary: string;
  readonly description?: string;
  /** Absent: there is no body, and one that is sent is refused. Names are those of our own; aliases are accepted. */
  readonly body?: Shape<B>;
  /** Other names that are accepted here beside the ones accepted everywhere (body.ts): our own by the other. */
  readonly aliases?: Aliases;
  /** Absent: there is no query. */
  readonly query?: Shape<Q>;
  /** Bodies that a client may send as they stand. */
  readonly examples?: readonly unknown[];
  /** By status: schema of the body, null where there is none. Problems are added by the frame. */
  readonly answers: Readonly<Record<number, TSchema | null>>;
  /** A POST that changes nothing: no answer is kept for it, and an Idempotency-Key says nothing to it. */
  readonly asks?: true;
  /** The request needs If-Match, else it is refused with 428. The handler calls `call.matches`. */
  readonly ifMatch?: true;
  /** @throws ApiError for every refusal */
  handle(call: Call<Content<B>, Content<Q>>): Promise<Answer>;
}

/** A route in a list of them, its types checked where it was declared. */
export type AnyRoute = Route;

/** Declares a route: the handler's body and query get the types of their schemas. */
export function route<B extends TSchema, Q extends TSchema>(declared: Route<B, Q>): AnyRoute {
  return declared as unknown as AnyRoute;
}
