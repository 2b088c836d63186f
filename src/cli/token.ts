import { randomBytes } from 'node:crypto';
import { userInfo } from 'node:os';
import { loadMachine } from '../app/config/load.ts';
import { formatProblem, hasErrors } from '../app/config/problem.ts';
import type { Settings } from '../app/config/settings.ts';
import { LoggedEvidence } from '../app/control-evidence.ts';
import { closeJournal, openJournal } from '../app/evidence.ts';
import { openWitnessedStore } from '../app/witnessed-store.ts';
import { createToken, listTokens, revokeToken, type TokenInfo } from '../control/auth/tokens.ts';
import { ROLES, type Role } from '../control/principal.ts';
import { ApiError } from '../control/problem.ts';
import { isTenantId, isVisibleId, newRequestId } from '../core/ids.ts';
import { hint } from '../core/closest.ts';
import { openStore } from '../store/open.ts';
import type { Store } from '../store/store.ts';
import { Log } from '../telemetry/log.ts';
import { resolve } from 'node:path';
import { CommandError, readArguments, UsageError, type Command } from './command.ts';

const HELP = `domicile token: bearer tokens of the control API

  domicile token create --role ROLE [--tenant ID] [--subject NAME] [--expires 30d] [--config FILE]
  domicile token list [--tenant ID] [--json] [--config FILE]
  domicile token revoke ID [--config FILE]

  --role ROLE      ${ROLES.join(', ')}
  --tenant ID      for this tenant only; without it, for all tenants
  --subject NAME   the person or service that will hold it: nobody approves what the same subject asked for,
                   whatever token it comes with; default: a name of its own
  --expires LIFE   such as 90m, 12h, 30d, or never; default: 90d
  --json           one JSON object a line
  --config FILE    default: config/domicile.yaml; its store is where tokens are kept. Secrets under its credentials are not
                   needed

create prints the token, once, alone on standard output: only its hash is kept. What is made or revoked holds at once,
also in a control plane that is running.
`;

const OPTIONS = {
  role: { type: 'string' },
  tenant: { type: 'string' },
  subject: { type: 'string' },
  expires: { type: 'string', default: '90d' },
  json: { type: 'boolean', default: false },
  config: { type: 'string', default: 'config/domicile.yaml' },
} as const;

type Values = ReturnType<typeof readArguments<typeof OPTIONS>>['values'];

const ACTIONS = ['create', 'list', 'revoke'] as const;

export const token: Command = {
  help: HELP,
  async run(args) {
    const { values, positionals } = readArguments(args, OPTIONS, true);
    const [action, ...rest] = positionals;
    if (action === undefined) throw new UsageError(`say what to do: ${ACTIONS.join(', ')}`);
    switch (action) {
      case 'create':
        return create(values, rest);
      case 'list':
        return list(values, rest);
      case 'revoke':
        return revoke(values, rest);
      default:
        throw new UsageError(`no action "${action}"${hint(action, ACTIONS)}: use ${ACTIONS.join(', ')}`);
    }
  },
};

async function create(values: Values, rest: readonly string[]): Promise<number> {
  nothingMore(rest);
  const { role, tenant = null } = values;
  if (role === undefined) throw new UsageError(`--role is missing: use one of ${ROLES.join(', ')}`);
  if (!ROLES.includes(role as Role))
    throw new UsageError(`--role ${role} is none${hint(role, ROLES)}: use one of ${ROLES.join(', ')}`);
  if (tenant !== null && !isTenantId(tenant)) throw new UsageError(`--tenant ${tenant} is not a valid tenant id`);
  const subject = values.subject ?? `${role}-${randomBytes(4).toString('hex')}`;
  if (!isVisibleId(subject))
    throw new UsageError('--subject must be 1 to 256 visible ASCII characters, without spaces');
  const lifeMs = lifeOf(values.expires);
  const { secret, token } = await changing(values, (store) =>
    createToken(store, caller(), { role: role as Role, tenant, subject, lifeMs }),
  );
  process.stderr.write(`${describe(token)}\n`);
  process.stdout.write(`${secret}\n`);
  return 0;
}

