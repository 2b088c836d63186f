import { join } from 'node:path';
import { createToken } from '../../src/control/auth/tokens.ts';
import type { Role } from '../../src/control/principal.ts';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';
import { ask, type Answer, type Cluster } from './cluster-rig.ts';

export interface Got {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any;
  /** Value of ETag, for If-Match. */
  readonly etag: string;
}

type Headers = Readonly<Record<string, string>>;

/** Sends to the control API as someone. A body that is text goes out as it is. */
export type Send = (method: string, path: string, body?: unknown, headers?: Headers) => Promise<Got>;

/** @param token null: as nobody */
export function sender(url: string, token: string | null): Send {
  return async (method, path, body, headers = {}) => {
    const response = await fetch(url + path, {
      method,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      signal: AbortSignal.timeout(20_000),
    });
    const text = await response.text();
    return {
      status: response.status,
      body: text === '' ? null : JSON.parse(text),
      etag: response.headers.get('etag') ?? '',
    };
  };
}

export interface Granted {
  readonly id: string;
  readonly revision: number;
  readonly revoke: () => Promise<Got>;
}

/** People who call the control API of a process; their tokens are made in its store, from outside. */
export class People {
  readonly store: Store;
  readonly #url: string;
  readonly #tokens = new Map<string, Promise<string>>();

  private constructor(store: Store, url: string) {
    this.store = store;
    this.#url = url;
  }

  /** @param database of its store; default: SQLite under its state */
  static async of(cluster: Cluster, database: string | null = null): Promise<People> {
    return new People(await openStore({ url: database, folder: join(cluster.folder, 'state') }), cluster.control);
  }

  /** Someone with a token of their own. @param tenant null: for all tenants */
  async someone(role: Role, subject: string, tenant: string | null = null): Promise<Send> {
    const key = JSON.stringify([role, subject, tenant]);
    let token = this.#tokens.get(key);
    if (token === undefined) {
      const who = { actor: 'test', requestId: 'test' };
      token = createToken(this.store, who, { role, tenant, subject, lifeMs: null }).then(({ secret }) => secret);
      this.#tokens.set(key, token);
    }
    return sender(this.#url, await token);
  }

  /** A grant that one person has asked for and another approved, as of a revision of the store. */
  async grant(tenant: string, more: Readonly<Record<string, unknown>>): Promise<Granted> {
    const requester = await this.someone('requester', 'alice', tenant);
    const approver = await this.someone('approver', 'bob', tenant);
    const asked = await requester('POST', '/api/v1/access/request', {
      to_region: 'us-east',
      reason: 'case 1',
      ...more,
    });
    if (asked.status !== 201) throw new Error(`not asked for: ${JSON.stringify(asked.body)}`);
    const { request_id } = asked.body;
    const approved = await approver('POST', '/api/v1/access/approve', {
      request_id,
      approved: true,
      reason: 'checked',
    });
    if (approved.status !== 200) throw new Error(`not approved: ${JSON.stringify(approved.body)}`);
    const { grant_id: id, revision } = approved.body;
    return { id, revision, revoke: () => approver('POST', '/api/v1/access/revoke', { grant_id: id, reason: 'done' }) };
  }

  close(): Promise<void> {
    return this.store.close();
  }
}

export const reasonOf = ({ headers }: Answer): string => String(headers['x-residency-reason']);

/** `FeedClientState`, as `/config_dump` shows it. */
export interface Fed {
  readonly url: string;
  readonly connected: boolean;
  readonly revision: number;
  readonly acknowledged: number;
  readonly error: string | null;
  readonly documents: number;
  readonly last_good: { readonly refused: string | null; readonly error: string | null } | null;
}

/** How each process of a data plane is fed. */
export async function fed(ops: string): Promise<readonly Fed[]> {
  const { feed } = JSON.parse((await ask(`${ops}/config_dump`)).body) as { feed: Fed | readonly Fed[] };
  return [feed].flat();
}

/** Resolves when each process of a data plane has taken in everything up to a revision. */
export async function applied(ops: string, revision: number): Promise<void> {
  const signal = AbortSignal.timeout(10_000);
  while (!(await fed(ops)).every((state) => state.revision >= revision)) signal.throwIfAborted();
}

/** Answers in a row that say the same, on connections of their own: each of two workers is then among them, most likely. */
const IN_A_ROW = 8;

/**
 * Asks again and again until it is decided so by whichever worker is asked.
 * @returns milliseconds until the first of the answers in a row
 * @throws Error when it is not after `bound` milliseconds
 */
export async function becomes(url: string, headers: Headers, reason: string, bound = 5000): Promise<number> {
  const began = performance.now();
  let first = 0;
  for (let count = 0; count < IN_A_ROW;) {
    const was = reasonOf(await ask(url, headers));
    if (was !== reason) count = 0;
    else if (count++ === 0) first = performance.now() - began;
    if (performance.now() - began > bound) throw new Error(`after ${bound} ms it is ${was}, not ${reason}`);
  }
  return first;
}
