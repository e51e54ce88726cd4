import {
  type BlockShape,
  type BlockStream,
  createBlockStream,
  takeUnit,
} from '../src/rollout/evidence/block-stream.ts';
import { type EProcess, mergeEProcesses } from '../src/rollout/evidence/e-process.ts';
import { lnSampleRatio, srmThreshold } from '../src/rollout/evidence/sample-ratio.ts';
import { totalParts } from '../src/rollout/rollout-record.ts';

// Rollouts by the thousand: traffic is drawn here, and what is counted goes through the very streams that a coordinator keeps.

/** Uniform in [0, 1), seeded (mulberry32). */
export const createDraw = (seed: number): (() => number) => {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
};

/** What a rule of margin 0 over a 0/1 value is measured with. */
const shape: BlockShape = { margin: 0, lnHarmAlpha: Math.log(20), isRank: false };

/** Traffic over which two equal versions are compared. */
export interface Traffic {
  readonly requests: number;
  /** The candidate's weight from a request on. */
  readonly steps: readonly { readonly from: number; readonly weight: number }[];
  /** Heavy-tailed users that come again and again; 0: every request is of another one. */
  readonly users: number;
  /** The chance to fail follows the time of day, 2 % to 18 %, over four days. */
  readonly drift: boolean;
  /** Coordinators that gather evidence each for themselves. */
  readonly replicas: 1 | 3;
  /** A rule of counting that is broken on purpose. */
  readonly mutation?: 'every_request' | 'arm_in_key' | 'order_of_arrival';
}

type Counted = (at: number, weight: number, isCandidate: boolean, failed: boolean) => void;

const days = 4 * 86_400_000;

/** A tenth of the users is heavy and fails often, and everybody fails much or little: the values of one user are alike. */
const chanceOf = (user: number, users: number, draw: () => number): number =>
  user < users / 10 ? (draw() < 0.6 ? 0.5 : 0.1) : draw() < 0.1 ? 0.3 : 0.02;

/** Draws the traffic and hands over what counts, in order of assignment. */
const drawTraffic = (traffic: Traffic, draw: () => number, count: Counted): void => {
  const { requests, users, drift, mutation } = traffic;
  const places = Float64Array.from({ length: users }, () => draw());
  const chances = Float64Array.from({ length: users }, (_, user) => chanceOf(user, users, draw));
  const seen = new Uint8Array(users);
  const gap = days / requests;
  let step = 0;
  for (let i = 0; i < requests; i += 1) {
    while (step + 1 < traffic.steps.length && i >= (traffic.steps[step + 1]?.from ?? 0)) step += 1;
    const weight = traffic.steps[step]?.weight ?? 0;
    const at = i * gap;
    if (users === 0) {
      const chance = drift ? 0.1 + 0.08 * Math.sin((8 * Math.PI * at) / days) : 0.1;
      count(at, weight, draw() < weight, draw() < chance);
      continue;
    }
    // Request counts fall as a power of the rank.
    const user = Math.floor(users * draw() ** 3);
    const isCandidate = (places[user] as number) < weight;
    const mark = mutation === 'arm_in_key' && isCandidate ? 2 : 1;
    if (mutation !== 'every_request' && ((seen[user] as number) & mark) !== 0) continue;
    seen[user] = (seen[user] as number) | mark;
    count(at, weight, isCandidate, draw() < (chances[user] as number));
  }
};

/** Failures are there at once; a success takes a quarter of the whole time. */
const drawByArrival = (traffic: Traffic, draw: () => number, count: Counted): void => {
  const arrivals: (readonly [arrival: number, weight: number, isCandidate: boolean, failed: boolean])[] = [];
  drawTraffic(traffic, draw, (at, weight, isCandidate, failed) => {
    arrivals.push([failed ? at : at + days / 4, weight, isCandidate, failed]);
  });
  for (const arrival of arrivals.sort((a, b) => a[0] - b[0])) count(...arrival);
};

