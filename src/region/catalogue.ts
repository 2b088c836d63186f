import type { DialectId, RegionStatus } from '../core/vocabulary.ts';

/** How an upstream request is authenticated. Secrets are resolved values, never `${…}` references. */
export type Authentication =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'sigv4';
      /** Name of the credential in `credentials`, safe to log. */
      readonly name: string;
      /** Signing name: `s3`, `es`, `aoss`, `bedrock`. */
      readonly service: string;
      readonly accessKeyId: string;
      readonly secretAccessKey: string;
      readonly sessionToken: string | null;
    }
  /** One fixed header, such as `authorization: Bearer …` or `x-api-key: …`; basic authentication is one too. */
  | { readonly kind: 'header'; readonly name: string; readonly header: string; readonly value: string };

/** One upstream of one region. Fields that a dialect does not use have their null or empty value. */
export interface Endpoint {
  readonly dialect: DialectId;
  /** `https:` or `http:`. */
  readonly protocol: string;
  /** Host header: name, with the port unless it is the scheme's own. */
  readonly host: string;
  /** `https://host:port`: what a connection is made to. */
  readonly origin: string;
  /** Path prefix without a trailing slash; usually empty. */
  readonly basePath: string;
  /** Unix socket of the upstream, or null. */
  readonly socketPath: string | null;
  /** Encrypted, or never on a network: TLS, a loopback address, or a Unix socket (DESIGN 1.5, step 9). */
  readonly secure: boolean;
  /** TLS: what UNSIGNED-PAYLOAD may cross, as may loopback. */
  readonly tls: boolean;
  readonly authentication: Authentication;
  /** s3: template of the physical bucket name. */
  readonly bucket: string;
  readonly createBucket: boolean;
  readonly serverSideEncryption: 'AES256' | 'aws:kms' | 'provider';
  /** opensearch: template of the physical index name. */
  readonly index: string;
  /** bedrock: opaque ids that are allowed, each an id or a whole ARN. */
  readonly arns: readonly string[];
  readonly guardrails: readonly string[];
  readonly providers: readonly string[];
  /** openai: state is kept in this region; anthropic, openai: inference runs in it. */
  readonly storage: boolean;
  readonly processing: boolean;
  /** anthropic: value forced into the body, or null. */
  readonly inferenceGeo: string | null;
}

export interface Region {
  /** Place in the catalogue, and the region's index in every table that is made from it. */
  readonly index: number;
  readonly id: string;
  readonly name: string;
  readonly cloudRegion: string;
  readonly country: string;
  readonly geography: string;
  readonly dataCenter: string;
  readonly availabilityZones: readonly string[];
  readonly sovereign: boolean;
  readonly status: RegionStatus;
  readonly certifications: readonly string[];
  readonly networks: readonly string[];
  readonly endpoints: Readonly<Partial<Record<DialectId, Endpoint>>>;
}

/** Service names of the catalogue's `endpoints` keys: storage → s3, search → opensearch, the rest as they are. */
export const ENDPOINT_KEYS: Readonly<Record<string, DialectId>> = {
  storage: 's3',
  search: 'opensearch',
  bedrock: 'bedrock',
  openai: 'openai',
  anthropic: 'anthropic',
};

/** The regions, by id and by cloud region name. Immutable: a change of status makes a new one. */
export class Catalogue {
  readonly regions: readonly Region[];
  readonly #byName = new Map<string, Region>();

  /** @throws TypeError when two regions share a name, or an index is not the place in the list */
  constructor(regions: readonly Region[]) {
    this.regions = regions;
    regions.forEach((region, i) => {
      if (region.index !== i) throw new TypeError(`region ${region.id}: index ${region.index} is not its place ${i}`);
      for (const name of new Set([region.id, region.cloudRegion])) {
        if (this.#byName.has(name)) throw new TypeError(`region name ${name} is taken`);
        this.#byName.set(name, region);
      }
    });
  }

  /** The region of an id or a cloud region name, compared exactly; null when there is none. */
  find(name: string): Region | null {
    return this.#byName.get(name) ?? null;
  }
}

/** What `{…}` in a bucket or index template may name. */
export interface TemplateValues {
  readonly name: string;
  readonly tenant: string;
  readonly classification: string;
  readonly region: string;
  readonly cloudRegion: string;
}

const PLACEHOLDER = /(\{(?:bucket|index|tenant|classification|region|cloud_region)\})/;

/** Templates taken apart, each once: there are as many as endpoints. Even places are texts, odd ones placeholders. */
const templates = new Map<string, readonly string[]>();

/** Physical name of a logical bucket or index. `{bucket}` and `{index}` both stand for `name`. */
export function expandTemplate(template: string, values: TemplateValues): string {
  if (template === '{bucket}' || template === '{index}') return values.name;
  const parts = partsOf(template);
  let expanded = parts[0] as string;
  for (let i = 1; i < parts.length; i += 2) expanded += valueOf(parts[i] as string, values) + parts[i + 1];
  return expanded;
}

/**
 * Whether no other tenant's bucket or index can become the same physical one, nor match a wildcard of this tenant's.
 * `{tenant}-{index}` makes `a-b-c` of tenant `a` with `b-c` and of tenant `a-b` with `c`: so the text that parts the
 * tenant from the name must not occur in its id, nor begin in it.
 */
export function tellsApart(template: string, tenant: string): boolean {
  if (!template.includes('{tenant}')) return true;
  const parts = partsOf(template);
  const names = [parts.indexOf('{bucket}'), parts.indexOf('{index}')].filter((at) => at >= 0);
  const at = parts.indexOf('{tenant}');
  if (names.every((name) => name > at)) {
    const after = parts[at + 1] as string;
    return names.length === 0 || (after !== '' && (tenant + after).indexOf(after) === tenant.length);
  }
  const before = parts[at - 1] as string;
  return names.every((name) => name < at) && before !== '' && (before + tenant).lastIndexOf(before) === 0;
}

function partsOf(template: string): readonly string[] {
  let parts = templates.get(template);
  if (parts === undefined) templates.set(template, (parts = template.split(PLACEHOLDER)));
  return parts;
}

function valueOf(placeholder: string, values: TemplateValues): string {
  switch (placeholder) {
    case '{tenant}':
      return values.tenant;
    case '{classification}':
      return values.classification;
    case '{region}':
      return values.region;
    case '{cloud_region}':
      return values.cloudRegion;
    default:
      return values.name;
  }
}
