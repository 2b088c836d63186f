import { Type } from 'typebox';
import { closed } from '../../core/schema.ts';
import { SERVICE_OF, SERVICES, STATUSES, type DialectId } from '../../core/vocabulary.ts';
import { REGIONS_FILE, type RegionEntry } from '../../region/schema.ts';
import { regionDocument, type RegionInForce } from '../laid-regions.ts';

/** Keys of a region, as regions.yaml writes them. */
export const REGION_KEYS = REGIONS_FILE.schema.properties.regions.items.properties;

const { status: _status, endpoints: _endpoints, ...CONTENT } = REGION_KEYS;

/** A region, as it is answered. */
export const REGION = closed(
  {
    ...CONTENT,
    status: Type.Enum([...STATUSES]),
    endpoints: Type.Union([REGION_KEYS.endpoints, Type.Null()], {
      description: 'Null: they are in a file, and not shown.',
    }),
    services: Type.Array(Type.Enum([...SERVICES]), { description: 'What it has endpoints for.' }),
    source: Type.Enum(['api', 'file'], { description: 'Of a region of a file, only the status is changed here.' }),
    revision: Type.Integer({ description: 'Its ETag.' }),
  },
  { title: 'Region' },
);

export function regionView(inForce: RegionInForce) {
  const { region, source, revision } = inForce;
  const dialects = Object.keys(region.endpoints) as DialectId[];
  return {
    ...contentOf(inForce),
    status: region.status,
    endpoints: inForce.entry?.endpoints ?? null,
    services: [...new Set(dialects.map((dialect) => SERVICE_OF[dialect]))],
    source,
    revision,
  };
}

/** What a region is, whatever its status and endpoints. */
export function contentOf(inForce: RegionInForce): Omit<RegionEntry, 'status' | 'endpoints'> {
  const { status: _, endpoints: __, ...content } = regionDocument(inForce).entry as RegionEntry;
  return content;
}
