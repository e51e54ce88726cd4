import { priorityAgeMs } from '@skein/domain';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FairQueue } from './fair-queue.ts';

const run = (runId: string, tenant = 't', dag = 'd', priority = 0) => ({ runId, tenant, dag, priority });

const drain = (queue: FairQueue<ReturnType<typeof run>>, count: number): string[] =>
  Array.from({ length: count }, () => queue.take(0)?.runId ?? '-');

test('tenants take turns first, then DAGs, then runs by age', () => {
  const queue = new FairQueue<ReturnType<typeof run>>();
  queue.set(run('a1', 'a', 'x'), 1, 1);
  queue.set(run('a2', 'a', 'x'), 1, 2);
  queue.set(run('a3', 'a', 'y'), 1, 3);
  queue.set(run('b1', 'b', 'x'), 1, 4);
  expect(drain(queue, 5)).toEqual(['a1', 'b1', 'a3', 'a2', '-']);
});

test('a higher priority goes first, whatever the tenant, and a low one is late but never starved', () => {
  const queue = new FairQueue<ReturnType<typeof run>>();
  queue.set(run('low', 'a', 'd', 0), 1, 0);
  const order: string[] = [];
  for (let at = 0; at <= 4 * priorityAgeMs; at += priorityAgeMs / 2) {
    queue.set(run(`high ${at}`, 'b', 'd', 2), 1, at);
    order.push(queue.take(at)?.runId ?? '-');
  }
  // After two steps of waiting it is an equal, and its tenant's turn comes at once.
  expect(order.indexOf('low')).toBe(4);
});

test('among equals waiting gains nothing over the turns of tenants', () => {
  const queue = new FairQueue<ReturnType<typeof run>>();
  for (let index = 0; index < 10; index += 1) queue.set(run(`flood ${index}`, 'a'), 1, 0);
  queue.set(run('newcomer', 'b'), 1, 100 * priorityAgeMs);
  const now = 101 * priorityAgeMs;
  expect([queue.take(now)?.runId, queue.take(now)?.runId]).toContain('newcomer');
});

test('a run that wants several slots goes behind its equals after each', () => {
  const queue = new FairQueue<ReturnType<typeof run>>();
  queue.set(run('many'), 3, 0);
  queue.set(run('one'), 1, 0);
  expect([queue.take(1)?.runId, queue.take(2)?.runId, queue.take(3)?.runId, queue.take(4)?.runId]).toEqual([
    'many',
    'one',
    'many',
    'many',
  ]);
});

test('hands out exactly what was wanted, whatever the order of changes', () => {
  const changes = fc.array(fc.record({ id: fc.integer({ min: 0, max: 9 }), wanted: fc.integer({ min: 0, max: 4 }) }), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(changes, (steps) => {
      const queue = new FairQueue<ReturnType<typeof run>>();
      const model = new Map<string, number>();
      const runs = Array.from({ length: 10 }, (_, id) => run(`r${id}`, `t${id % 2}`, `d${id % 3}`, id % 4));
      steps.forEach(({ id, wanted }, at) => {
        queue.set(runs[id]!, wanted, at);
        model.set(`r${id}`, wanted);
      });
      const left = new Map([...model].filter(([, wanted]) => wanted > 0));
      for (let taken = queue.take(99); taken !== undefined; taken = queue.take(99)) {
        const wanted = (left.get(taken.runId) ?? 0) - 1;
        expect(wanted).toBeGreaterThanOrEqual(0);
        left.set(taken.runId, wanted);
      }
      expect([...left.values()].every((wanted) => wanted === 0)).toBe(true);
      expect(queue.size).toBe(0);
    }),
  );
});

test('takes only those that are asked for, and the others keep their place', () => {
  const queue = new FairQueue<ReturnType<typeof run>>();
  queue.set(run('a1', 'a', 'x'), 1, 1);
  queue.set(run('a2', 'a', 'x'), 1, 2);
  queue.set(run('b1', 'b', 'x'), 1, 3);
  expect(queue.take(4, ({ runId }) => runId === 'a2')?.runId).toBe('a2');
  expect(queue.take(4, ({ runId }) => runId === 'a2')).toBeUndefined();
  expect(drain(queue, 3)).toEqual(['b1', 'a1', '-']);
});

test('says what is wanted by tenant, up to a limit, with the highest priority', () => {
  const queue = new FairQueue<ReturnType<typeof run>>();
  queue.set(run('a1', 'a', 'x'), 3, 1);
  queue.set(run('a2', 'a', 'y', 5), 4, 1);
  queue.set(run('b1', 'b', 'x'), 100, 1);
  queue.set(run('c1', 'c', 'x'), 2, 1);
  const wanted = (limit: number) =>
    queue
      .wanted(limit, ({ tenant }) => tenant !== 'c')
      .map(({ run: { tenant, priority }, count }) => [tenant, priority, count]);
  expect(wanted(10)).toEqual([
    ['a', 5, 7],
    ['b', 0, 10],
  ]);
});