async function list(values: Values, rest: readonly string[]): Promise<number> {
  nothingMore(rest);
  const tokens = await reading(values, (store) => listTokens(store.db));
  const { tenant } = values;
  for (const token of tokens) {
    if (tenant !== undefined && token.tenant !== tenant) continue;
    process.stdout.write(`${values.json ? JSON.stringify(asJson(token)) : describe(token)}\n`);
  }
  return 0;
}

async function revoke(values: Values, [id, ...rest]: readonly string[]): Promise<number> {
  nothingMore(rest);
  if (id === undefined) throw new UsageError('name the token to revoke by its id, as token list shows it');
  const token = await changing(values, (store) => revokeToken(store, caller(), id));
  if (token === null) throw new CommandError(`there is no token ${id}: domicile token list shows them`);
  process.stdout.write(`${describe(token)}\n`);
  return 0;
}

function nothingMore([extra]: readonly string[]): void {
  if (extra !== undefined) throw new UsageError(`"${extra}" is one argument too many`);
}

/** Does what only reads. */
async function reading<T>(values: Values, work: (store: Store) => Promise<T>): Promise<T> {
  const { store, state } = settingsIn(values);
  return using(await opened(openStore({ url: store.url, folder: state })), work);
}

/** Does what changes the store: with an evidence log of its own, since that of a running server is the server's. */
async function changing<T>(values: Values, work: (store: Store) => Promise<T>): Promise<T> {
  const settings = settingsIn(values);
  const log = new Log({ level: 'error', destination: { write: (line) => void process.stderr.write(line) } });
  const journal = await opened(openJournal(settings, 'control', log));
  try {
    const evidence = LoggedEvidence.of(journal, settings);
    const place = { url: settings.store.url, folder: settings.state };
    return await using(await opened(openWitnessedStore(place, journal.folder, evidence)), work);
  } catch (error) {
    throw error instanceof ApiError ? new CommandError(error.message) : error;
  } finally {
    await closeJournal(journal, log);
  }
}

async function using<T>(store: Store, work: (store: Store) => Promise<T>): Promise<T> {
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** @throws CommandError for what cannot be opened */
async function opened<T>(opening: Promise<T>): Promise<T> {
  try {
    return await opening;
  } catch (error) {
    throw new CommandError((error as Error).message);
  }
}

/** @throws CommandError with everything that is wrong in the file */
function settingsIn({ config }: Values): Settings {
  const { settings, problems } = loadMachine(resolve(config), process.env, 'unneeded');
  if (settings === null || hasErrors(problems)) throw new CommandError(problems.map(formatProblem).join('\n'));
  return settings;
}

function caller() {
  return { actor: `cli:${userInfo().username}`, requestId: newRequestId() };
}

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds, or null for a token without end. */
function lifeOf(text: string): number | null {
  if (text === 'never') return null;
  const [, digits, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const life = Number(digits) * (UNITS[unit ?? ''] ?? Number.NaN);
  if (!(life > 0)) throw new UsageError(`--expires ${text} is no time: write it as 90m, 12h, 30d or never`);
  return life;
}

function moment(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}

function describe({ id, role, tenant, subject, expiresAt, revokedAt }: TokenInfo): string {
  const end =
    revokedAt !== null
      ? `revoked ${moment(revokedAt)}`
      : expiresAt === null
        ? 'never expires'
        : `${expiresAt <= Date.now() ? 'expired' : 'expires'} ${moment(expiresAt)}`;
  return `${id}  ${role.padEnd(10)}  ${tenant ?? '(all tenants)'}  ${subject}  ${end}`;
}

function asJson({ id, role, tenant, subject, expiresAt, createdAt, createdBy, revokedAt }: TokenInfo) {
  return {
    id,
    role,
    tenant_id: tenant,
    subject,
    expires_at: moment(expiresAt),
    created_at: moment(createdAt),
    created_by: createdBy,
    revoked_at: moment(revokedAt),
  };
}
