import { fork } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { answerTake, LocalUses, type TakeRequest } from '../../src/proxy/uses.ts';

test('a grant for three uses is used three times by forty takes at once in two processes', async () => {
  const counts = new LocalUses();
  const workers = [0, 1].map(() => fork(new URL('cluster-uses-worker.ts', import.meta.url), { execArgv: [] }));
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  const results = workers.map((worker) => {
    const { promise, resolve } = Promise.withResolvers<{ taken: number; known: number }>();
    worker.on('message', (message: { request?: TakeRequest; taken: number; known: number }) => {
      if (message.request === undefined) resolve(message);
      else answerTake(counts, message.request, (answer) => worker.send({ answer }));
    });
    return promise;
  });
  for (const worker of workers) worker.send({});
  const told = await Promise.all(results);
  expect(told.reduce((sum, { taken }) => sum + taken, 0)).toBe(3);
  expect(told.map(({ known }) => known)).toEqual([3, 3]);
  expect(counts.of('g1')).toBe(3);
});
