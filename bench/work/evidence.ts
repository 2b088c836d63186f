import type { Findings, Work } from '../bench.ts';
import { contest, onStage, rowsOf } from '../contest.ts';
import { steady } from '../load/steady.ts';
import { startDomicile } from '../peers/domicile.ts';
import { GET_DOCUMENT, GET_GRANTED } from '../requests.ts';
import { compared, TARGETS } from '../targets.ts';

/** Requests a second of a sidecar that has little to do: what each batch costs falls on few. */
const SPARSE = 200;

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
      const sparse = await contest(
        bench,
        `evidence, ${SPARSE} requests a second`,
        [
          { peer: without.search, request: GET_DOCUMENT },
          { peer: kept.search, request: GET_DOCUMENT },
        ],
        bench.seconds,
        (url, request, connections, seconds) => steady(url, request, connections, SPARSE, seconds),
      );
      return {
        lines: [compared(TARGETS.evidence, batch.cpu, none.cpu, 'µs')],
        measured: [...rowsOf(figures), ...rowsOf(sparse)],
      };
    }),
};
