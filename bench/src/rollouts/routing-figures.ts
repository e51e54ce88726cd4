import { measureCommit } from '../anchors/commit.ts';
import { sampled } from '../delivery/sampled.ts';
import { median, round3, throughput } from '../measure.ts';
import type { Figure } from '../render-figures.ts';
import { until } from '../skein/until.ts';
import { RoutingProject } from './routing-project.ts';

/** How much is measured. */
export interface RoutingSize {
  /** Rounds, each without and with a live rollout. */
  readonly rounds: number;
  readonly submits: number;
  readonly rollbacks: number;
}

const inFlight = 64;
const clients = 8;

/** Admissions per second without and with a live rollout, in turn, so that a noisy neighbour hits both. */
const measureAdmissions = async (
  project: RoutingProject,
  { rounds, submits }: RoutingSize,
): Promise<{ readonly without: number; readonly routed: number }> => {
  const samples = { without: [] as number[], routed: [] as number[] };
  const measure = () => throughput(submits, inFlight, () => project.submit());
  await measure();
  for (let round = 0; round < rounds; round += 1) {
    samples.without.push(await measure());
    await project.begin();
    samples.routed.push(await measure());
    await project.rollback();
  }
  return { without: round3(median(samples.without)), routed: round3(median(samples.routed)) };
};

/** From the commit of each rollback to the last run that got the candidate, ms, while clients submit one run after the other. */
const measureRollbacks = async (project: RoutingProject, rollbacks: number): Promise<readonly number[]> => {
  const lags: number[] = [];
  for (let round = 0; round < rollbacks; round += 1) {
    const id = await project.begin();
    let [isOver, submitted, last] = [false, 0, 0];
    const client = async (): Promise<void> => {
      while (!isOver) {
        const { isCandidate, at } = await project.submit();
        submitted += 1;
        if (isCandidate) last = Math.max(last, at);
      }
    };
    const all = Promise.all(Array.from({ length: clients }, client));
    const more = async (): Promise<void> => {
      const enough = submitted + 100;
      await until('enough runs', () => (submitted >= enough ? true : undefined), { everyMs: 2, limitMs: 60_000 });
    };
    await more();
    await project.rollback();
    await more();
    isOver = true;
    await all;
    lags.push(Math.max(0, last - (await project.endOf(id))));
  }
  return lags;
};

/** What a live rollout costs admissions, and how long a rollback takes to reach the last of them. Needs the build. */
export const measureRouting = async (size: RoutingSize): Promise<readonly Figure[]> => {
  const commitMs = await measureCommit(400);
  const project = await RoutingProject.start();
  try {
    const { without, routed } = await measureAdmissions(project, size);
    const lags = await measureRollbacks(project, size.rollbacks);
    return [
      {
        id: 'A',
        what: 'admissions with a live rollout, durable, over HTTP / the same without one',
        ours: routed,
        unit: '/s',
        anchor: without,
        target: '>= 0.9',
      },
      sampled(
        {
          id: 'R',
          what: `commit of a rollback to the last run that got the candidate, ${clients} clients / one commit`,
          unit: 'ms',
          anchor: commitMs,
          target: 'p99 < 1000 ms',
        },
        lags,
      ),
    ];
  } finally {
    await project.stop();
  }
};
