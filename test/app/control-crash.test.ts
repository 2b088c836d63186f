import { expect, test } from 'vitest';
import { Home, KINDS } from '../store/homes.ts';
import { survive, type Toll } from './control-crash.ts';

const MUTATIONS = 200;

function mustHaveSurvived({ acknowledged, unanswered, faults, served, failed }: Toll): void {
  expect(faults).toEqual([]);
  expect(acknowledged).toBe(MUTATIONS);
  expect(unanswered, 'it was killed in the middle of some').toBeGreaterThan(0);
  expect(failed, 'the proxy serves all the while').toEqual([]);
  expect(served).toBeGreaterThan(100);
}

test('a control plane that is killed in the middle of mutations has all that it acknowledged, and nothing by halves', async () => {
  mustHaveSurvived(await survive({ mutations: MUTATIONS, kills: 1, postgres: null }));
}, 60_000);

test.runIf(KINDS.includes('postgres'))(
  'so has one whose PostgreSQL is killed, without being started anew itself',
  async () => {
    const home = await Home.start('postgres');
    try {
      const { url } = await home.place();
      mustHaveSurvived(
        await survive({ mutations: MUTATIONS, kills: 1, postgres: { url: url!, crash: () => home.crash() } }),
      );
    } finally {
      await home.stop();
    }
  },
  60_000,
);
