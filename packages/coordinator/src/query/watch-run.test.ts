import type { RunFact } from '@skein/domain';
import { expect, test } from 'vitest';
import type { RunEvent } from '../coordinator.ts';
import type { Engine } from '../engine/engine.ts';
import { watchRun } from './watch-run.ts';

const noted = (count: number): RunFact[] =>
  Array.from({ length: count }, (_, index) => ({
    type: index === count - 1 ? 'run_finished' : 'run_admitted',
    v: 1,
    at: index,
  })) as unknown as RunFact[];

/** As much of an engine as watching needs: a log of `count` facts of which the first `pruned` were removed. */
const engineOver = (count: number, pruned: number, asked: number[] = []): Engine => {
  const facts = noted(count);
  return {
    phase: 'running',
    watchers: { watch: () => () => undefined },
    deps: {
      clock: { now: () => 0, after: () => () => undefined },
      runs: {
        readFacts: async (_tenant: string, _runId: string, after: number, limit: number) => {
          asked.push(limit);
          return after < pruned ? [] : facts.slice(after, after + limit);
        },
        readHead: async () => ({ seq: count, finishedAt: 9, prunedSeq: pruned }),
      },
    },
  } as unknown as Engine;
};

const collect = async (events: AsyncIterable<RunEvent>): Promise<RunEvent[]> => {
  const all: RunEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
};
const signal = new AbortController().signal;

test('a reader with a cursor before the facts that retention removed gets one gap, and goes on behind it', async () => {
  const events = await collect(watchRun(engineOver(9, 7), 'default', 'run_1', 2, signal));
  expect(events.map(({ seq, type }) => [seq, type])).toEqual([
    [7, 'gap'],
    [8, 'run_admitted'],
    [9, 'run_finished'],
  ]);
  expect(events[0]?.data).toEqual({ from: 3, to: 7 });
});

test('a reader of a run whose whole log was removed gets the gap and the end, once', async () => {
  const engine = engineOver(7, 7);
  const events = await collect(watchRun(engine, 'default', 'run_1', 0, signal));
  expect(events.map(({ type, data }) => [type, data])).toEqual([['gap', { from: 1, to: 7 }]]);
  expect(await collect(watchRun(engine, 'default', 'run_1', 7, signal))).toEqual([]);
});

test('a reader that stops reading has one small page read for it, however long the log is', async () => {
  const asked: number[] = [];
  const events = watchRun(engineOver(100_000, 0, asked), 'default', 'run_1', 0, signal);
  expect((await events.next()).value).toMatchObject({ seq: 1 });
  expect(asked).toHaveLength(1);
  expect(asked[0]).toBeLessThanOrEqual(64);
  await events.return();
});
