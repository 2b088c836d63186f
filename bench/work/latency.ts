import type { Findings, Work } from '../bench.ts';
import { onStage } from '../contest.ts';
import { steady } from '../load/steady.ts';
import { startDomicile } from '../peers/domicile.ts';
import { startNginx } from '../peers/nginx.ts';
import type { Peer, Stage } from '../peers/peer.ts';
import { GET_DOCUMENT } from '../requests.ts';
import { rounded, row } from '../rows.ts';
import { compared, TARGETS } from '../targets.ts';

/** How long a request takes at half of the rate that Domicile can do, each peer at the same rate. */
export const latency: Work = {
  key: 'latency',
  title: 'Latency at half load',
  run: (bench) =>
    onStage(bench, 'document', async (stage): Promise<Findings> => {
      const { search } = await startDomicile(stage);
      const upstream = direct(stage);
      const peers = [search, await startNginx(stage, 'proxy_pass'), upstream];
      bench.say('latency: how much Domicile can do');
      await bench.generator(search.url, GET_DOCUMENT, bench.connections, bench.warmUpSeconds);
      const most = await bench.generator(search.url, GET_DOCUMENT, bench.connections, bench.seconds);
      const rate = Math.round(most.requests / bench.seconds / 2);
      await steady(upstream.url, GET_DOCUMENT, bench.connections, rate, 1); // the generator warms up, too
      const all = peers.map((peer) => ({ peer, p50: [] as number[], p99: [] as number[] }));
      for (let round = 1; round <= bench.rounds; round++) {
        for (const { peer, p50, p99 } of all) {
          if (peer === null) continue;
          const load = await steady(peer.url, GET_DOCUMENT, bench.connections, rate, bench.seconds);
          p50.push(load.p50 / 1000);
          p99.push(load.p99 / 1000);
          const figure = `p50 ${rounded(load.p50)} µs, p99 ${rounded(load.p99)} µs`;
          bench.say(`latency: round ${round} of ${bench.rounds}, ${peer.name}, ${rate} req/s: ${figure}`);
        }
      }
      const [ours, nginx] = all;
      return {
        lines: [compared(TARGETS.latency, ours!.p99, nginx!.p99, 'ms')],
        measured: all.flatMap(({ peer, p50, p99 }) => {
          if (peer === null) return [];
          const rows = [row('rate', 'req/s', [rate]), row('p50', 'ms', p50), row('p99', 'ms', p99)];
          return [{ proxy: peer.name, does: peer.does, rows }];
        }),
      };
    }),
};

function direct(stage: Stage): Peer {
  return { name: 'direct', does: 'no proxy', url: `http://127.0.0.1:${stage.upstream}`, processes: [] };
}
