import { Type, type Static } from 'typebox';
import {
  closed,
  countryCode,
  nullable,
  named,
  optional,
  regionName,
  Shape,
  shaped,
  type Filled,
} from '../core/schema.ts';
import { STATUSES } from '../core/vocabulary.ts';

/** Names of credentials, and everything else that a writer of our files may name. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

const credentialName = (description: string) =>
  shaped(NAME, 'the name of one of the credentials in domicile.yaml', { description });

const secret = (description: string) => Type.String({ minLength: 1, maxLength: 8192, description, 'x-secret': true });

/** The three forms of a credential: an AWS key, a fixed header, a user name with its password. */
const awsKey = closed(
  {
    access_key_id: Type.String({ minLength: 1, maxLength: 256, description: 'AWS access key id.' }),
    secret_access_key: secret('AWS secret access key: a reference, never clear text.'),
    session_token: optional(
      nullable(secret(''), {
        default: null,
        description:
          'AWS session token of temporary keys: a reference, never clear text. It is read at the start and at reloads.',
        'x-secret': true,
      }),
    ),
  },
  { title: 'AWS key', description: 'Signs requests with AWS Signature Version 4.' },
);

const fixedHeader = closed(
  {
    header: shaped(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/, 'the name of a header', {
      description: 'Header that carries the credential, such as `authorization` or `x-api-key`.',
    }),
    value: secret('Value of the header; it must hold a reference, as in `Bearer ${file:secrets/openai-eu}`.'),
  },
  { title: 'fixed header', description: 'Sends one header with every request.' },
);

const basic = closed(
  {
    username: Type.String({
      minLength: 1,
      maxLength: 256,
      pattern: '^[^:]*$',
      description: 'User name, without a colon.',
    }),
    password: secret('Password: a reference, never clear text.'),
  },
  { title: 'basic authentication', description: 'User name and password (RFC 7617).' },
);

/** The `credentials` section of domicile.yaml. */
export const CREDENTIALS = named(NAME, Type.Union([awsKey, fixedHeader, basic]), {
  default: {},
  description:
    'Credentials for the upstreams, by the name that endpoints use. Secrets come only by `${env:NAME}` or ' +
    '`${file:PATH}`; one that is missing or empty is an error, also where no endpoint uses it.',
});

const url = () =>
  Type.String({
    minLength: 1,
    maxLength: 2048,
    description:
      'Where it is: `https://host[:port][/path]`, `http://…`, or a Unix socket as `unix:/path.sock`. No user info, query or fragment.',
  });

const signing = closed(
  {
    credentials: credentialName('Credential (an AWS key) to sign with.'),
  },
  { description: 'Signs requests with AWS Signature Version 4.' },
);

const searchSigning = closed(
  {
    credentials: credentialName('Credential (an AWS key) to sign with.'),
    service: optional(
      Type.Enum(['es', 'aoss'], {
        default: 'es',
        description: 'Signing name: `es` for domains, `aoss` for serverless.',
      }),
    ),
  },
  { description: 'Signs requests with AWS Signature Version 4.' },
);

const credential = (description: string) =>
  optional(nullable(credentialName(description), { default: null, description }));

const strings = (description: string) =>
  optional(Type.Array(Type.String({ minLength: 1, maxLength: 2048 }), { default: [], uniqueItems: true, description }));

const flag = (value: boolean, description: string) => optional(Type.Boolean({ default: value, description }));

const storage = closed({
  url: url(),
  signing: optional(
    nullable(signing, { default: null, description: 'How requests are signed; null sends them unsigned.' }),
  ),
  bucket: optional(
    Type.String({
      minLength: 1,
      maxLength: 256,
      default: '{bucket}',
      description:
        'Physical bucket name, from `{bucket}` `{tenant}` `{classification}` `{region}` `{cloud_region}`. Without `{bucket}` all buckets become one. What parts `{tenant}` from `{bucket}` must be in no tenant id: `--`, say.',
    }),
  ),
  create_bucket: flag(false, 'Whether CreateBucket is passed on, with this region forced.'),
  server_side_encryption: optional(
    Type.Enum(['AES256', 'aws:kms', 'provider'], {
      default: 'AES256',
      description:
        'Encryption header put on writes of identity and transactional data; `provider`: none, the store encrypts by itself.',
    }),
  ),
});

