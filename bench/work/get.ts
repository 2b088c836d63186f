import { contest, onStage, rowsOf } from '../contest.ts';
import type { Findings, Work } from '../bench.ts';
import { autocannon } from '../load/autocannon.ts';
import { startDomicile } from '../peers/domicile.ts';
import { startEnvoy } from '../peers/envoy.ts';
import { startHaproxy } from '../peers/haproxy.ts';
import { startNginx } from '../peers/nginx.ts';
import { startNodePeer } from '../peers/node.ts';
import { GET_DOCUMENT } from '../requests.ts';
import { compared, TARGETS } from '../targets.ts';

const request = GET_DOCUMENT;

/** The least that a request costs, beside all peers. */
export const get: Work = {
  key: 'get',
  title: 'GET of 200 bytes, OpenSearch shape, not signed',
  run: (bench) =>
    onStage(bench, 'document', async (stage): Promise<Findings> => {
      const figures = await contest(bench, 'get', [
        { peer: (await startDomicile(stage)).search, request },
        { peer: await startNginx(stage, 'map'), request },
        { peer: await startNginx(stage, 'auth_request'), request },
        { peer: await startNodePeer(stage, '@fastify/reply-from'), request },
        { peer: await startNodePeer(stage, 'http-proxy'), request },
        { peer: await startEnvoy(stage, 'table'), request },
        { peer: await startEnvoy(stage, 'ext_authz'), request },
        { peer: await startHaproxy(stage), request },
      ]);
      const [ours, nginx, authRequest, replyFrom, httpProxy, envoy, extAuthz] = figures;
      return {
        lines: [
          compared(TARGETS.getNginx, ours.cpu, nginx.cpu, 'µs'),
          compared(TARGETS.getAuthRequest, ours.cpu, authRequest.cpu, 'µs'),
          compared(TARGETS.getReplyFrom, ours.cpu, replyFrom.cpu, 'µs'),
          compared(TARGETS.getHttpProxy, ours.cpu, httpProxy.cpu, 'µs'),
          compared(TARGETS.getEnvoy, ours.cpu, envoy.cpu, 'µs'),
          compared(TARGETS.getExtAuthz, ours.cpu, extAuthz.cpu, 'µs'),
        ],
        measured: rowsOf(figures),
      };
    }),
};

/** The same by autocannon, whose HTTP client is another: a second opinion, without a target. */
export const getAgain: Work = {
  key: 'autocannon',
  title: 'The same GET, by autocannon',
  run: (bench) =>
    onStage(bench, 'document', async (stage): Promise<Findings> => {
      const entrants = [
        { peer: (await startDomicile(stage)).search, request },
        { peer: await startNginx(stage, 'map'), request },
        { peer: await startNodePeer(stage, '@fastify/reply-from'), request },
        { peer: await startNodePeer(stage, 'http-proxy'), request },
      ];
      return { measured: rowsOf(await contest(bench, 'autocannon', entrants, 1, autocannon(bench.folder))) };
    }),
};
