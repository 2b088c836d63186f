import { Type, type Static, type TSchema } from 'typebox';
import { conform } from '../core/conform.ts';
import { closed, nullable, recordId, Shape, shaped, tenantId } from '../core/schema.ts';
import { revision, stranger, tenantDocument, worldDocument } from './shapes.ts';

/**
 * The protocol by which policy reaches every worker and sidecar: JSON objects, one a line, over a Unix socket or TCP with
 * TLS, both ends speaking when they have something to say.
 *
 * A client opens with `hello`; names in `hold` the tenants that it has, with or without policies; and says in `resume` of
 * which revision it is. From then on the server tells in `changed` of every later change to a tenant that this client
 * holds or has asked for, and in `world` of what holds for all. The client asks for documents by `get`, and uses up grants
 * by `take`. `beat` says, both ways, that the other end lives; the server's says too that the client has been told
 * everything up to a moment, which is what leases on grants and overrides hang on.
 *
 * Anything unknown or misshapen ends the connection: what one end cannot read, it must not act on.
 */
export const PROTOCOL = 1;

/** Milliseconds between beats, of either end. */
export const BEAT = 2000;
/** Milliseconds that grants and overrides live on without a beat. */
export const LEASE = 5000;
/** Milliseconds after which a silent client is dropped. */
export const SILENCE = 10_000;

/** Bytes of a line at most. */
export const CLIENT_LINE = 1 << 20;
export const SERVER_LINE = 64 << 20;
/** Tenants that one `get`, one `hold` or one answer names at most. */
export const TENANTS_A_LINE = 1000;

const id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
const tenants = Type.Array(tenantId({}), { maxItems: TENANTS_A_LINE });
const words = (length: number) => Type.String({ maxLength: length });
const count = Type.Integer({ minimum: 1, maximum: 1_000_000_000 });
const counts = Type.Array(Type.Tuple([recordId({}), Type.Integer({ minimum: 0 })]));
const visible = shaped(/^[\x21-\x7e]{1,128}$/, '1 to 128 visible ASCII characters without spaces');

/** What clients say. */
const FROM_CLIENT = {
  /** First of all. `worker`: its number, where it is one of several processes of a machine. */
  hello: {
    protocol: Type.Integer(),
    name: visible,
    region: visible,
    version: visible,
    worker: nullable(Type.Integer({ minimum: 1, maximum: 4096 })),
    token: nullable(Type.String({ maxLength: 4096, 'x-secret': true })),
  },
  /** Tenants whose documents it has from before, in as many lines as it takes. */
  hold: { tenants },
  /** It has taken in everything up to this revision; 0: nothing yet. */
  resume: { revision },
  /** Asks for documents; answered by `bundles`, in as many lines as it takes, or `failed`. */
  get: { id, tenants },
  /** It has applied the `world` or `changed` of this nonce, which it may have refused before, and all before: documents named in it are used no more. */
  ack: { nonce: id, revision },
  /** It has refused the `world` or `changed` of this nonce, and keeps what it had, which is of this revision. */
  nack: { nonce: id, revision, error: words(2048) },
  /** To use these grants once each, or none; answered by `taken`. */
  take: { id, grants: Type.Array(recordId({}), { minItems: 1, maxItems: 16 }) },
  /** Uses of grants without limit and of overrides since it last told. */
  uses: { counts: Type.Array(Type.Tuple([recordId({}), count]), { minItems: 1, maxItems: TENANTS_A_LINE }) },
  /** @property revision everything up to it is applied */
  beat: { revision },
} as const;

/** What servers say. */
const FROM_SERVER = {
  /** What holds for all tenants, as it is at this revision. */
  world: { nonce: id, revision, world: worldDocument },
  /**
   * Everything up to this revision has now been told: documents of these tenants (null: all) are outdated, and with
   * `world` so is what holds for all, until one of this revision or a later one comes.
   */
  changed: { nonce: id, revision, tenants: nullable(Type.Array(tenantId({}))), world: Type.Boolean() },
  /** Documents that a `get` asked for: some or all of them. */
  bundles: { nonce: id, id, bundles: Type.Array(tenantDocument) },
  /** They cannot be had now, for this reason. */
  failed: { id, tenants, reason: words(2048) },
  /** @property counts uses of each grant asked for, after it */
  taken: { id, taken: Type.Boolean(), counts },
  /**
   * Everything up to this revision has been told, and that is all there was at `now`, by the store's clock in milliseconds
   * since the epoch. Null: the server lives, but its store does not answer.
   */
  beat: { revision, now: nullable(Type.Integer()) },
  /** The last word before it closes. */
  refused: { reason: words(2048) },
} as const;

type Messages<Table> = {
  [Kind in keyof Table]: { readonly type: Kind } & {
    readonly [Key in keyof Table[Kind]]: Table[Kind][Key] extends TSchema ? Readonly<Static<Table[Kind][Key]>> : never;
  };
}[keyof Table];

export type FromClient = Messages<typeof FROM_CLIENT>;
export type FromServer = Messages<typeof FROM_SERVER>;

/** The other end does not keep to the protocol. The message is for people, and repeats nothing secret. */
export class ProtocolError extends Error {}

/** @throws ProtocolError */
export function fromClient(line: string): FromClient {
  return parsed(line, CLIENT_SHAPES) as FromClient;
}

/** @throws ProtocolError */
export function fromServer(line: string): FromServer {
  const message = parsed(line, SERVER_SHAPES) as FromServer;
  if (message.type !== 'bundles') return message;
  for (const bundle of message.bundles) {
    const whose = stranger(bundle);
    if (whose !== null) throw new ProtocolError(`the bundle of ${bundle.tenant} holds something of ${whose}`);
  }
  return message;
}

/** A message as it travels. */
export function encoded(message: FromClient | FromServer): string {
  return `${JSON.stringify(message)}\n`;
}

/** As many tenants as a line may name. */
export function inLines(tenants: readonly string[]): (readonly string[])[] {
  const lines: (readonly string[])[] = [];
  for (let i = 0; i < tenants.length; i += TENANTS_A_LINE) lines.push(tenants.slice(i, i + TENANTS_A_LINE));
  return lines;
}

type Shapes = ReadonlyMap<string, Shape<TSchema>>;

function shapes(table: Readonly<Record<string, Readonly<Record<string, TSchema>>>>): Shapes {
  return new Map(
    Object.entries(table).map(([type, keys]) => [type, new Shape(closed({ type: Type.Enum([type]), ...keys }))]),
  );
}

const CLIENT_SHAPES = shapes(FROM_CLIENT);
const SERVER_SHAPES = shapes(FROM_SERVER);

function parsed(line: string, shapes: Shapes): unknown {
  let message: unknown;
  try {
    message = JSON.parse(line);
  } catch {
    throw new ProtocolError('a line is not JSON');
  }
  const type = typeof message === 'object' && message !== null && 'type' in message ? message.type : null;
  const shape = typeof type === 'string' ? shapes.get(type) : undefined;
  if (shape === undefined) throw new ProtocolError('a line is no message of this protocol');
  const [problem] = conform(shape, message);
  if (problem !== undefined)
    throw new ProtocolError(`a message ${String(type)} is misshapen: ${problem.path.join('.')} ${problem.message}`);
  return message;
}
