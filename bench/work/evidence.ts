import type { Findings, Work } from '../bench.ts';
import { contest, onStage, rowsOf } from '../contest.ts';
import { startDomicile } from '../peers/domicile.ts';
import { GET_DOCUMENT, GET_GRANTED } from '../requests.ts';
import { compared, TARGETS } from '../targets.ts';

/** What a record costs: none, in batches, and durable before anything is forwarded. */
export const evidence: Work = {
  key: 'evidence',
  title: 'Evidence: the same GET without it, in batches, and strict (by a grant)',
  run: (bench) =>
    onStage(bench, 'document', async (stage): Promise<Findings> => {
      const without = await startDomicile(stage, 'none');
      const kept = await startDomicile(stage);
      const figures = await contest(bench, 'evidence', [
        { peer: without.search, request: GET_DOCUMENT },
        { peer: kept.search, request: GET_DOCUMENT },
        { peer: without.search, request: GET_GRANTED },
        { peer: kept.search, request: GET_GRANTED },
      ]);
      const [none, batch] = figures;
      return {
        lines: [compared(TARGETS.evidence, batch.cpu, none.cpu, 'µs')],
        measured: rowsOf(figures),
      };
    }),
};
