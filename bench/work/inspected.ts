import type { Findings, Work } from '../bench.ts';
import { contest, onStage, rowsOf } from '../contest.ts';
import { startDomicile } from '../peers/domicile.ts';
import { startNginx } from '../peers/nginx.ts';
import { CHAT, INDEX_MANY } from '../requests.ts';
import { compared, TARGETS } from '../targets.ts';

/** Bodies that Domicile collects, reads and judges, where nginx passes bytes. */
export const bulk: Work = {
  key: 'bulk',
  title: 'OpenSearch _bulk of 64 KB',
  run: (bench) =>
    onStage(bench, 'document', async (stage): Promise<Findings> => {
      const figures = await contest(bench, 'bulk', [
        { peer: (await startDomicile(stage)).search, request: INDEX_MANY },
        { peer: await startNginx(stage, 'proxy_pass'), request: INDEX_MANY },
      ]);
      const [ours, nginx] = figures;
      return { lines: [compared(TARGETS.bulk, ours.cpu, nginx.cpu, 'µs')], measured: rowsOf(figures) };
    }),
};

export const chat: Work = {
  key: 'chat',
  title: 'Chat completion of 4 KB, 200 events streamed',
  run: (bench) =>
    onStage(bench, 'events', async (stage): Promise<Findings> => {
      // Answers that a load's end cuts off are work that counts for no request: a longer load has fewer of them.
      const seconds = bench.seconds * 2;
      const entrants = [
        { peer: (await startDomicile(stage)).inference, request: CHAT },
        { peer: await startNginx(stage, 'unbuffered'), request: CHAT },
      ] as const;
      const figures = await contest(bench, 'chat', entrants, seconds);
      const [ours, nginx] = figures;
      return { lines: [compared(TARGETS.chat, ours.cpu, nginx.cpu, 'µs')], measured: rowsOf(figures) };
    }),
};
