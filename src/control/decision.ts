import { isVisibleId } from '../core/ids.ts';
import type { Classification } from '../core/vocabulary.ts';
import { classOnRecord, type Bundle } from '../policy/compile.ts';
import { decide } from '../policy/decide.ts';
import type { Decision, Facts } from '../policy/model.ts';
import { secure } from '../region/availability.ts';
import { usesOf } from '../store/uses.ts';
import type { Call } from './call.ts';
import type { ControlContext } from './context.ts';
import { ApiError } from './problem.ts';

/** Who would act, and from where: what a caller of the API says of the request that it asks about. */
export interface Caller {
  readonly user: string | null;
  /** Place in the catalogue. */
  readonly callerRegion: number;
}

/** `X-User-ID` and `X-Region`, believed. @throws ApiError 400 */
export function callerOf(call: Call): Caller {
  const { catalogue, files } = call.context.registry;
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

/**
 * The class that something is decided by: what is claimed, unless a record has a higher one; what is on record where
 * nothing is claimed; the default where nothing is on record.
 */
export function classFor(
  bundle: Bundle | null,
  claimed: Classification | null,
  resources: readonly string[],
  otherwise: Classification | null,
): Classification | null {
  if (bundle === null) return claimed ?? otherwise;
  if (claimed !== null) return classOnRecord(bundle, claimed, resources);
  // `analytical` is the lowest: what comes back higher than it, or is recorded, comes of a record.
  const recorded = resources.some((resource) => bundle.records.has(resource));
  return recorded ? classOnRecord(bundle, 'analytical', resources) : otherwise;
}

/** Decides as the data plane would now, by the health and the uses that are known here. */
export async function decideNow(
  { registry, store, world }: ControlContext,
  bundle: Bundle | null,
  facts: Facts,
): Promise<Decision> {
  const { catalogue, files } = registry;
  const counted = bundle === null ? [] : bundle.grants.filter(({ grant }) => grant.maxUses !== null);
  const uses = await usesOf(
    store.db,
    counted.map(({ grant }) => grant.id),
  );
  return decide(bundle, facts, {
    now: await store.now(),
    selfRegion: catalogue.find(files.selfRegion)?.index ?? -1,
    available: world.available(facts.dialect, facts.verb),
    secure: secure(catalogue, facts.dialect),
    uses: (id) => uses.get(id) ?? 0,
  });
}
