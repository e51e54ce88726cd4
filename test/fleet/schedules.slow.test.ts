import { rmSync } from 'node:fs';
import { createSeededRandom } from '@skein/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, folderWith } from '../e2e/stack.ts';
import { FleetStack, patienceMs } from './fleet-stack.ts';
import { fireProblems, firesOf, schedules } from './schedule-fires.ts';

/** A minute is the smallest period: three fires take two minutes and a bit. */
const fires = 3;
const seed = Number(process.env['SCHEDULE_SEED'] ?? 20_261_121);

let project: string;
let stack: FleetStack;

beforeAll(async () => {
  project = folderWith(schedules);
  stack = await FleetStack.start({ project, schedulers: 3, workers: 2 });
}, 2 * patienceMs);

afterAll(async () => {
  expect(await stack?.stop()).toEqual([]);
  rmSync(project, { recursive: true, force: true });
}, patienceMs);

test(
  'each fire time has one run, however three schedulers over three coordinators are killed and started',
  async () => {
    const random = createSeededRandom(seed);
    let kills = 0;
    let isOver = false;
    const starts = new Map(stack.schedulers.map(({ name }) => [name, 1]));
    /** It is at work since it was started last: one that is killed before fires nothing, on a slow machine for minutes. */
    const isAtWork = ({ name, output }: (typeof stack.schedulers)[number]): boolean =>
      output.split('scheduler runs').length > (starts.get(name) ?? 0);
    /** The coordinator that is coming back: one at a time, so that two are always there. */
    let coming: Promise<void> | undefined;
    const trouble = async (): Promise<void> => {
      while (!isOver) {
        await new Promise((resolve) => setTimeout(resolve, random.integer(2_500)));
        const running = stack.schedulers.filter((each) => each.isRunning);
        const dead = stack.schedulers.filter((each) => !each.isRunning);
        // Now and then none is left for a while, for less than what is made up for.
        const [victim, back] = [running, dead].map((some) => some[random.integer(Math.max(1, some.length))]);
        if (back !== undefined && random.next() < 0.6) {
          back.start();
          starts.set(back.name, (starts.get(back.name) ?? 0) + 1);
        } else if (victim !== undefined && isAtWork(victim)) {
          kills += 1;
          await victim.kill();
        }
        const coordinator = stack.coordinators[random.integer(stack.coordinators.length)];
        if (random.next() < 0.1 && coming === undefined && coordinator !== undefined) {
          await coordinator.kill();
          coordinator.start();
          coming = stack.ready(coordinator).then(() => {
            coming = undefined;
          });
        }
      }
    };
    const troubling = trouble();
    try {
      await eventually(
        'enough fires',
        async () => {
          const { items } = await stack.client.runs.list({ dag: 'tick', limit: 100 });
          return items.length >= fires;
        },
        (fires + 2) * 60_000,
      );
    } finally {
      isOver = true;
      await troubling;
      await coming;
      for (const each of stack.schedulers) if (!each.isRunning) each.start();
    }
    for (const coordinator of stack.coordinators) await stack.ready(coordinator);
    const found = await firesOf(stack.client);
    console.log(`${found.length} runs of schedules, ${kills} kills of schedulers, seed ${seed}`);
    expect(fireProblems(found)).toEqual([]);
    expect(found.length).toBeGreaterThanOrEqual(2 * fires - 1);
    expect(kills).toBeGreaterThan(10);
  },
  (fires + 4) * 60_000 + patienceMs,
);
