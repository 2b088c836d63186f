import { configDefaults, defineConfig } from 'vitest/config';

/**
 * More than three hundred small files that share nothing but modules: a process for each, and all modules loaded anew, would
 * take longer than the tests. What looks at memory, threads or signals has a process to itself.
 */
const TOGETHER = [
  'attack',
  'config',
  'control',
  'dialect',
  'docs',
  'feed',
  'inbound',
  'ops',
  'oracle',
  'outbound',
  'policy',
  'proxy',
  'sdk',
  'sigv4',
  'standin',
  'store',
  'telemetry',
].map((room) => `test/${room}/**/*.test.ts`);

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    globalSetup: ['test/setup/run.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'house',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...TOGETHER],
        },
      },
      { extends: true, test: { name: 'together', include: TOGETHER, isolate: false } },
    ],
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
