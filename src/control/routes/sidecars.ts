import { Type } from 'typebox';
import { closed } from '../../core/schema.ts';
import type { SidecarState } from '../context.ts';
import { afterOf, pageFrom, pageOf, pageQuery } from '../page.ts';
import { route, type AnyRoute } from '../route.ts';

const SIDECAR = closed({
  name: Type.String(),
  worker: Type.Union([Type.Integer(), Type.Null()], { description: 'Number of the process, where several serve.' }),
  region: Type.String(),
  version: Type.String(),
  address: Type.String({ description: 'Address and port, or unix.' }),
  revision: Type.Integer({ description: 'Of the store, that it has applied.' }),
  lag_revisions: Type.Integer({ description: 'How far it is behind what it was told; 0: it has everything.' }),
  lag_ms: Type.Number({ description: 'The same in milliseconds.' }),
  connected_since: Type.String({ format: 'date-time' }),
  refused: Type.Union([Type.String(), Type.Null()], { description: 'Why it refused the last message.' }),
});

/** The proxies that this control plane feeds: each replica knows its own. */
export const SIDECAR_ROUTES: readonly AnyRoute[] = [
  route({
    method: 'GET',
    path: '/api/v1/sidecars',
    action: 'sidecars.read',
    tag: 'sidecars',
    summary: 'The proxies fed by this control plane, and what they have',
    description: 'Those that are connected to the replica that answers, one for each process.',
    query: pageQuery({}),
    answers: { 200: pageOf(SIDECAR) },
    async handle({ context, query }) {
      const after = afterOf(query);
      const sidecars = context.world.sidecars().map((sidecar) => ({ sidecar, key: keyOf(sidecar) }));
      sidecars.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
      const page = pageFrom(
        sidecars.filter(({ key }) => after === null || key > after),
        query.limit,
        ({ key }) => key,
      );
      return { body: { ...page, items: page.items.map(({ sidecar }) => shown(sidecar)) } };
    },
  }),
];

/** Processes of one machine share its name, and two machines may be given one by mistake. */
function keyOf({ name, worker, address }: SidecarState): string {
  return `${name} ${worker ?? ''} ${address}`;
}

function shown({ lagRevisions, lagMs, connectedAt, ...sidecar }: SidecarState) {
  return {
    ...sidecar,
    lag_revisions: lagRevisions,
    lag_ms: lagMs,
    connected_since: new Date(connectedAt).toISOString(),
  };
}
