import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { sourceConditions } from './vitest.shared.ts';

const ignored = ['**/node_modules/**', '**/dist/**', '**/tmp/**'];

/** Starts real services for the tests that ask for them, and ends them after the last. */
const services = { globalSetup: ['./packages/testkit/src/services/vitest-services.ts'] };

/** Tests that start servers or processes, and wait for them: more files at a time than two cores could compute. */
const realProcesses = { ...services, pool: 'forks', maxWorkers: 3 };

/** Tests that need the machine for themselves: one file at a time; scripts/test.mjs has those of other tiers. */
const alone = { ...services, pool: 'forks', fileParallelism: false, maxWorkers: 1 };

/** What a hook or a test may take says only when one hangs: several times what it takes, on a machine that is slow and stands still at times. */
const minutes = 60_000;

/** What is waited for comes from other processes and threads. */
const patient = { poll: { timeout: 15_000 } };

/** Small files with long tests, or with long waits. */
const long = [
  'persistence.e2e',
  'quickstart.e2e',
  'runs.e2e',
  'run-pages.slow',
  'schedules.slow',
  'open-memory.slow',
  'start-fleet.slow',
  'position-statistics.slow',
  'kill-worker.slow',
  'schedule.slow',
  'false-rollbacks.slow',
];

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
          hookTimeout: 30_000,
          expect: patient,
        },
      },
      {
        ...sourceConditions,
        test: {
          name: 'int',
          ...realProcesses,
          // As in the unit tier: what the files import costs more than most of them.
          isolate: false,
          include: ['packages/*/src/**/*.int.test.ts', 'apps/*/src/**/*.int.test.ts', 'test/**/*.int.test.ts'],
          exclude: ignored,
          testTimeout: 2 * minutes,
          hookTimeout: 2 * minutes,
          expect: patient,
        },
      },
      {
        ...sourceConditions,
        test: {
          name: 'slow',
          ...realProcesses,
          isolate: false,
          include: ['packages/*/src/**/*.slow.test.ts', 'apps/*/src/**/*.slow.test.ts', 'test/**/*.slow.test.ts'],
          exclude: ignored,
          testTimeout: 10 * minutes,
          hookTimeout: 5 * minutes,
          expect: patient,
        },
      },
      {
        ...sourceConditions,
        test: {
          name: 'sim',
          ...services,
          pool: 'forks',
          isolate: false,
          include: ['test/sim/**/*.sim.test.ts'],
          exclude: ignored,
          testTimeout: 5 * minutes,
          hookTimeout: 2 * minutes,
        },
      },
      {
        ...sourceConditions,
        test: {
          name: 'e2e',
          ...realProcesses,
          include: ['test/e2e/**/*.e2e.test.ts'],
          exclude: ignored,
          testTimeout: 5 * minutes,
          hookTimeout: 5 * minutes,
          expect: patient,
        },
      },
      {
        ...sourceConditions,
        test: {
          // Containers: by hand and in continuous integration only.
          name: 'compose',
          pool: 'forks',
          fileParallelism: false,
          include: ['test/compose/**/*.compose.test.ts'],
          exclude: ignored,
          testTimeout: 5 * minutes,
          hookTimeout: 5 * minutes,
        },
      },
      {
        ...sourceConditions,
        test: {
          name: 'chaos',
          ...alone,
          include: ['test/chaos/**/*.test.ts'],
          exclude: [...ignored, '**/*.int.test.ts'],
          // A campaign on a slow machine goes on for up to three times as long, and waits for what is left.
          testTimeout: 20 * minutes,
          hookTimeout: 5 * minutes,
        },
      },
    ],
  },
});
