import { Type, type Static, type TSchema } from 'typebox';
import {
  closed,
  named,
  nullable,
  optional,
  recordId,
  regionName,
  Shape,
  shaped,
  type Filled,
} from '../../core/schema.ts';
import { CLASSIFICATIONS } from '../../core/vocabulary.ts';
import { CREDENTIALS } from '../../region/schema.ts';
import { AUDIT } from './audit-schema.ts';
import { APPROVALS, CONTROL_MORE, FEED, IDENTITY_JWT, IDENTITY_MTLS, STORE, WEBHOOKS } from './control-schema.ts';

const path = (initial: string, description: string) =>
  optional(Type.String({ minLength: 1, maxLength: 4096, default: initial, description }));

const milliseconds = (initial: number, description: string) =>
  optional(
    Type.Integer({ minimum: 1, maximum: 86_400_000, default: initial, description: `${description} Milliseconds.` }),
  );

const count = (initial: number, maximum: number, description: string) =>
  optional(Type.Integer({ minimum: 1, maximum, default: initial, description }));

const flag = (initial: boolean, description: string) => optional(Type.Boolean({ default: initial, description }));

const tlsFile = (description: string) => Type.String({ minLength: 1, maxLength: 4096, description });

const tls = optional(
  nullable(
    closed({
      cert: tlsFile('Certificate chain, a PEM file.'),
      key: tlsFile('Private key, a PEM file.'),
      client_ca: optional(
        nullable(tlsFile(''), {
          default: null,
          description: 'Authorities, a PEM file: clients must then show a certificate of theirs.',
        }),
      ),
    }),
    { default: null, description: 'TLS; null = plain.' },
  ),
);

const listen = (initial: string) =>
  optional(
    Type.String({
      minLength: 1,
      maxLength: 512,
      default: initial,
      description: 'Address: `host:port`, `[::1]:port` (port 0 = any free one) or `unix:/path.sock`.',
    }),
  );

const dataListener = <S extends TSchema>(schema: S, description: string) =>
  optional(nullable(schema, { default: null, description }));

const listeners = closed(
  {
    storage: dataListener(
      closed({
        listen: listen('127.0.0.1:9100'),
        virtual_host_suffix: optional(
          nullable(
            shaped(/^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/, 'a host name without a leading dot', {}),
            {
              default: null,
              description:
                'A Host of `bucket.SUFFIX` is virtual-host style, any other path style. No leading dot; ports are ignored.',
            },
          ),
        ),
        tls,
      }),
      'S3.',
    ),
    search: dataListener(closed({ listen: listen('127.0.0.1:9200'), tls }), 'OpenSearch.'),
    inference: dataListener(closed({ listen: listen('127.0.0.1:9300'), tls }), 'Bedrock, OpenAI and Anthropic.'),
  },
  {
    default: { storage: {}, search: {}, inference: {} },
    description: 'Data listeners. A key missing = not served; the section missing = all three at their defaults.',
  },
);

