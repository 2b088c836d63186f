import { configDefaults, defineConfig } from 'vitest/config';

const ATTACKS = 'test/attack/**/*.test.ts';

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: 'house',
          // Here and not above: it takes the caller's settings out of the environment, so a second run would find none.
          globalSetup: ['test/setup/run.ts'],
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ATTACKS],
        },
      },
      // More than a hundred small files that share nothing but modules: a process for each would take longer than the tests.
      { extends: true, test: { name: 'attack', include: [ATTACKS], isolate: false } },
    ],
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
