import { detections, falseRates, type Traffic } from './rollout-simulator.ts';

/** Work for a thread: rates of false rollbacks by alpha, or sorted sizes of detection of 0/1 values that are 1 this often. */
export type SimulationJob =
  | {
      readonly kind: 'false';
      readonly traffic: Traffic;
      readonly runs: number;
      readonly alphas: readonly number[];
      readonly seed: number;
    }
  | {
      readonly kind: 'detect';
      readonly plan: { readonly weight: number; readonly alpha: number; readonly most: number; readonly runs: number };
      readonly stable: number;
      readonly candidate: number;
      readonly seed: number;
    };

const chance =
  (p: number) =>
  (draw: () => number): number =>
    draw() < p ? 1 : 0;

/** The numbers of one job. */
export const runJob = (job: SimulationJob): readonly number[] =>
  job.kind === 'false'
    ? falseRates(job.traffic, job.runs, job.alphas, job.seed)
    : detections(job.plan, chance(job.stable), chance(job.candidate), job.seed);
