import { setTimeout as sleep } from 'node:timers/promises';
import { latencies, nowMs } from '../measure.ts';
import { startWorkers } from '../skein/bench-worker-options.ts';
import { runOnce } from '../skein/cluster.ts';
import { CoordinatorProcess } from '../skein/coordinator-process.ts';
import { until } from '../skein/until.ts';

/** Runs end to end at nine healthy workers, ms, while the tenth answers and while it is deaf; the same load in both. */
export interface DeafFigures {
  readonly without: readonly number[];
  readonly withDeaf: readonly number[];
  readonly rounds: number;
}

const dag = (lane: string): string =>
  `name: ${lane}\nsteps:\n  - id: a\n    type: noop\n    worker_selector: { lane: ${lane} }\n`;

/** How long each half of a round takes; longer than a frozen peer goes unnoticed. */
const phaseMs = 2_000;
const inFlight = 8;
const deafEveryMs = 20;

/**
 * A deaf worker keeps its connection open and takes frames until its buffers are full, but answers nothing: its process is stopped.
 * Tasks for it are submitted all the while, so that it has offers that it does not take.
 */
export const measureDeaf = async (rounds: number): Promise<DeafFigures> => {
  const coordinator = await CoordinatorProcess.start({
    'dags/healthy.yaml': dag('healthy'),
    'dags/deaf.yaml': dag('deaf'),
  });
  const { grpc: address, joinToken: token } = coordinator;
  const common = { address, token, slots: 16, kinds: ['noop'], behaviour: 'instant' } as const;
  const healthy = await startWorkers({ ...common, workers: 9, labels: { lane: 'healthy' } });
  const deaf = await startWorkers({ ...common, workers: 1, labels: { lane: 'deaf' } });
  const without: number[] = [];
  const withDeaf: number[] = [];
  const phase = async (samples: number[] | undefined): Promise<void> => {
    const end = nowMs() + phaseMs;
    const lane = async (): Promise<void> => {
      while (nowMs() < end) samples?.push(...(await latencies(1, () => runOnce(coordinator, 'healthy'))));
    };
    const other = async (): Promise<void> => {
      while (nowMs() < end) {
        await coordinator.call('POST', '/api/runs', { dag: 'deaf', params: {} });
        await sleep(deafEveryMs);
      }
    };
    await Promise.all([other(), ...Array.from({ length: inFlight }, lane)]);
  };
  const quiet = () =>
    until('nothing is open', async () => {
      const { items } = await coordinator.call<{ items: readonly unknown[] }>(
        'GET',
        '/api/runs?status=running&limit=1',
      );
      return items.length === 0 ? true : undefined;
    });
  try {
    await coordinator.workersJoined(10);
    await phase(undefined);
    for (let round = 0; round < rounds; round += 1) {
      await quiet();
      await phase(without);
      await quiet();
      deaf.child.kill('SIGSTOP');
      try {
        await phase(withDeaf);
      } finally {
        deaf.child.kill('SIGCONT');
      }
      await coordinator.workersJoined(10);
    }
    return { without, withDeaf, rounds };
  } finally {
    await deaf.stop();
    await healthy.stop();
    await coordinator.stop();
  }
};