const configuration = closed(
  {
    self: closed(
      {
        region: regionName({ description: 'Region where this sidecar and its callers run.' }),
        name: optional(
          shaped(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, '1 to 64 letters, digits, dots, underscores or hyphens', {
            default: 'sidecar-1',
            description: 'Name of this sidecar, as the control plane shows it.',
          }),
        ),
      },
      { description: 'Who and where this sidecar is.' },
    ),
    catalogue: path('regions.yaml', 'File of the regions.'),
    policies: optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 4096 }), {
        default: ['../policies'],
        description: 'Files, or folders of which the YAML files, and those in `grants/`, are read.',
      }),
    ),
    regimes: path('../policies/regimes', 'Folder of the regimes, or one file.'),
    state: path(
      '../.domicile',
      'Folder for what is kept: SQLite, evidence and its key, the socket of the feed, last known good.',
    ),
    listeners: optional(listeners),
    store: optional(STORE),
    control: optional(
      closed({ listen: listen('127.0.0.1:8000'), tls, ...CONTROL_MORE }, { default: {}, description: 'Control API.' }),
    ),
    approvals: optional(APPROVALS),
    feed: optional(FEED),
    webhooks: optional(WEBHOOKS),
    ops: optional(
      closed(
        { listen: listen('127.0.0.1:8001'), tls },
        { default: {}, description: 'Metrics, health, drain, log level.' },
      ),
    ),
    identity: optional(
      closed(
        {
          sources: optional(
            Type.Array(Type.Enum(['headers', 'path', 'jwt', 'mtls']), {
              default: ['headers'],
              minItems: 1,
              uniqueItems: true,
              description:
                'Where tenant and class come from: `headers`, `path` (`/t/{tenant}/{classification}/…`), `jwt`, `mtls` (client certificates). Two that disagree refuse the request.',
            }),
          ),
          jwt: IDENTITY_JWT,
          mtls: IDENTITY_MTLS,
          trust_region_header: flag(false, 'Whether `X-Region` says where the caller is.'),
          allow_unauthenticated_network: flag(
            false,
            'Whether a data listener may believe headers or paths on an address that is not loopback.',
          ),
        },
        { default: {}, description: 'Who the data belongs to.' },
      ),
    ),
    classification: optional(
      closed(
        {
          default: optional(
            nullable(Type.Enum([...CLASSIFICATIONS]), {
              default: null,
              description: 'Class of requests that name none; null refuses them.',
            }),
          ),
          aliases: optional(
            named(/^[\x21-\x7e]{1,64}$/, Type.Enum([...CLASSIFICATIONS]), {
              default: { educational: 'identity' },
              description: 'Other names of classes in requests. A map here replaces the default one.',
            }),
          ),
        },
        { default: {}, description: 'Classes of data.' },
      ),
    ),
    default_policy: optional(
      nullable(recordId({}), {
        default: null,
        description: 'Id of the policy for tenants without one; null refuses them with `no_policy`.',
      }),
    ),
    credentials: optional(CREDENTIALS),
    cache: optional(
      closed(
        {
          bundles: count(10_000, 10_000_000, 'Tenants kept compiled, in each worker.'),
          negative_ttl_ms: milliseconds(1000, 'How long an unknown tenant is remembered as one.'),
        },
        { default: {}, description: 'Caches.' },
      ),
    ),
    timeouts: optional(
      closed(
        {
          connect_ms: milliseconds(5000, 'To connect upstream, TLS included.'),
          request_head_ms: milliseconds(10_000, 'For a client to send a whole head.'),
          response_head_ms: milliseconds(15_000, 'For an upstream to answer; storage and search.'),
          inference_head_ms: milliseconds(120_000, 'For an upstream to answer; inference.'),
          idle_ms: milliseconds(300_000, 'Without progress within a body: 16 KiB, or its end.'),
          keep_alive_ms: milliseconds(60_000, 'Between two requests of one connection.'),
          total_ms: optional(
            Type.Integer({
              minimum: 0,
              maximum: 86_400_000,
              default: 0,
              description: 'For a whole exchange with an upstream; 0 = no bound, as long streams need. Milliseconds.',
            }),
          ),
        },
        { default: {}, description: 'Timeouts.' },
      ),
    ),
    audit: optional(AUDIT),
    limits: optional(
      closed(
        {
          head_bytes: count(16_384, 1_048_576, 'Request line and headers together. Bytes.'),
          headers: count(100, 10_000, 'Headers of a request.'),
          inspect_body_bytes: count(1_048_576, 268_435_456, 'Of a body that must be read before it is sent. Bytes.'),
          connections: count(1024, 1_000_000, 'Client connections of a listener, in each worker.'),
          inflight: count(1024, 1_000_000, 'Requests in flight of a listener, in each worker.'),
        },
        { default: {}, description: 'Limits.' },
      ),
    ),
    upstream: optional(
      closed(
        {
          connections: count(256, 100_000, 'Connections to one endpoint of a region.'),
          pending: count(1024, 1_000_000, 'Requests that wait for one of them; more are refused as `overloaded`.'),
          pending_ms: milliseconds(5000, 'How long one waits.'),
          keep_alive_ms: milliseconds(4000, 'How long an unused connection is kept.'),
          connection_age_ms: milliseconds(300_000, 'Age at which a connection is no longer used again.'),
          dns_ttl_ms: milliseconds(10_000, 'How long an address is believed before it is looked up again.'),
          happy_eyeballs: flag(
            true,
            'Whether a name with several addresses is tried at the next one while one is slow.',
          ),
        },
        { default: {}, description: 'Connections to the endpoints of regions, of each worker.' },
      ),
    ),
    log: optional(
      closed(
        {
          level: optional(
            Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
              default: 'info',
              description: 'Least level that is logged.',
            }),
          ),
          access: optional(
            Type.Union([Type.Enum(['denials', 'all']), Type.Number({ minimum: 0, maximum: 1 })], {
              default: 'denials',
              description: 'Requests logged: `denials`, `all`, or denials and a share of the rest, such as 0.01.',
            }),
          ),
        },
        { default: {}, description: 'Logs.' },
      ),
    ),
  },
  {
    title: 'domicile.yaml',
    description: 'This machine. Paths are relative to the file; everything but `self.region` has a default.',
  },
);

/** The file of this machine. */
export const CONFIGURATION_FILE = new Shape(configuration);

export type WrittenConfiguration = Static<typeof configuration>;
export type ConfigurationFile = Filled<WrittenConfiguration>;