const search = closed({
  url: url(),
  signing: optional(nullable(searchSigning, { default: null, description: 'How requests are signed.' })),
  credential: credential('Credential sent as a header; excludes `signing`.'),
  index: optional(
    Type.String({
      minLength: 1,
      maxLength: 256,
      default: '{index}',
      description:
        'Physical index name, from `{index}` `{tenant}` `{classification}` `{region}` `{cloud_region}`. Without `{index}` all indexes become one. What parts `{tenant}` from `{index}` must be in no tenant id: `--`, say.',
    }),
  ),
});

const bedrock = closed({
  url: url(),
  signing: optional(nullable(signing, { default: null, description: 'How requests are signed.' })),
  credential: credential('Credential sent as a header (a Bedrock API key); excludes `signing`.'),
  arns: strings('Opaque model ids or whole ARNs that may be used: provisioned, custom and imported models, profiles.'),
  guardrails: strings('Guardrails that may be used, by id or whole ARN.'),
  providers: strings('Providers of bare model ids, beyond those that Domicile knows.'),
});

const openai = closed({
  url: url(),
  credential: credential('Credential sent as a header.'),
  storage: flag(
    false,
    'Whether the host keeps state in this region; if not, `store: false` is forced for guarded classes.',
  ),
  processing: flag(true, 'Whether the host runs inference in this region.'),
});

const anthropic = closed({
  url: url(),
  credential: credential('Credential sent as a header.'),
  inference_geo: optional(
    nullable(shaped(/^[a-z0-9-]{1,32}$/, 'a geography that Anthropic knows, such as us', {}), {
      default: null,
      description: '`inference_geo` put into every request.',
    }),
  ),
  processing: optional(
    nullable(Type.Boolean(), {
      default: null,
      description: 'Whether inference runs in this region; null means true where `inference_geo` is set, else false.',
    }),
  ),
});

const endpoint = <S extends Parameters<typeof nullable>[0]>(schema: S, description: string) =>
  optional(nullable(schema, { default: null, description }));

const endpoints = closed(
  {
    storage: endpoint(storage, 'S3.'),
    search: endpoint(search, 'OpenSearch.'),
    bedrock: endpoint(bedrock, 'Amazon Bedrock.'),
    openai: endpoint(openai, 'OpenAI.'),
    anthropic: endpoint(anthropic, 'Anthropic.'),
  },
  { default: {}, description: 'Upstreams of the region; a key missing = not served there.' },
);

const text = (description: string) => optional(Type.String({ default: '', maxLength: 256, description }));

const region = closed({
  id: regionName({ description: 'Id, as policies and headers name it.' }),
  name: text('Name for people.'),
  cloud_region: regionName({ description: "The cloud's own name for it; accepted wherever the id is." }),
  country: countryCode({ description: 'Country that it lies in (ISO 3166-1 alpha-2).' }),
  geography: shaped(/^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/, 'a geography such as EU', {
    description: 'Geography for `regional` policies. The shipped catalogue has EU, NA and APAC.',
  }),
  data_center: text('Where the data centre is, for people.'),
  availability_zones: strings('Availability zones.'),
  sovereign: flag(
    false,
    "Your own declaration that the region is operated under its country's law alone; `fully-sovereign` policies use no other.",
  ),
  status: optional(
    Type.Enum([...STATUSES], {
      default: 'active',
      description: '`active`: everything; `draining`: access, delete and admin only; `inactive`: nothing.',
    }),
  ),
  certifications: strings('Certifications that it holds, for people and reports.'),
  networks: strings('CIDRs that its endpoints must resolve into; empty = not checked.'),
  endpoints: optional(endpoints),
});

const regions = closed(
  { regions: Type.Array(region, { minItems: 1, description: 'The regions, in order of preference for failover.' }) },
  { title: 'regions.yaml', description: 'The catalogue of regions and their upstreams.' },
);

/** A file of regions. */
export const REGIONS_FILE = new Shape(regions);

export type RegionsFile = Filled<Static<typeof regions>>;
export type RegionEntry = RegionsFile['regions'][number];
export type CredentialEntries = Filled<Static<typeof CREDENTIALS>>;
