import { Type, type TProperties } from 'typebox';
import { EVENT_GROUPS, EVENT_KINDS } from '../../control/events.ts';
import { closed, nullable, optional, shaped } from '../../core/schema.ts';

/** Keys of domicile.yaml that belong to the control plane: store, API, approvals, feed, webhooks, verified identity. */

const text = (longest: number, description: string) => Type.String({ minLength: 1, maxLength: longest, description });

const maybe = (longest: number, description: string) =>
  optional(nullable(text(longest, ''), { default: null, description }));

const maybeSecret = (description: string) =>
  optional(
    nullable(Type.String({ minLength: 16, maxLength: 8192, 'x-secret': true, 'x-shape': 'at least 16 characters' }), {
      default: null,
      description,
      'x-secret': true,
    }),
  );

const whole = (initial: number, minimum: number, maximum: number, description: string) =>
  optional(Type.Integer({ minimum, maximum, default: initial, description }));

export const STORE = closed(
  {
    url: optional(
      nullable(
        shaped(/^postgres(?:ql)?:\/\/.+$/, 'an address such as postgres://user:${env:PG_PASSWORD}@host/domicile', {
          maxLength: 4096,
          'x-secret': true,
        }),
        {
          default: null,
          description:
            'PostgreSQL ≥ 14, as `postgres://user:${env:PG_PASSWORD}@host/database?sslmode=verify-full`; null = SQLite under `state`.',
        },
      ),
    ),
  },
  { default: {}, description: 'Where policies, grants and approvals of the control API are kept.' },
);

/** Algorithms of public keys. Those with shared secrets are not offered: whoever verifies could sign. */
const JWT_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];

const jwt = <P extends TProperties>(more: P, description: string) =>
  optional(
    nullable(
      closed({
        issuer: text(2048, 'Value that `iss` must have.'),
        audience: text(2048, 'Value that `aud` must have, or hold.'),
        jwks_url: maybe(2048, 'Where the issuer’s keys are: https, or http on loopback. Or `jwks_file`.'),
        jwks_file: maybe(4096, 'The issuer’s keys as a file (JWK set). Or `jwks_url`.'),
        algorithms: optional(
          Type.Array(Type.Enum(JWT_ALGORITHMS), {
            default: ['RS256', 'ES256'],
            minItems: 1,
            uniqueItems: true,
            description: 'Algorithms of signatures that are accepted.',
          }),
        ),
        ...more,
      }),
      { default: null, description },
    ),
  );

const claim = (name: string, description: string) =>
  optional(
    nullable(text(256, ''), { default: name, description: `${description} Dots lead into maps; null = not read.` }),
  );

const CONTROL_JWT = jwt(
  {
    claims: optional(
      closed(
        {
          role: optional(
            Type.String({ minLength: 1, maxLength: 256, default: 'role', description: 'Claim with the role.' }),
          ),
          tenant: claim('tenant', 'Claim with the tenant; where it is named, a token without it is refused.'),
          subject: optional(
            Type.String({ minLength: 1, maxLength: 256, default: 'sub', description: 'Claim with the person.' }),
          ),
        },
        { default: {}, description: 'Names of claims.' },
      ),
    ),
  },
  'JWTs that the control API accepts beside its own tokens.',
);

export const IDENTITY_JWT = jwt(
  {
    header: optional(
      shaped(/^[A-Za-z0-9-]{1,64}$/, 'the name of a header', {
        default: 'authorization',
        description: 'Header with the token: in `authorization` after `Bearer `, in any other alone.',
      }),
    ),
    claims: optional(
      closed(
        {
          tenant: claim('tenant', 'Claim with the tenant.'),
          classification: claim('classification', 'Claim with the class.'),
          subject: claim('subject', 'Claim with the person that the data is about.'),
          user: claim('user', 'Claim with who acts.'),
        },
        { default: {}, description: 'Names of claims. What a token does not claim may come from a header.' },
      ),
    ),
  },
  'Verified tokens as a source of identity, where `jwt` is among `sources`.',
);

