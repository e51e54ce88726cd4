import { defineConfig } from 'vitest/config';
import { sourceConditions } from './vitest.shared.ts';

const ignored = ['**/node_modules/**', '**/dist/**', '**/tmp/**'];

/** Tests that start servers or processes: one file at a time, and patient. */
const realProcesses = { pool: 'forks', fileParallelism: false, maxWorkers: 1 } as const;

/** Projects are the tiers: `npx vitest run --project unit [path]`. */
export default defineConfig({
  ...sourceConditions,
  test: {
    passWithNoTests: true,
    maxWorkers: 2,
    projects: [
      {
        ...sourceConditions,
        test: {
          name: 'unit',
          pool: 'threads',
          // Loading the code costs more than the tests: the files of one thread share it, so no file may leave anything behind.
          isolate: false,
          include: [
            'packages/*/src/**/*.test.ts',
            'apps/*/src/**/*.test.ts',
            'test/architecture/**/*.test.ts',
            'test/docs/**/*.test.ts',
          ],
          exclude: [...ignored, '**/*.int.test.ts', '**/*.slow.test.ts'],
          // Pure tests take milliseconds; property tests on a busy machine take longer.
          testTimeout: 30_000,
        },
      },
      {
        ...sourceConditions,
        test: {
          name: 'int',
          ...realProcesses,
          include: ['packages/*/src/**/*.int.test.ts', 'apps/*/src/**/*.int.test.ts', 'test/**/*.int.test.ts'],
          exclude: ignored,
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        ...sourceConditions,
        test: {
          name: 'slow',
          ...realProcesses,
          include: ['packages/*/src/**/*.slow.test.ts', 'test/**/*.slow.test.ts'],
          exclude: ignored,
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
      {
        ...sourceConditions,
        test: {
          name: 'sim',
          pool: 'forks',
          include: ['test/sim/**/*.sim.test.ts'],
          exclude: ignored,
          testTimeout: 120_000,
        },
      },
      {
        ...sourceConditions,
        test: {
          name: 'e2e',
          ...realProcesses,
          include: ['test/e2e/**/*.e2e.test.ts'],
          exclude: ignored,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        ...sourceConditions,
        test: {
          name: 'chaos',
          ...realProcesses,
          include: ['test/chaos/**/*.test.ts'],
          exclude: [...ignored, '**/*.int.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
