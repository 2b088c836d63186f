import { isVisibleId } from '../core/ids.ts';
import type { Classification } from '../core/vocabulary.ts';
import { classOnRecord, type Bundle } from '../policy/compile.ts';
import { decide } from '../policy/decide.ts';
import type { Decision, Facts } from '../policy/model.ts';
import { secure } from '../region/availability.ts';
import type { Catalogue } from '../region/catalogue.ts';
import { usesOf } from '../store/uses.ts';
import type { Call } from './call.ts';
import type { ControlContext } from './context.ts';
import { ApiError } from './problem.ts';
import type { TenantNow } from './tenant-now.ts';

/** Who would act, and from where: what a caller of the API says of the request that it asks about. */
export interface Caller {
  readonly user: string | null;
  /** Place in the catalogue. */
  readonly callerRegion: number;
}

/** `X-User-ID` and `X-Region`, believed. @param catalogue where the place is @throws ApiError 400 */
export function callerOf(call: Call, catalogue: Catalogue): Caller {
  const { files } = call.context.registry;
  const user = call.header('x-user-id');
  if (user !== null && !isVisibleId(user))
    throw new ApiError(400, 'Bad header', 'X-User-ID must be 1 to 256 visible ASCII characters', {
      reason: 'request_malformed',
    });
  const sent = call.header('x-region');
  const region = catalogue.find(sent ?? files.selfRegion);
  if (region === null)
    throw new ApiError(400, 'Bad header', `X-Region: there is no region ${sent ?? files.selfRegion}`, {
      reason: 'region_unknown',
    });
  return { user, callerRegion: region.index };
}

const LOWEST: Classification = 'analytical';

/**
 * The class that something is decided by: what is claimed; what is on record where nothing is claimed and all of it is
 * on record; else the default. A record of any of it that has a higher one goes before, as in the data plane.
 */
export function classFor(
  bundle: Bundle | null,
  claimed: Classification | null,
  { service, naming, resources }: Pick<Facts, 'service' | 'naming' | 'resources'>,
  otherwise: Classification | null,
): Classification | null {
  if (bundle === null) return claimed ?? otherwise;
  const recorded = resources.length > 0 && resources.every((resource) => bundle.records.has(resource));
  const least = claimed ?? (recorded ? LOWEST : otherwise);
  // A search that names no index is one of all of them.
  const asked = naming === 'none' && service === 'search' ? ['_all'] : resources;
  return least === null ? null : classOnRecord(bundle, least, asked);
}

/** Decides as the data plane would now, by the health and the uses that are known here. */
export async function decideNow(
  { registry, store, world }: ControlContext,
  { bundle, catalogue }: Pick<TenantNow, 'bundle' | 'catalogue'>,
  facts: Facts,
): Promise<Decision> {
  const counted = bundle === null ? [] : bundle.grants.filter(({ grant }) => grant.maxUses !== null);
  const uses = await usesOf(
    store.db,
    counted.map(({ grant }) => grant.id),
  );
  const now = await store.now();
  // Its places are those of the catalogue in force, which may be another by now.
  const available = world.available(facts.dialect, facts.verb);
  return decide(bundle, facts, {
    now,
    selfRegion: catalogue.find(registry.files.selfRegion)?.index ?? -1,
    available: Uint8Array.from(catalogue.regions, ({ id }) => available[registry.catalogue.find(id)?.index ?? -1] ?? 0),
    secure: secure(catalogue, facts.dialect),
    uses: (id) => uses.get(id) ?? 0,
  });
}
