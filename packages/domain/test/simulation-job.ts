import { detections, falseRates, srmAlarms, type Traffic } from './rollout-simulator.ts';

/** Work for a thread: rates of false rollbacks by alpha, sorted sizes of detection of 0/1 values that are 1 this often, or of alarms of the sample ratio. */
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
    }
  | {
      readonly kind: 'srm';
      readonly plan: { readonly weight: number; readonly share: number; readonly most: number; readonly runs: number };
      readonly seed: number;
    };

const chance =
  (p: number) =>
  (draw: () => number): number =>
    draw() < p ? 1 : 0;

/** The numbers of one job. */
export const runJob = (job: SimulationJob): readonly number[] => {
  switch (job.kind) {
    case 'false':
      return falseRates(job.traffic, job.runs, job.alphas, job.seed);
    case 'detect':
      return detections(job.plan, chance(job.stable), chance(job.candidate), job.seed);
    case 'srm':
      return srmAlarms(job.plan, job.seed);
  }
};
