import { STATUSES } from '../core/vocabulary.ts';
import type { RegionDocument, WorldDocument } from './documents.ts';

/** What of an entry says where data would be. */
const PLACE = ['cloud_region', 'country', 'geography', 'sovereign'] as const;

/**
 * What holds where a world is refused: all that it says but for its regions. These are the ones of before, and what the
 * refused world closes, moves or does not know any more is closed: it opens nothing, and keeps nothing open.
 */
export function closedBy(refused: WorldDocument, before: WorldDocument): WorldDocument {
  const said = new Map(refused.regions.map((region) => [region.id, region]));
  return { ...refused, regions: before.regions.map((region) => closed(region, said.get(region.id))) };
}

function closed(region: RegionDocument, said: RegionDocument | undefined): RegionDocument {
  const same = said !== undefined && PLACE.every((key) => region.entry[key] === said.entry[key]);
  const other = same ? STATUSES.indexOf(said.status) : STATUSES.length - 1;
  // From the most open to the most closed.
  return { ...region, status: STATUSES[Math.max(STATUSES.indexOf(region.status), other)]! };
}
