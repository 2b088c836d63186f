import type { Findings, Work } from '../bench.ts';
import { contest, onStage, rowsOf } from '../contest.ts';
import { startDomicile } from '../peers/domicile.ts';
import { startNginx } from '../peers/nginx.ts';
import { GET_REFUSED } from '../requests.ts';
import { compared, TARGETS } from '../targets.ts';

/** The deny path: a decision, a refusal in the dialect's words, and no upstream. */
export const refusal: Work = {
  key: 'refusal',
  title: 'Refusal, region_not_allowed',
  run: (bench) =>
    onStage(bench, 'document', async (stage): Promise<Findings> => {
      const figures = await contest(bench, 'refusal', [
        { peer: (await startDomicile(stage)).search, request: GET_REFUSED },
        { peer: await startNginx(stage, 'refuse'), request: GET_REFUSED },
      ]);
      const [ours, nginx] = figures;
      return { lines: [compared(TARGETS.refusal, ours.cpu, nginx.cpu, 'µs')], measured: rowsOf(figures) };
    }),
};
