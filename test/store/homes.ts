import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { Database } from '../../src/store/database.ts';
import { openStore } from '../../src/store/open.ts';
import { openPostgres } from '../../src/store/postgres.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import type { Witness } from '../../src/store/witness.ts';
import { crashPostgres } from '../servers/crash.ts';
import { available, startServer, type RealServer } from '../servers/servers.ts';

export type Kind = 'sqlite' | 'postgres';

/** Kinds of store that can be tested here; what is missing is told at the end of the run. */
export const KINDS: readonly Kind[] = available('postgres') === null ? ['sqlite', 'postgres'] : ['sqlite'];

/** One database, empty at first. */
export class Place {
  readonly url: string | null;
  readonly folder: string;
  readonly #open: Store[] = [];

  constructor(url: string | null, folder: string) {
    this.url = url;
    this.folder = folder;
  }

  /** Another store on it: closed with the home. @param witness default: nobody */
  async store(witness?: Witness): Promise<Store> {
    const { url, folder } = this;
    const store = await openStore({ url, folder, ...(witness === undefined ? {} : { witness }) });
    this.#open.push(store);
    return store;
  }

  /** Without tables, if no store has been opened yet. */
  async database(): Promise<Database> {
    return this.url === null ? openSqlite(join(this.folder, 'domicile.db')) : openPostgres(this.url);
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((store) => store.close()));
  }
}

/** Where the databases of one test file are: a folder, or a PostgreSQL. */
export class Home {
  readonly server: RealServer | null;
  readonly #folder = mkdtempSync(join(tmpdir(), 'domicile-store-'));
  readonly #places: Place[] = [];

  private constructor(server: RealServer | null) {
    this.server = server;
  }

  static async start(kind: Kind): Promise<Home> {
    return new Home(kind === 'postgres' ? await startServer('postgres') : null);
  }

  /** A new database; in PostgreSQL a schema of one, which is made a hundred times faster. */
  async place(): Promise<Place> {
    const name = `d${this.#places.length}`;
    let url: string | null = null;
    if (this.server !== null) {
      await administer(this.server.url, `create schema ${name}`);
      url = `${this.server.url}?options=${encodeURIComponent(`-c search_path=${name}`)}`;
    }
    const place = new Place(url, join(this.#folder, name));
    this.#places.push(place);
    return place;
  }

  /** A store on a new database. */
  async store(): Promise<Store> {
    return (await this.place()).store();
  }

  /** The server dies where it stands, and comes up again on what is on the disk. */
  async crash(): Promise<void> {
    const { folder, url } = this.server as RealServer;
    await crashPostgres(folder, url);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#places.map((place) => place.close()));
    await this.server?.stop();
    rmSync(this.#folder, { recursive: true });
  }
}

/** Runs SQL beside all stores. */
export async function administer(url: string, sql: string): Promise<void> {
  const client = new pg.Client(url);
  client.on('error', () => {}); // it may be among the connections that the test breaks
  await client.connect();
  await client.query(sql);
  await client.end();
}