/** ln of the largest E of one A/A rollout: at every look after which it was, a rollback would have been false. */
export const largestLnE = (traffic: Traffic, seed: number): number => {
  const draw = createDraw(seed);
  const { replicas } = traffic;
  const streams = Array.from({ length: replicas }, () => createBlockStream(0, false));
  const unit = { seq: 0, at: 0, isCandidate: false, isPivot: false, x: 0 as number | undefined };
  let most = 0;
  let pivots = 0;
  const count: Counted = (at, weight, isCandidate, failed) => {
    unit.seq += 1;
    unit.at = at;
    unit.isCandidate = isCandidate;
    unit.isPivot = isCandidate === weight <= 0.5;
    unit.x = failed ? 0 : 1;
    takeUnit(streams[replicas === 1 ? 0 : Math.floor(draw() * replicas)] as BlockStream, shape, unit);
    if (replicas === 1 || !unit.isPivot) return;
    pivots += 1;
    if (pivots % 5 === 0) most = Math.max(most, mergedOf(streams).lnMax);
  };
  (traffic.mutation === 'order_of_arrival' ? drawByArrival : drawTraffic)(traffic, draw, count);
  return replicas === 1 ? mergedOf(streams).lnMax : most;
};

const mergedOf = (streams: readonly BlockStream[]): EProcess =>
  streams.map(({ tests }) => tests.regression).reduce((a, b) => mergeEProcesses(a, b));

/** The share of so many A/A rollouts that one of these alphas would have rolled back. */
export const falseRates = (traffic: Traffic, runs: number, alphas: readonly number[], seed: number): number[] => {
  const hits = alphas.map(() => 0);
  for (let run = 0; run < runs; run += 1) {
    const most = largestLnE(traffic, seed + run * 7_919);
    alphas.forEach((alpha, at) => {
      if (most >= -Math.log(alpha)) hits[at] = (hits[at] as number) + 1;
    });
  }
  return hits.map((n) => n / runs);
};

/** Draws the value of one side. */
export type ValueDraw = (draw: () => number) => number;

/** Candidate values that were counted when a worse version is rolled back, of so many rollouts, ascending; `most` where it was not by then. */
export const detections = (
  plan: { readonly weight: number; readonly alpha: number; readonly most: number; readonly runs: number },
  stable: ValueDraw,
  candidate: ValueDraw,
  seed: number,
): number[] => {
  const { weight, alpha, most, runs } = plan;
  const sizes = Array.from({ length: runs }, (_, run) => {
    const draw = createDraw(seed + run * 104_729);
    const stream = createBlockStream(0, false);
    const { tests } = stream;
    for (let seq = 1, n = 0; n < most; seq += 1) {
      const isCandidate = draw() < weight;
      if (isCandidate) n += 1;
      const x = (isCandidate ? candidate : stable)(draw);
      takeUnit(stream, shape, { seq, at: seq * 1_000, isCandidate, isPivot: isCandidate, x });
      if (tests.regression.lnMax >= -Math.log(alpha)) return tests.n1;
    }
    return most;
  });
  return sizes.sort((a, b) => a - b);
};

/** Units until the sample ratio alarms when the candidate's share is another than its weight, ascending; `most` where it did not by then. */
export const srmAlarms = (
  plan: { readonly weight: number; readonly share: number; readonly most: number; readonly runs: number },
  seed: number,
): number[] => {
  const { weight, share, most, runs } = plan;
  const record = { arms: [], epochs: [{ epoch: 1, at: 0, parts: [(1 - weight) * totalParts, weight * totalParts] }] };
  const sizes = Array.from({ length: runs }, (_, run) => {
    const draw = createDraw(seed + run * 15_485_863);
    const units: [number, number] = [0, 0];
    for (let n = 1; n <= most; n += 1) {
      units[draw() < share ? 1 : 0] += 1;
      if (n % 10 === 0 && lnSampleRatio(record, { 1: units }) >= srmThreshold) return n;
    }
    return most;
  });
  return sizes.sort((a, b) => a - b);
};
