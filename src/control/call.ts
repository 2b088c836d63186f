import type { IncomingMessage } from 'node:http';
import type { Change } from '../store/store.ts';
import { sees } from './auth/authorize.ts';
import type { ControlContext } from './context.ts';
import type { Idempotency } from './idempotency.ts';
import type { Principal } from './principal.ts';
import { ApiError, type FieldProblem } from './problem.ts';
import type { Answer } from './route.ts';

/** What the frame has made of a request. */
export interface CallParts {
  readonly context: ControlContext;
  /** Null on a route without a token. */
  readonly principal: Principal | null;
  readonly requestId: string;
  readonly message: IncomingMessage;
  readonly params: Readonly<Record<string, string>>;
  /** Fields of the body that were sent, by our own names. */
  readonly sent: ReadonlySet<string>;
  /** Names as they were sent, by our own names, where they differ. */
  readonly sentAs: ReadonlyMap<string, string>;
  readonly idempotency: Idempotency;
}

/** One request, as its handler sees it: proven, permitted, its body and query conforming and with defaults filled in. */
export class Call<B = unknown, Q = unknown> {
  readonly context: ControlContext;
  readonly requestId: string;
  readonly body: B;
  readonly query: Q;
  readonly #parts: CallParts;

  constructor(parts: CallParts, body: B, query: Q) {
    this.context = parts.context;
    this.requestId = parts.requestId;
    this.body = body;
    this.query = query;
    this.#parts = parts;
  }

  /** @throws TypeError on a route that takes no token */
  get principal(): Principal {
    if (this.#parts.principal === null) throw new TypeError('this route has no principal');
    return this.#parts.principal;
  }

  /** A parameter of the path, percent-decoded. */
  param(name: string): string {
    const value = this.#parts.params[name];
    if (value === undefined) throw new TypeError(`the path has no parameter ${name}`);
    return value;
  }

  /** Whether a field of the body was sent, and is no default. */
  sent(field: string): boolean {
    return this.#parts.sent.has(field);
  }

  /** A header, or null; an empty one is none. @param name in lower case @throws ApiError 400 when it was sent more than once */
  header(name: string): string | null {
    return oneHeader(this.#parts.message, name) || null;
  }

  /** JSON pointer to a field of the body, with the names as they were sent. */
  pointer(...path: readonly (string | number)[]): string {
    return pointer(path, this.#parts.sentAs);
  }

  /** A problem with a field of the body. */
  problem(path: readonly (string | number)[], message: string): FieldProblem {
    return { path: this.pointer(...path), message };
  }

  /** The refusal of a body that has problems. */
  bad(...problems: readonly FieldProblem[]): ApiError {
    return badBody(problems);
  }

  /**
   * Whose object this is about: `given`, or the principal's own tenant.
   * @throws ApiError 400 when neither says, 404 when it is another than the principal's
   */
  tenant(given: string | null | undefined, field = 'tenant_id'): string {
    const tenant = given ?? this.principal.tenant;
    if (tenant === null) {
      const detail = 'is missing: your token is for all tenants, so say which one this is about';
      throw this.bad(this.problem([field], detail));
    }
    if (!sees(this.principal, tenant)) throw notFound('tenant', tenant);
    return tenant;
  }

  /** @throws ApiError 412 unless If-Match names the revision, or is `*` */
  matches(revision: number): void {
    const tags = (this.#parts.message.headers['if-match'] ?? '').split(',').map((tag) => tag.trim());
    if (tags.includes('*') || tags.includes(etag(revision))) return;
    throw new ApiError(
      412,
      'Changed meanwhile',
      `this is at revision ${revision} now, which is not the one in If-Match: read it again, then decide`,
    );
  }

  /**
   * Does a change: all of it, with its answer kept under the request's Idempotency-Key if it has one, or nothing. Of two
   * requests with one key the second gets the answer of the first.
   */
  change(work: (change: Change) => Promise<Answer>): Promise<Answer> {
    const who = { actor: this.principal.subject, requestId: this.requestId };
    return this.context.store.change(who, (change) => this.#parts.idempotency.once(change, work));
  }
}

/** A header, or null. @throws ApiError 400 when it was sent more than once */
export function oneHeader({ headersDistinct }: IncomingMessage, name: string): string | null {
  const values = headersDistinct[name] ?? [];
  if (values.length > 1) throw new ApiError(400, 'Bad header', `${name} was sent more than once: send it once`);
  return values[0] ?? null;
}

/** `"REVISION"`. */
export function etag(revision: number): string {
  return `"${revision}"`;
}

/** Also for what is another tenant's: nobody learns that it is there. */
export function notFound(what: string, id: string): ApiError {
  return new ApiError(404, 'Not found', `there is no ${what} ${id}`);
}

/** It cannot be done as things stand. */
export function conflict(detail: string): ApiError {
  return new ApiError(409, 'Conflict', detail);
}

/** Well-formed, and never possible. */
export function unprocessable(detail: string, more: { readonly reason?: string } = {}): ApiError {
  return new ApiError(422, 'Not possible', detail, more);
}

/** Problems that a refusal tells of: a large body may have one for every byte or two. */
export const PROBLEMS_TOLD = 100;

/** The refusal of a body that has problems. */
export function badBody(problems: readonly FieldProblem[]): ApiError {
  const errors = problems.slice(0, PROBLEMS_TOLD);
  const more = problems.length > errors.length ? ['and more'] : [];
  const told = errors.map(({ path, message }) => (path === '' ? message : `${path} ${message}`));
  return new ApiError(400, 'Bad request', [...told, ...more].join('; '), { errors });
}

/** A JSON pointer (RFC 6901). The first name is put as it was sent. */
export function pointer(path: readonly (string | number)[], sentAs: ReadonlyMap<string, string>): string {
  return path
    .map((step, i) => (i === 0 ? (sentAs.get(String(step)) ?? step) : step))
    .map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('');
}
