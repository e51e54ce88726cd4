import { median, nowMs } from '../measure.ts';
import { BenchFleet, type BenchGround, type CpuTimes, cpuBetween } from './bench-fleet.ts';
import { noopProject } from './throughput.ts';

/** One large fan-out, at one coordinator and over three; per item. */
export interface FanoutFigures {
  readonly items: number;
  readonly rounds: number;
  readonly one: FanoutCost;
  readonly three: FanoutCost;
}

/** Medians over the rounds, ms for each item. */
export interface FanoutCost {
  readonly wallMs: number;
  readonly cpuMs: number;
  /** Of the round with the median processor time. */
  readonly cpu: CpuTimes;
  /** Messages of workers that went on to another coordinator. */
  readonly passedOn: number;
}

const workers = 3;
const slots = 128;
/** Fan-outs before those that count: as many for each fleet, and each coordinator of three is home to as many. */
const warmUps = 6;
const warmUpItems = 1_500;

/** Both fleets stand all the while and take turns, so that other work on the machine meets both. */
export const measureFanout = async (ground: BenchGround, items: number, rounds: number): Promise<FanoutFigures> => {
  const project = {
    ...noopProject(items),
    'dags/warm.yaml': String(noopProject(warmUpItems)['dags/wide.yaml']).replace('name: wide', 'name: warm'),
  };
  const fleets: BenchFleet[] = [];
  try {
    for (const coordinators of [1, 3]) {
      const fleet = await BenchFleet.start(ground, coordinators, project);
      fleets.push(fleet);
      for (let index = 0; index < workers; index += 1)
        await fleet.addWorkers(index % coordinators, { workers: 1, slots, labels: {}, behaviour: 'instant' });
      await fleet.joined(workers);
      // A process is slow while its code is new.
      for (let round = 0; round < warmUps; round += 1) await fleet.run(round, 'warm');
      ground.say(`${coordinators} coordinators are warm`);
    }
    for (const fleet of fleets) fleet.profile();
    const samples = fleets.map(() => [] as (CpuTimes & { all: number; wall: number; passedOn: number })[]);
    for (let round = 0; round < rounds; round += 1)
      for (const [place, fleet] of fleets.entries()) {
        const passedOn = await fleet.metric('skein_peer_messages_passed_on_total');
        const before = fleet.cpu();
        const begin = nowMs();
        await fleet.run(round, 'wide');
        const wall = nowMs() - begin;
        const cpu = cpuBetween(before, fleet.cpu());
        const passed = (await fleet.metric('skein_peer_messages_passed_on_total')) - passedOn;
        samples[place]?.push({ ...cpu, wall, passedOn: passed });
        const [seconds, each] = [(wall / 1_000).toFixed(1), (cpu.all / items).toFixed(3)];
        ground.say(
          `round ${round + 1} of ${rounds}, ${fleet.doors.length} coordinators: ${seconds} s, ${each} ms of processor an item`,
        );
      }
    const costOf = (all: (typeof samples)[number]): FanoutCost => {
      const middle = median(all.map((each) => each.all));
      const cpu = all.find((each) => each.all === middle) ?? { coordinators: 0, postgres: 0, workers: 0, passedOn: 0 };
      return {
        wallMs: median(all.map(({ wall }) => wall)) / items,
        cpuMs: middle / items,
        cpu: {
          coordinators: cpu.coordinators / items,
          postgres: cpu.postgres / items,
          workers: cpu.workers / items,
        },
        passedOn: cpu.passedOn / items,
      };
    };
    return { items, rounds, one: costOf(samples[0] ?? []), three: costOf(samples[1] ?? []) };
  } finally {
    for (const fleet of fleets) await fleet.stop();
  }
};
