import { latencies, median, medianOf, nowMs, percentile, round3, throughput } from '../measure.ts';
import type { Cluster } from './cluster.ts';

/** What Skein does, in ms and tasks per second; the client speaks HTTP. */
export interface SkeinFigures {
  /** Submit call to the step's first instruction on a warm worker; the run and its lease are on disk before. */
  readonly dispatchMs: number;
  /** Submit call to the finished run at the client; every fact on disk. */
  readonly endToEndMs: number;
  readonly endToEndP99Ms: number;
  readonly tasksPerSecond: { readonly inFlight: number; readonly perSecond: number }[];
  /** (20-step chain - 1 step) / 19. */
  readonly perStepMs: number;
}

/** Measures a cluster; `samples` calls for each latency. */
export const measureSkein = async (cluster: Cluster, samples: number): Promise<SkeinFigures> => {
  await throughput(1_500, 32, () => cluster.run('one'));
  const dispatch: number[] = [];
  const endToEnd = await latencies(samples, async () => {
    const start = nowMs();
    const run = await cluster.run('one');
    dispatch.push((run.steps[0]?.outputs.startedAt ?? Number.NaN) - start);
  });
  await throughput(50, 4, () => cluster.run('chain'));
  const chain = await latencies(Math.ceil(samples / 8), () => cluster.run('chain'));
  const tasksPerSecond: { inFlight: number; perSecond: number }[] = [];
  for (const inFlight of [64, 256]) {
    tasksPerSecond.push({
      inFlight,
      perSecond: round3(await medianOf(3, () => throughput(4_000, inFlight, () => cluster.run('one')))),
    });
  }
  return {
    dispatchMs: round3(median(dispatch)),
    endToEndMs: round3(median(endToEnd)),
    endToEndP99Ms: round3(percentile(endToEnd, 0.99)),
    tasksPerSecond,
    perStepMs: round3((median(chain) - median(endToEnd)) / 19),
  };
};