export const IDENTITY_MTLS = optional(
  nullable(
    closed({
      uri: Type.String({
        minLength: 1,
        maxLength: 2048,
        description:
          'Form of a URI among the certificate’s alternative names, such as `spiffe://trust/tenant/{tenant}`; also `{classification}`, `{subject}`, `{user}`.',
      }),
    }),
    { default: null, description: 'Client certificates as a source of identity, where `mtls` is among `sources`.' },
  ),
);

export const CONTROL_MORE = {
  jwt: CONTROL_JWT,
  max_presign_seconds: whole(3600, 1, 604_800, 'Longest life of a presigned URL. Seconds.'),
  proxy_url: maybe(2048, 'Base of URLs that lead through Domicile; null = the storage listener of this machine.'),
  rate_limit: optional(
    closed(
      {
        per_minute: whole(600, 1, 1_000_000, 'Requests of one principal in a minute.'),
        failed_logins_per_minute: whole(20, 1, 1_000_000, 'Refused tokens from one address in a minute.'),
      },
      { default: {}, description: 'Beyond these: 429 with Retry-After.' },
    ),
  ),
};

export const APPROVALS = closed(
  {
    grant_default_minutes: whole(60, 1, 20_160, 'How long a grant holds that does not say.'),
    grant_cap_days: whole(14, 1, 366, 'How long a grant may hold at most.'),
    pending_minutes: whole(60, 1, 20_160, 'How long a request waits for approval.'),
    grant_quorum: whole(1, 1, 10, 'Approvals that a grant needs, by distinct people, never the requester.'),
    override_quorum: whole(2, 1, 10, 'Approvals that an emergency override needs, likewise.'),
    override_default_minutes: whole(60, 1, 4320, 'How long an override holds that does not say.'),
    override_cap_hours: whole(24, 1, 72, 'How long an override may hold at most.'),
    after_the_fact_minutes: whole(
      0,
      0,
      1440,
      'Above 0, an override is in force at once, and ends unless it is approved within so many minutes.',
    ),
    ticket_pattern: maybe(512, 'Regular expression that `ticket` must match; null = a ticket is optional.'),
  },
  { default: {}, description: 'Access requests, grants and emergency overrides.' },
);

export const FEED = closed(
  {
    listen: optional(
      nullable(text(512, ''), {
        default: null,
        description:
          'Where proxies fetch policies: `host:port` or `unix:/path.sock`; null = `unix:feed.sock` in the folder `state`.',
      }),
    ),
    token: maybeSecret('Shared secret of control plane and proxies; over TCP it or `tls.client_ca` is required.'),
    tls: optional(
      nullable(
        closed({
          cert: maybe(4096, 'Certificate chain, a PEM file; required to listen on TCP.'),
          key: maybe(4096, 'Private key, a PEM file.'),
          client_ca: maybe(4096, 'Authorities, a PEM file: proxies must then show a certificate of theirs.'),
          ca: maybe(4096, 'For a proxy: private authority of the control plane’s certificate, a PEM file.'),
        }),
        { default: null, description: 'TLS; null = plain, which only a Unix socket may be.' },
      ),
    ),
  },
  { default: {}, description: 'How policies reach workers and proxies; `proxy --control` reads the same keys.' },
);

export const WEBHOOKS = Type.Array(
  closed({
    url: shaped(/^https?:\/\/[^\s]+$/, 'an http(s) address', { description: 'Where events are posted.' }),
    secret: Type.String({
      minLength: 16,
      maxLength: 8192,
      'x-secret': true,
      'x-shape': 'at least 16 characters',
      description: 'Key of the HMAC-SHA-256 in `X-Domicile-Signature`: a reference, never clear text.',
    }),
    events: optional(
      Type.Array(Type.Enum([...EVENT_GROUPS, ...EVENT_KINDS]), {
        default: [],
        description: 'Events, or the groups before their dots; empty = all.',
      }),
    ),
  }),
  { default: [], description: 'Whom to tell of requests, approvals, uses, expiries and revocations.' },
);
