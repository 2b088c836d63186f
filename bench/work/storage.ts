import type { Findings, Work } from '../bench.ts';
import { contest, onStage, rowsOf } from '../contest.ts';
import { startDomicile } from '../peers/domicile.ts';
import { startNginx } from '../peers/nginx.ts';
import { GET_OBJECT, GET_UNSIGNED, PUT_OBJECT } from '../requests.ts';
import { compared, TARGETS } from '../targets.ts';

/**
 * What signing adds: the same process, two tenants, one of whose regions has a storage that takes requests unsigned. The
 * difference is small beside what a drift of the machine does, so each is measured twice in a round, there and back.
 */
export const resign: Work = {
  key: 'resign',
  title: 'S3 GET of 16 KB',
  run: (bench) =>
    onStage(bench, 'object', async (stage): Promise<Findings> => {
      const { storage } = await startDomicile(stage);
      const signing = { peer: storage, request: GET_OBJECT };
      const plain = { peer: { ...storage, does: 'facts, decision, guard, metrics' }, request: GET_UNSIGNED };
      const nginx = { peer: await startNginx(stage, 'proxy_pass'), request: GET_OBJECT };
      const figures = await contest(bench, 'resign', [signing, plain, plain, signing, nginx]);
      const [signed, unsigned, unsignedAgain, signedAgain, beside] = figures;
      return {
        lines: [
          compared(TARGETS.resign, means(signed.cpu, signedAgain.cpu), means(unsigned.cpu, unsignedAgain.cpu), 'µs'),
        ],
        measured: rowsOf([signed, unsigned, beside]),
      };
    }),
};

function means(a: readonly number[], b: readonly number[]): number[] {
  return a.map((value, round) => (value + b[round]!) / 2);
}

export const put: Work = {
  key: 'put',
  title: 'S3 PUT of 16 KB, hash reused',
  run: (bench) =>
    onStage(bench, 'object', async (stage): Promise<Findings> => {
      const figures = await contest(bench, 'put', [
        { peer: (await startDomicile(stage)).storage, request: PUT_OBJECT },
        { peer: await startNginx(stage, 'proxy_pass'), request: PUT_OBJECT },
      ]);
      const [ours, nginx] = figures;
      return { lines: [compared(TARGETS.put, ours.cpu, nginx.cpu, 'µs')], measured: rowsOf(figures) };
    }),
};
