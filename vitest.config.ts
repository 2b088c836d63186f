import { configDefaults, defineConfig } from 'vitest/config';

const ATTACKS = 'test/attack/**/*.test.ts';

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: { name: 'house', include: ['test/**/*.test.ts'], exclude: [...configDefaults.exclude, ATTACKS] },
      },
      // More than a hundred small files that share nothing but modules: a process for each would take longer than the tests.
      { extends: true, test: { name: 'attack', include: [ATTACKS], isolate: false } },
    ],
    globalSetup: ['test/setup/run.ts'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
