import { nowMs, throughput } from '../measure.ts';
import { until } from '../skein/until.ts';
import { BenchFleet, type BenchGround } from './bench-fleet.ts';

/** A queue of one-step runs, emptied by workers of which there are more after a while. */
export interface DrainFigures {
  readonly runs: number;
  /** From the first finished run to the last, ms. */
  readonly ms: number;
  /** The same if workers lost no time between two steps, with as many of them as there were at each moment. */
  readonly idealMs: number;
  /** Slots that coordinators granted one another, and those of them that came back unused. */
  readonly granted: number;
  readonly givenBack: number;
  /** Runs finished, and workers connected, over time. */
  readonly curve: readonly { readonly atMs: number; readonly finished: number; readonly workers: number }[];
}

const slots = 4;
const pauseMs = 100;
const coordinators = 2;
const lookMs = 250;
const sayEvery = 20;

const rateOf = (workers: number): number => (workers * slots) / pauseMs;

/** Each worker is a process with four slots, each step takes 100 ms and no processor. */
export const measureDrain = async (ground: BenchGround, runs: number, growAfterMs: number): Promise<DrainFigures> => {
  const files = { 'dags/one.yaml': 'name: one\nsteps:\n  - { id: a, type: noop }\n' };
  const fleet = await BenchFleet.start(ground, coordinators, files);
  const grow = (count: number) =>
    Promise.all(
      Array.from({ length: count }, () =>
        fleet.addWorkers('any', { workers: 1, slots, labels: {}, behaviour: 'pause', pauseMs }),
      ),
    );
  const finishedNow = () => fleet.metric('skein_runs_finished_total');
  const workersNow = async () => (await fleet.stack.held()).reduce((sum, held) => sum + held, 0);
  try {
    await throughput(runs, 32, (index) =>
      (fleet.doors[index % coordinators] as (typeof fleet.doors)[number]).call('POST', '/api/runs', { dag: 'one' }),
    );
    ground.say(`${runs} runs are queued`);
    await grow(2);
    await until('the first run is over', async () => ((await finishedNow()) > 0 ? true : undefined));
    const begin = nowMs();
    const curve: { atMs: number; finished: number; workers: number }[] = [];
    let grown: Promise<unknown> | undefined;
    let possible = 0;
    let last = begin;
    let idealMs: number | undefined;
    await until(
      'all runs are over',
      async () => {
        const [finished, workers, at] = [await finishedNow(), await workersNow(), nowMs()];
        const rate = rateOf(workers);
        possible += rate * (at - last);
        if (idealMs === undefined && possible >= runs) idealMs = at - begin - (possible - runs) / rate;
        last = at;
        curve.push({ atMs: Math.round(at - begin), finished, workers });
        if (curve.length % sayEvery === 0) ground.say(`${finished} of ${runs} runs are over, ${workers} workers`);
        if (at - begin > growAfterMs) grown ??= grow(6);
        return finished >= runs ? true : undefined;
      },
      { limitMs: 300_000, everyMs: lookMs },
    );
    await grown;
    const granted = await fleet.metric('skein_peer_slots_granted_total');
    const givenBack = await fleet.metric('skein_peer_slots_given_back_total');
    return { runs, ms: last - begin, idealMs: idealMs ?? last - begin, granted, givenBack, curve };
  } finally {
    await fleet.stop();
  }
};
