import type { RegionStatus } from '../../core/vocabulary.ts';
import { deleteRegion, putRegion } from '../../store/regions.ts';
import type { Change } from '../../store/store.ts';
import { conflict, notFound, type Call } from '../call.ts';
import type { RegionInForce } from '../laid-regions.ts';
import { afterOf, pageFrom, pageOf, pageQuery } from '../page.ts';
import { EXAMPLES, newEntry, POST_BODY, PUT_BODY, replacingEntry, saysTheSame } from '../regions/body.ts';
import { REGION, regionView } from '../regions/views.ts';
import { route, type AnyRoute, type Answer } from '../route.ts';
import { writeRefusal } from '../write-refusal.ts';

const tag = 'regions';
const BASE = '/api/v1/regions';

/** Regions of the catalogue and of the store. */
export const REGION_ROUTES: readonly AnyRoute[] = [
  route({
    method: 'GET',
    path: BASE,
    action: 'regions.read',
    tag,
    summary: 'Regions, in order of preference for failover',
    query: pageQuery({}),
    answers: { 200: pageOf(REGION) },
    async handle(call) {
      const { regions } = call.context.registry;
      const after = afterOf(call.query);
      const from = after === null ? 0 : regions.findIndex(({ region }) => region.id === after) + 1;
      if (after !== null && from === 0)
        throw call.bad({ path: '/cursor', message: 'names a region that is gone: leave it out to begin anew' });
      const page = pageFrom(regions.slice(from), call.query.limit, ({ region }) => region.id);
      return { body: { ...page, items: page.items.map(regionView) } };
    },
  }),
  route({
    method: 'POST',
    path: BASE,
    action: 'regions.write',
    tag,
    summary: 'Makes a region',
    description:
      'It is `inactive` until it has an endpoint and is activated. What is there already with all that is sent is ' +
      'answered with 200.',
    body: POST_BODY,
    examples: EXAMPLES,
    answers: { 200: REGION, 201: REGION },
    async handle(call) {
      const entry = newEntry(call, call.context.registry.catalogue);
      return call.change(async (change) => {
        const { registry } = call.context;
        const regions = await registry.regionsAt(change.db);
        const same = regions.find(({ region }) => region.id === entry.id && region.cloudRegion === entry.cloud_region);
        if (same !== undefined && saysTheSame(call, same)) return answerOf(same);
        const problems = await registry.checkRegion(change, entry, null);
        if (problems.length > 0) throw writeRefusal(call, problems);
        await putRegion(change, { id: entry.id, status: 'inactive', entry }, 'created');
        return { ...(await answerNow(call, change, entry.id)), status: 201, location: `${BASE}/${entry.id}` };
      });
    },
  }),
  route({
    method: 'GET',
    path: `${BASE}/{region_id}`,
    action: 'regions.read',
    tag,
    summary: 'A region, by its id or cloud region name',
    answers: { 200: REGION },
    async handle(call) {
      return answerOf(named(call, call.context.registry.regions));
    },
  }),
  route({
    method: 'PUT',
    path: `${BASE}/{region_id}`,
    action: 'regions.write',
    tag,
    summary: 'Changes a region; of one of a file, the status alone',
    body: PUT_BODY,
    ifMatch: true,
    answers: { 200: REGION },
    handle: (call) =>
      call.change(async (change) => {
        const { registry } = call.context;
        const before = named(call, await registry.regionsAt(change.db));
        const { id } = before.region;
        const status = call.body.status ?? before.region.status;
        if (call.body.id !== null && call.body.id !== id)
          throw call.bad(call.problem(['id'], `is not the one of the path, ${id}: leave it out`));
        if (before.entry === null && !saysTheSame(call, before))
          throw conflict(`region ${id} is kept in a file: of it only the status is changed here`);
        const entry = before.entry === null ? null : replacingEntry(call, before.entry);
        if (entry !== null) {
          const problems = await registry.checkRegion(change, entry, id);
          if (problems.length > 0) throw writeRefusal(call, problems);
        }
        const served =
          entry === null ? hasEndpoint(before) : Object.values(entry.endpoints).some((each) => each !== null);
        if (status === 'active' && !served) throw withoutEndpoint(id);
        call.matches(before.revision);
        await putRegion(change, { id, status, entry }, 'updated');
        return answerNow(call, change, id);
      }),
  }),
  route({
    method: 'DELETE',
    path: `${BASE}/{region_id}`,
    action: 'regions.write',
    tag,
    summary: 'Deletes a region that nothing names',
    ifMatch: true,
    answers: { 204: null },
    handle: (call) =>
      call.change(async (change) => {
        const { registry } = call.context;
        const before = named(call, await registry.regionsAt(change.db));
        const { id } = before.region;
        if (before.entry === null) throw conflict(`region ${id} is kept in a file: remove it there`);
        const naming = await registry.namingRegion(change.db, before.region);
        if (naming.length > 0) throw conflict(`region ${id} is named by ${naming.join(', ')}: change that first`);
        call.matches(before.revision);
        await deleteRegion(change, id);
        return { status: 204 };
      }),
  }),
  statusRoute('activate', 'active', 'activated', 'Lets a region serve everything'),
  statusRoute('drain', 'draining', 'drained', 'Lets a region serve reads and deletions only'),
];

function statusRoute(word: string, status: RegionStatus, action: string, summary: string): AnyRoute {
  return route({
    method: 'POST',
    path: `${BASE}/{region_id}/${word}`,
    action: 'regions.write',
    tag,
    summary,
    answers: { 200: REGION },
    handle: (call) =>
      call.change(async (change) => {
        const before = named(call, await call.context.registry.regionsAt(change.db));
        const { id, status: now } = before.region;
        if (now === status) return answerOf(before);
        if (status === 'active' && !hasEndpoint(before)) throw withoutEndpoint(id);
        if (status === 'draining' && now === 'inactive')
          throw conflict(`region ${id} is inactive: there is nothing in it to drain`);
        await putRegion(change, { id, status, entry: before.entry }, action);
        return answerNow(call, change, id);
      }),
  });
}

/** The region of the path. @throws ApiError 404 */
function named(call: Call, regions: readonly RegionInForce[]): RegionInForce {
  const name = call.param('region_id');
  const found = regions.find(({ region }) => region.id === name || region.cloudRegion === name);
  if (found === undefined) throw notFound('region', name);
  return found;
}

function hasEndpoint({ region }: RegionInForce): boolean {
  return Object.keys(region.endpoints).length > 0;
}

function withoutEndpoint(id: string) {
  return conflict(`region ${id} has no endpoint: PUT it with endpoints first`);
}

function answerOf(inForce: RegionInForce): Answer {
  return { body: regionView(inForce), revision: inForce.revision };
}

/** The region as it is after what the change has done so far. */
async function answerNow(call: Call, change: Change, id: string): Promise<Answer> {
  const regions = await call.context.registry.regionsAt(change.db);
  return answerOf(regions.find(({ region }) => region.id === id) as RegionInForce);
}
