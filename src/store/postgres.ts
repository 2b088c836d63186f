import { Kysely, PostgresDialect, sql } from 'kysely';
import { Client, Pool, types, type ClientConfig, type CustomTypesConfig } from 'pg';
import { causeOf, type Database } from './database.ts';
import { CHANNEL, listen } from './listen.ts';
import type { Tables } from './tables.ts';

const OLDEST = 14;
const POOL_SIZE = 10;
const SSL_MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'];

/** Of the locks that a session may ask for by number, the one for migrations: the letters `dmcl`. */
const MIGRATION_LOCK = 0x646d636c;

const INT8 = 20;
const NUMERIC = 1700;

/**
 * PostgreSQL by its URL, whose `sslmode` means what it does to libpq (so `verify-full` is the one that proves the
 * server's name).
 * @throws Error naming host and database, never the password, when the URL is none, the server does not answer, or it is
 *   too old
 */
export async function openPostgres(url: string): Promise<Database> {
  const settings = settingsOf(url);
  const client = clientOf(settings);
  const at = `${client.host}:${client.port}/${client.database}`;
  const pool = new Pool({ ...settings, max: POOL_SIZE });
  // A connection that dies also fails the query that runs on it or comes next: there is nothing more to do here, but
  // without listeners these events end the process.
  pool.on('error', () => {});
  pool.on('connect', (connection) => connection.on('error', () => {}));
  const kysely = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  try {
    const { rows } = await sql<{ server_version_num: string }>`show server_version_num`.execute(kysely);
    const version = Math.floor(Number(rows[0]?.server_version_num) / 10_000);
    if (!(version >= OLDEST)) throw new Error(`it is PostgreSQL ${version}; use ${OLDEST} or later`);
  } catch (error) {
    await kysely.destroy();
    throw new Error(`store.url: the database ${at} cannot be used: ${causeOf(error)}`, { cause: error });
  }
  return {
    kind: 'postgres',
    at,
    reading: kysely,
    writing: kysely,
    clock: () => sql<number>`floor(extract(epoch from clock_timestamp()) * 1000)::bigint`,
    lockSchema: async (db) => void (await sql`select pg_advisory_xact_lock(${MIGRATION_LOCK})`.execute(db)),
    announce: async (db) => void (await sql`select pg_notify(${CHANNEL}, '')`.execute(db)),
    hear: (heard) => listen(() => clientOf(settings), heard),
    close: () => kysely.destroy(),
  };
}

function settingsOf(url: string): ClientConfig {
  // With libpq a host may be left out, for a socket that `host=` names; as a URL that is none.
  const parsed = URL.parse(url.replace('@/', '@localhost/'));
  if (parsed === null || !/^postgres(?:ql)?:$/.test(parsed.protocol)) throw wrong('is not a URL of PostgreSQL');
  const mode = parsed.searchParams.get('sslmode');
  if (mode !== null && !SSL_MODES.includes(mode)) throw wrong(`sslmode is none of ${SSL_MODES.join(', ')}`);
  const plain = parsed.searchParams.has('uselibpqcompat') || mode === null || mode === 'no-verify';
  return {
    connectionString: plain ? url : `${url}&uselibpqcompat=true`,
    application_name: 'domicile',
    keepAlive: true,
    connectionTimeoutMillis: 10_000,
    statement_timeout: 30_000,
    // For when the server's own time-out is not heard either.
    query_timeout: 40_000,
    // A replica that hangs within a change must not stop all the others.
    idle_in_transaction_session_timeout: 15_000,
    types: { getTypeParser: parserOf } as CustomTypesConfig,
  };
}

function wrong(what: string): Error {
  return new Error(`store.url: ${what}; write postgres://user:\${env:PG_PASSWORD}@host/database?sslmode=verify-full`);
}

function clientOf(settings: ClientConfig): Client {
  try {
    return new Client(settings);
  } catch (error) {
    throw new Error(`store.url: cannot be used: ${causeOf(error)}`, { cause: error });
  }
}

/** Revisions, moments and counts are far below 2^53. */
function parserOf(oid: number, format?: 'text' | 'binary'): (value: string) => unknown {
  if (oid === INT8 || oid === NUMERIC) return Number;
  return types.getTypeParser(oid, format as 'text') as (value: string) => unknown;
}
