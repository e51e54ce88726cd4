import type { Traffic } from './rollout-simulator.ts';
import { simulateInThreads } from './simulate-in-threads.ts';
import type { SimulationJob } from './simulation-job.ts';

/** Two levels at which false rollbacks are counted, over one set of runs. */
export const alphas = [0.05, 0.01] as const;

const ramp = (requests: number): Traffic['steps'] =>
  [0.01, 0.05, 0.25, 0.5].map((weight, step) => ({ from: (step * requests) / 4, weight }));

/** Fewer requests at large weights: the blocks are what counts. */
const fixed = [
  { weight: 0.001, requests: 20_000 },
  { weight: 0.05, requests: 4_000 },
  { weight: 0.5, requests: 2_000 },
] as const;

/** A/A traffic by name: independent units, with drift and replicas or without, and a ramp over clustered, heavy-tailed users. */
export const equalVersions: readonly (Traffic & { readonly name: string })[] = [
  ...([1, 3] as const).flatMap((replicas) =>
    [false, true].flatMap((drift) => {
      const tail = `${drift ? ', drift' : ''}${replicas === 3 ? ', three replicas merged' : ''}`;
      return [
        ...fixed.map(({ weight, requests }) => ({
          name: `${weight * 100} %${tail}`,
          requests,
          users: 0,
          drift,
          replicas,
          steps: [{ from: 0, weight }],
        })),
        { name: `1-5-25-50 %${tail}`, requests: 4_000, users: 0, drift, replicas, steps: ramp(4_000) },
      ];
    }),
  ),
  {
    name: '1-5-25-50 %, clustered heavy-tailed users',
    requests: 8_000,
    users: 2_000,
    drift: false,
    replicas: 1,
    steps: ramp(8_000),
  },
];

/** The same with a rule of counting broken: each must break the bound. */
export const brokenRules: readonly (Traffic & { readonly name: string })[] = [
  ...(['every_request', 'arm_in_key'] as const).map((mutation) => ({
    name: mutation,
    requests: 8_000,
    users: 2_000,
    drift: false,
    replicas: 1 as const,
    steps: ramp(8_000),
    mutation,
  })),
  {
    name: 'order_of_arrival',
    requests: 2_000,
    users: 0,
    drift: false,
    replicas: 1,
    steps: ramp(2_000),
    mutation: 'order_of_arrival',
  },
];

/** Rates of false rollbacks by alpha, in the order of the traffic: so many runs of each, in slices over the threads. */
export const measureFalseRates = async (
  traffics: readonly Traffic[],
  runs: number,
  threads = 2,
): Promise<readonly (readonly number[])[]> => {
  const slices = 4;
  const jobs = traffics.flatMap((traffic, at) =>
    Array.from(
      { length: slices },
      (_, slice): SimulationJob => ({
        kind: 'false',
        traffic,
        runs: runs / slices,
        alphas,
        seed: 1 + at * 1_000_003 + slice * 100_000_007,
      }),
    ),
  );
  const rates = await simulateInThreads(jobs, threads);
  return traffics.map((_, at) =>
    alphas.map((_alpha, level) => {
      const own = rates.slice(at * slices, (at + 1) * slices);
      return own.reduce((sum, rate) => sum + (rate[level] ?? 0), 0) / slices;
    }),
  );
};

/** The largest rate that chance explains when the true one is alpha: three standard deviations above. */
export const boundOf = (alpha: number, runs: number): number => alpha + 3 * Math.sqrt((alpha * (1 - alpha)) / runs);

/** One size of detection: 0/1 values whose mean falls, and the reference figure of the median number of candidate values. */
export interface Detection {
  readonly stable: number;
  readonly candidate: number;
  readonly weight: number;
  readonly alpha: number;
  readonly reference: number;
}

const drops = [
  [0.03, 1_604, 3_225],
  [0.05, 592, 1_298],
  [0.1, 178, 350],
  [0.2, 70, 124],
  [0.4, 31, 50],
] as const;

const falls = [
  [0, 13, 18],
  [0.5, 27, 36],
  [0.8, 74, 100],
  [0.9, 167, 239],
  [0.95, 587, 734],
] as const;

/** Scores of mean .9 that fall, at a weight of 5 % and of 50 %, and a success rate of .98 that falls, at two alphas. */
export const worseVersions: readonly Detection[] = [
  ...drops.flatMap(([drop, few, half]) => [
    { stable: 0.9, candidate: 0.9 - drop, weight: 0.05, alpha: 0.01, reference: few },
    { stable: 0.9, candidate: 0.9 - drop, weight: 0.5, alpha: 0.01, reference: half },
  ]),
  ...falls.flatMap(([candidate, one, strict]) => [
    { stable: 0.98, candidate, weight: 0.05, alpha: 0.01, reference: one },
    { stable: 0.98, candidate, weight: 0.05, alpha: 0.001, reference: strict },
  ]),
];

/** Sorted numbers of candidate values at detection, in the order given. */
export const measureDetections = (
  versions: readonly Detection[],
  runs: number,
  threads = 2,
): Promise<readonly (readonly number[])[]> =>
  simulateInThreads(
    versions.map(({ stable, candidate, weight, alpha }, at) => ({
      kind: 'detect',
      plan: { weight, alpha, most: 10_000, runs },
      stable,
      candidate,
      seed: 1 + at * 1_000_003,
    })),
    threads,
  );

/** The value below which this share of a sorted list lies. */
export const quantileOf = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
