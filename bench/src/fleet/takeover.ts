import { setTimeout as sleep } from 'node:timers/promises';
import { nowMs } from '../measure.ts';
import { until } from '../skein/until.ts';
import { BenchFleet, type BenchGround } from './bench-fleet.ts';

/** From `kill -9` of one of three coordinators, ms of each. */
export interface TakeoverFigures {
  /** Until the others say that all shards are at home with them. */
  readonly moved: readonly number[];
  /** Until every run that waited at it was ended at another on request: its shards are driven. */
  readonly driven: readonly number[];
}

const runsEach = 20;

const project = {
  'dags/ask.yaml': 'name: ask\nsteps:\n  - { id: ask, type: approval, with: { prompt: Go on? } }\n',
};

/** Each coordinator is killed in turn while runs wait at it for a person, and comes back before the next. */
export const measureTakeover = async (ground: BenchGround, kills: number): Promise<TakeoverFigures> => {
  const fleet = await BenchFleet.start(ground, 3, project);
  const { stack, doors } = fleet;
  const figures = { moved: [] as number[], driven: [] as number[] };
  try {
    for (let round = 0; round < kills; round += 1) {
      const at = round % doors.length;
      const [victim, door] = [stack.coordinators[at], doors[at]];
      const others = doors.filter((each) => each !== door);
      if (victim === undefined || door === undefined) break;
      const runs = await Promise.all(
        Array.from({ length: runsEach }, () => door.call<{ runId: string }>('POST', '/api/runs', { dag: 'ask' })),
      );
      for (const { runId } of runs)
        await until('the run waits', async () =>
          (await door.call<{ status: string }>('GET', `/api/runs/${runId}`)).status === 'waiting' ? true : undefined,
        );
      const killed = victim.kill();
      const begin = nowMs();
      const end = async ({ runId }: { readonly runId: string }, index: number): Promise<void> => {
        for (;;) {
          try {
            await others[index % others.length]?.call('POST', `/api/runs/${runId}/cancel`, {});
            return;
          } catch {
            await sleep(2);
          }
        }
      };
      const moved = until(
        'all shards are at home',
        async () =>
          [...(await stack.shards()).values()].reduce((sum, share) => sum + share, 0) === 256 ? true : undefined,
        { everyMs: 5, limitMs: 60_000 },
      ).then(() => figures.moved.push(nowMs() - begin));
      await Promise.all(runs.map(end));
      figures.driven.push(nowMs() - begin);
      await moved;
      await killed;
      ground.say(
        `kill ${round + 1} of ${kills}: all its runs were driven after ${Math.round(figures.driven.at(-1) ?? 0)} ms`,
      );
      victim.start();
      await stack.ready(victim);
      await fleet.settled();
    }
    return figures;
  } finally {
    await fleet.stop();
  }
};
