import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { sourceConditions } from './vitest.shared.ts';

const ignored = ['**/node_modules/**', '**/dist/**', '**/tmp/**'];

/** Tests that start servers or processes, and wait for them: two files at a time, also on two cores. */
const realProcesses = { pool: 'forks', maxWorkers: 2 } as const;

/** Tests that need the machine for themselves: one file at a time. */
const alone = { pool: 'forks', fileParallelism: false, maxWorkers: 1 } as const;

/** Small files with long tests, or with long waits. */
const long = ['libsql-stores.int', 'start-fleet.int', 'runs.e2e'];

/** Vitest begins with the largest files while it does not know how long each takes; these come before them, so that none is left for the end. */
class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification): boolean => long.some((name) => moduleId.includes(name));
    return (await super.sort(files)).toSorted((a, b) => Number(isLong(b)) - Number(isLong(a)));
  }
}

/** The order of files, unless the command line asks for one, such as `--sequence.shuffle.files`. */
const sequence = process.argv.some((argument) => argument.startsWith('--sequence.')) ? {} : { sequencer: LongFirst };

/** Projects are the tiers: `npx vitest run --project unit [path]`. */
export default defineConfig({
  ...sourceConditions,
  test: {
    passWithNoTests: true,
    maxWorkers: 2,
    sequence,
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
          ...alone,
          include: ['packages/*/src/**/*.slow.test.ts', 'apps/*/src/**/*.slow.test.ts', 'test/**/*.slow.test.ts'],
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
          ...alone,
          include: ['test/chaos/**/*.test.ts'],
          exclude: [...ignored, '**/*.int.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
