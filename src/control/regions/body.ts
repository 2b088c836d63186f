import { isDeepStrictEqual } from 'node:util';
import { Type, type TSchema } from 'typebox';
import { closed, countryCode, nullable, optional, regionName, Shape } from '../../core/schema.ts';
import { STATUSES } from '../../core/vocabulary.ts';
import type { Catalogue } from '../../region/catalogue.ts';
import { geographyOf } from '../../region/geography.ts';
import type { RegionEntry } from '../../region/schema.ts';
import type { Call } from '../call.ts';
import type { RegionInForce } from '../laid-regions.ts';
import { contentOf, REGION_KEYS } from './views.ts';

const { id: _id, geography, status: _status, cloud_region, country, ...KEYS } = REGION_KEYS;

const maybe = (description: string) => ({ default: null, description });
const ignored = { default: null, readOnly: true, description: 'Ignored: what was read may be sent back.' };

/** A region to be made. */
export const POST_BODY = new Shape(
  closed({
    ...KEYS,
    cloud_region,
    country,
    id: optional(
      nullable(regionName({}), maybe('Id; left out, the cloud region without the number at its end: `eu-west`.')),
    ),
    geography: optional(nullable(geography, maybe('Geography; left out, that of the country, where it is known.'))),
  }),
);

/** A key of a region that changes only where it is sent: what narrows, such as `networks`, is not lost by leaving it out. */
const kept = <S extends TSchema>(schema: S) => optional(nullable(schema, maybe('Left out: as it is.')));

/** What is to be changed of a region; of one of a file, the status alone. Also all of it, as it was read. */
export const PUT_BODY = new Shape(
  closed({
    name: kept(KEYS.name),
    cloud_region: kept(regionName({})),
    country: kept(countryCode({})),
    geography: kept(geography),
    data_center: kept(KEYS.data_center),
    availability_zones: kept(KEYS.availability_zones),
    sovereign: kept(KEYS.sovereign),
    certifications: kept(KEYS.certifications),
    networks: kept(KEYS.networks),
    endpoints: optional(
      nullable(KEYS.endpoints, maybe('Upstreams of the region, as in regions.yaml; left out: as they are.')),
    ),
    id: optional(nullable(regionName({}), maybe('That of the path, if it is sent.'))),
    status: kept(Type.Enum([...STATUSES])),
    services: optional(nullable(Type.Array(Type.String()), ignored)),
    source: optional(nullable(Type.String(), ignored)),
    revision: optional(nullable(Type.Integer(), ignored)),
  }),
);

type PostBody = ReturnType<typeof POST_BODY.withDefaults>;
type PutBody = ReturnType<typeof PUT_BODY.withDefaults>;

/** As systems in use send it. */
export const EXAMPLES = [
  {
    name: 'EU West (Ireland)',
    aws_region: 'eu-west-1',
    country_code: 'IE',
    data_center_location: 'Dublin, Ireland',
    availability_zones: ['eu-west-1a', 'eu-west-1b', 'eu-west-1c'],
  },
];

/** The region that a body describes. @throws ApiError 400 when it has no geography and its country has none known here */
export function newEntry(call: Call<PostBody>, catalogue: Catalogue): RegionEntry {
  const { body } = call;
  const derived = body.geography ?? geographyOf(body.country, catalogue.regions);
  if (derived === null)
    throw call.bad(call.problem(['geography'], `is missing, and not known for ${body.country}: add it, such as EU`));
  const id = body.id ?? (body.cloud_region.replace(/-?\d+$/, '') || body.cloud_region);
  return { ...body, id, geography: derived, status: 'inactive' };
}

/** The region that a body puts in the place of `before`, which the API has made. */
export function replacingEntry({ body }: Call<PutBody>, before: RegionEntry): RegionEntry {
  return {
    id: before.id,
    name: body.name ?? before.name,
    cloud_region: body.cloud_region ?? before.cloud_region,
    country: body.country ?? before.country,
    geography: body.geography ?? before.geography,
    data_center: body.data_center ?? before.data_center,
    availability_zones: body.availability_zones ?? before.availability_zones,
    sovereign: body.sovereign ?? before.sovereign,
    certifications: body.certifications ?? before.certifications,
    networks: body.networks ?? before.networks,
    endpoints: body.endpoints ?? before.endpoints,
    status: 'inactive',
  };
}

/** Whether every field that was sent, its status aside, is what the region has. Null is as good as left out. */
export function saysTheSame(call: Call<PostBody | PutBody>, inForce: RegionInForce): boolean {
  const content: Readonly<Record<string, unknown>> = {
    ...contentOf(inForce),
    endpoints: inForce.entry?.endpoints ?? null,
  };
  const sent: Readonly<Record<string, unknown>> = call.body;
  return Object.keys(content).every(
    (key) => !call.sent(key) || sent[key] === null || isDeepStrictEqual(plain(sent[key]), plain(content[key])),
  );
}

function plain(value: unknown): unknown {
  return value === undefined ? null : (JSON.parse(JSON.stringify(value)) as unknown);
}
