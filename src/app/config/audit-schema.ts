import { Type } from 'typebox';
import { closed, named, nullable, optional, regionName, shaped, tenantId } from '../../core/schema.ts';
import { CLASSIFICATIONS } from '../../core/vocabulary.ts';

/** Key `audit` of domicile.yaml: how evidence is written, kept and passed on. */

const text = (description: string) => Type.String({ minLength: 1, maxLength: 4096, description });

const secret = (shortest: number, words: string, description: string) =>
  Type.String({ minLength: shortest, maxLength: 8192, 'x-secret': true, 'x-shape': words, description });

const days = (description: string) => Type.Integer({ minimum: 1, maximum: 36_500, description });

const classification = () => Type.Enum([...CLASSIFICATIONS]);

const classes = (description: string) =>
  optional(Type.Array(classification(), { default: [], uniqueItems: true, description }));

const PSEUDONYMS = closed({
  key: secret(
    32,
    'at least 32 characters',
    'Key of the HMAC-SHA-256: a reference. Whoever searches the log by them needs it.',
  ),
  fields: optional(
    Type.Array(Type.Enum(['subject', 'resource']), {
      default: ['subject', 'resource'],
      minItems: 1,
      uniqueItems: true,
      description: 'What is written as a pseudonym.',
    }),
  ),
});

const CHECKPOINT = closed(
  {
    log_seconds: optional(
      Type.Integer({
        minimum: 1,
        maximum: 86_400,
        default: 60,
        description: 'How often a checkpoint that changed is a line of the log, and posted to the peer. Seconds.',
      }),
    ),
    peer: optional(
      nullable(shaped(/^https?:\/\/[^\s]+$/, 'an http(s) address'), {
        default: null,
        description: 'Whom checkpoints are posted to, as text; null = nobody.',
      }),
    ),
  },
  { default: {}, description: 'Checkpoints that leave this machine, so that it cannot rewrite its history.' },
);

const OBJECT_LOCK = closed({
  mode: optional(
    Type.Enum(['GOVERNANCE', 'COMPLIANCE'], { default: 'COMPLIANCE', description: 'Who may delete before its time.' }),
  ),
  days: days('How long nobody may delete what was shipped. Days.'),
});

const SHIP = closed({
  folder: optional(
    nullable(text('A folder, relative to this file.'), {
      default: null,
      description: 'Folder to copy to; or else `bucket`.',
    }),
  ),
  bucket: optional(
    nullable(text(''), {
      default: null,
      description: 'Bucket to copy to through this data plane, which decides on it as on any other request.',
    }),
  ),
  prefix: optional(
    shaped(/^(?:[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*)?$/, 'names separated by /, without one at either end', {
      default: 'evidence',
      description: 'Beginning of the objects’ names.',
    }),
  ),
  tenant: optional(
    nullable(tenantId({}), { default: null, description: 'Tenant by whose policy the bucket is permitted.' }),
  ),
  classification: optional(
    Type.Enum([...CLASSIFICATIONS], { default: 'operational', description: 'Class of the evidence itself.' }),
  ),
  region: optional(
    nullable(regionName({}), { default: null, description: 'Region asked for; null = the policy chooses.' }),
  ),
  object_lock: optional(
    nullable(OBJECT_LOCK, {
      default: null,
      description: 'Object lock headers; null = none. The bucket must have it enabled.',
    }),
  ),
  every_seconds: optional(
    Type.Integer({ minimum: 1, maximum: 86_400, default: 60, description: 'How often it is shipped. Seconds.' }),
  ),
});

const RETENTION = closed(
  {
    days: optional(
      nullable(days(''), { default: null, description: 'How long records are kept at least; null = for ever. Days.' }),
    ),
    classes: optional(
      named(new RegExp(`^(?:${CLASSIFICATIONS.join('|')})$`), days(''), {
        default: {},
        description: 'Days by class. The longest of these, `days` and the policy’s `data_retention_days` counts.',
      }),
    ),
    hold: optional(
      Type.Array(Type.Union([tenantId({}), Type.Literal('*')]), {
        default: [],
        uniqueItems: true,
        description: 'Legal hold: tenants whose records are kept whatever their age; `*` = all.',
      }),
    ),
  },
  { default: {}, description: 'How long records of decisions are kept.' },
);

export const AUDIT = closed(
  {
    key: optional(
      nullable(secret(40, 'a PEM file of an Ed25519 key, or its seed in base64', ''), {
        default: null,
        description:
          'Private Ed25519 key of the log: a reference to PKCS#8 PEM, or base64 of the seed. null = `evidence.key` in the folder `state`, made at the first start.',
        'x-secret': true,
      }),
    ),
    flush_ms: optional(
      Type.Integer({
        minimum: 1,
        maximum: 40,
        default: 25,
        description: 'How long records are gathered before they are written together. Milliseconds.',
      }),
    ),
    queue: optional(
      Type.Integer({
        minimum: 1024,
        maximum: 1_000_000,
        default: 65_536,
        description: 'Records that may wait to be durable, in each worker; beyond it requests are refused.',
      }),
    ),
    strict_denials: classes('Classes whose refusals are durable before they are answered.'),
    best_effort: optional(
      Type.Array(Type.Enum(['content', 'analytical']), {
        default: [],
        uniqueItems: true,
        description: 'Classes whose requests pass even when no record can be written; a gap record says how many.',
      }),
    ),
    pseudonyms: optional(
      nullable(PSEUDONYMS, {
        default: null,
        description: 'Whether people and resources are named by pseudonyms; null = by themselves.',
      }),
    ),
    checkpoint: optional(CHECKPOINT),
    ship: optional(nullable(SHIP, { default: null, description: 'Where the log is copied to; null = nowhere.' })),
    retention: optional(RETENTION),
    collect: optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 4096 }), {
        default: [],
        description: 'Folders with logs of other machines, which the control plane here answers from too.',
      }),
    ),
  },
  { default: {}, description: 'Evidence: a record of every decision, in a log that nobody can quietly change.' },
);
