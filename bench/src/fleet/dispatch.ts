import { nowMs } from '../measure.ts';
import { BenchFleet, type BenchGround } from './bench-fleet.ts';

/** From the submit call to the first instruction of the step, ms; the run and its lease are on disk before. */
export interface DispatchFigures {
  /** The worker hangs at the run's home. */
  readonly near: readonly number[];
  /** The worker hangs at another coordinator. */
  readonly far: readonly number[];
}

const dagFor = (lane: string): string =>
  `name: ${lane}\nsteps:\n  - { id: a, type: noop, worker_selector: { lane: ${lane} } }\n`;

/** Two coordinators with a worker each; runs are submitted at the first, one at a time, for the one worker and the other in turns. */
export const measureDispatch = async (ground: BenchGround, samples: number): Promise<DispatchFigures> => {
  const lanes = ['near', 'far'] as const;
  const fleet = await BenchFleet.start(
    ground,
    2,
    Object.fromEntries(lanes.map((lane) => [`dags/${lane}.yaml`, dagFor(lane)])),
  );
  try {
    for (const [at, lane] of lanes.entries())
      await fleet.addWorkers(at, { workers: 1, slots: 4, labels: { lane }, behaviour: 'instant' });
    await fleet.joined(lanes.length);
    const figures = { near: [] as number[], far: [] as number[] };
    const warmUps = Math.ceil(samples / 4);
    for (let index = -warmUps; index < samples; index += 1)
      for (const lane of lanes) {
        const begin = nowMs();
        const run = await fleet.run(0, lane);
        const startedAt = run.steps[0]?.outputs.startedAt;
        if (index >= 0 && startedAt !== undefined) figures[lane].push(startedAt - begin);
      }
    return figures;
  } finally {
    await fleet.stop();
  }
};
