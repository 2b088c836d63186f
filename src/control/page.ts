import { Type, type TProperties, type TSchema } from 'typebox';
import { closed, optional, Shape } from '../core/schema.ts';
import { badBody } from './call.ts';
import type { ApiError } from './problem.ts';

/** What a page is asked for by. */
export interface PageQuery {
  readonly limit: number;
  /** Empty: from the beginning. */
  readonly cursor: string;
}

/** Base64url of whole bytes, in the one way that there is to write them (RFC 4648, section 3.5). */
const CURSOR = /^(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?$/;

/** A query that pages, and what else it may say. */
export function pageQuery<P extends TProperties>(properties: P) {
  return new Shape(
    closed({
      ...properties,
      limit: optional(
        Type.Integer({ minimum: 1, maximum: 200, default: 50, description: 'Most items of a page, 1 to 200.' }),
      ),
      cursor: optional(
        Type.String({
          pattern: CURSOR.source,
          maxLength: 1024,
          default: '',
          'x-shape': 'next_cursor of the page before',
          description: '`next_cursor` of the page before.',
        }),
      ),
    }),
  );
}

/** Schema of a page. */
export function pageOf(item: TSchema) {
  return closed({
    items: Type.Array(item),
    next_cursor: Type.Union([Type.String(), Type.Null()], { description: 'Null: this is the last page.' }),
  });
}

/**
 * Key of the item after which the page begins, or null.
 * @throws ApiError 400 for a cursor that no page can have given
 */
export function afterOf({ cursor }: { readonly cursor: string }): string | null {
  if (cursor === '') return null;
  const key = Buffer.from(cursor, 'base64url').toString('utf8');
  if (key.includes('\0')) throw badCursor();
  return key;
}

/** As `afterOf`, where keys are revisions. */
export function afterRevisionOf(query: { readonly cursor: string }): number | null {
  const key = afterOf(query);
  if (key === null) return null;
  if (!/^\d{1,15}$/.test(key)) throw badCursor();
  return Number(key);
}

/** The refusal of a cursor that no page can have given. */
export function badCursor(): ApiError {
  return badBody([{ path: '/cursor', message: 'is none that a page gave: leave it out to begin anew' }]);
}

/**
 * One page. @param found in order of their keys, from after the cursor on, one more than the limit where there are more
 */
export function pageFrom<T>(found: readonly T[], limit: number, keyOf: (item: T) => string) {
  const items = found.slice(0, limit);
  const last = items.at(-1);
  const more = found.length > limit && last !== undefined;
  return { items, next_cursor: more ? Buffer.from(keyOf(last), 'utf8').toString('base64url') : null };
}
