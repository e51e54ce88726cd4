import { throughput } from '../measure.ts';
import { BenchFleet, type BenchGround, type CpuTimes, cpuBetween } from './bench-fleet.ts';

/** What one-step runs and items of fan-outs come to with so many coordinators on one PostgreSQL. */
export interface ThroughputFigures {
  readonly coordinators: number;
  /** Best of the numbers in flight. */
  readonly runsPerSecond: number;
  readonly tasksPerSecond: number;
  /** Processor time of each run, ms, at that best. */
  readonly cpuPerRun: CpuTimes & { readonly all: number };
  readonly cpuPerTask: CpuTimes & { readonly all: number };
  /** Messages of workers that went on to another coordinator, of each task of a fan-out. */
  readonly passedOnPerTask: number;
}

/** Items of one run of `wide`. */
const itemsPerRun = 100;
/** A process is slow while its code is new: at least so many before anything counts. */
const warmUpRuns = 500;
const warmUpFanouts = 30;
const workers = 3;

/** DAGs of a step that does nothing: `one`, and `wide` with many items. */
export const noopProject = (items: number): Readonly<Record<string, string>> => ({
  'dags/one.yaml': 'name: one\nsteps:\n  - { id: a, type: noop }\n',
  'dags/wide.yaml': `name: wide
steps:
  - id: each
    type: noop
    foreach: { items: [${Array.from({ length: items }, (_, index) => index).join(', ')}], max_concurrent: 10000 }
`,
});

const share = (cpu: CpuTimes & { readonly all: number }, by: number): CpuTimes & { readonly all: number } => ({
  coordinators: cpu.coordinators / by,
  postgres: cpu.postgres / by,
  workers: cpu.workers / by,
  all: cpu.all / by,
});

/** Three worker processes with 171 slots each, spread over the coordinators; clients submit at each in turn. */
export const measureThroughput = async (
  ground: BenchGround,
  coordinators: number,
  size: { readonly runs: number; readonly wide: number },
): Promise<ThroughputFigures> => {
  const fleet = await BenchFleet.start(ground, coordinators, noopProject(itemsPerRun));
  try {
    for (let index = 0; index < workers; index += 1)
      await fleet.addWorkers(index % coordinators, { workers: 1, slots: 171, labels: {}, behaviour: 'instant' });
    await fleet.joined(workers);
    await throughput(Math.max(warmUpRuns, size.runs / 4), 64, (index) => fleet.run(index, 'one'));
    let best: Pick<ThroughputFigures, 'runsPerSecond' | 'cpuPerRun'> | undefined;
    for (const inFlight of [64, 256]) {
      const before = fleet.cpu();
      const runsPerSecond = await throughput(size.runs, inFlight, (index) => fleet.run(index, 'one'));
      const cpuPerRun = share(cpuBetween(before, fleet.cpu()), size.runs);
      if (best === undefined || runsPerSecond > best.runsPerSecond) best = { runsPerSecond, cpuPerRun };
      ground.say(`${coordinators} coordinators: ${Math.round(runsPerSecond)} runs per second, ${inFlight} in flight`);
    }
    await throughput(Math.max(warmUpFanouts, Math.ceil(size.wide / 4)), 6, (index) => fleet.run(index, 'wide'));
    const passedOn = await fleet.metric('skein_peer_messages_passed_on_total');
    const before = fleet.cpu();
    const widePerSecond = await throughput(size.wide, 6, (index) => fleet.run(index, 'wide'));
    ground.say(`${coordinators} coordinators: ${Math.round(widePerSecond * itemsPerRun)} items per second`);
    const tasks = size.wide * itemsPerRun;
    return {
      coordinators,
      ...(best ?? { runsPerSecond: Number.NaN, cpuPerRun: share(cpuBetween(before, before), 1) }),
      tasksPerSecond: widePerSecond * itemsPerRun,
      cpuPerTask: share(cpuBetween(before, fleet.cpu()), tasks),
      passedOnPerTask: ((await fleet.metric('skein_peer_messages_passed_on_total')) - passedOn) / tasks,
    };
  } finally {
    await fleet.stop();
  }
};
