import { expect, test } from 'vitest';
import type { TaskMessage } from './outbox.ts';
import { Outbox } from './outbox.ts';

const task = (token: number) => ({ runId: 'run_1', step: 'a', attempt: 1, token });
const result = (token: number, durationMs = 1): TaskMessage => ({
  type: 'result',
  result: { ...task(token), outcome: { status: 'succeeded' }, outputs: {}, durationMs },
});
const log = (bytes: number): TaskMessage => ({ type: 'log', task: task(1), bytes: new Uint8Array(bytes) });
const kept = (outbox: Outbox) => [...outbox.all()].map(([workerId, { message }]) => [workerId, message.type]);

test('keeps what workers said in order, each result once', () => {
  const outbox = new Outbox();
  outbox.keep('w', 's1', log(1), undefined);
  outbox.keep('w', 's1', result(1), undefined);
  outbox.keep('v', 's2', result(2), undefined);
  outbox.keep('w', 's1', result(1, 2), undefined);
  expect(kept(outbox)).toEqual([
    ['w', 'log'],
    ['w', 'result'],
    ['v', 'result'],
  ]);
  const [answered] = outbox.remove('w', ({ message }) => message.type === 'result');
  expect(answered?.message).toEqual(result(1, 2));
  expect(outbox.size).toBe(2);
});

test('keeps nothing of a worker that says too much, and everything of the others', () => {
  const outbox = new Outbox();
  outbox.keep('v', 's2', result(2), undefined);
  const megabyte = 1024 * 1024;
  const taken = Array.from({ length: 17 }, () => outbox.keep('w', 's1', log(megabyte), undefined));
  expect(taken.indexOf(false)).toBe(16);
  expect(outbox.workers()).toEqual(['v']);
  for (let count = 0; count < 10_000; count += 1) expect(outbox.keep('w', 's1', log(0), undefined)).toBe(true);
  expect(outbox.keep('w', 's1', log(0), undefined)).toBe(false);
});

test('what is kept of one task is removed by its task, wherever it stands, and nothing of the others', () => {
  const outbox = new Outbox();
  const checkpoint = (token: number, index: number): TaskMessage => ({
    type: 'checkpoint',
    task: task(token),
    index,
    entries: [],
  });
  for (const index of [0, 1])
    for (const token of [1, 2, 3]) outbox.keep('w', 's1', checkpoint(token, index), undefined);
  for (const token of [1, 2, 3]) outbox.keep('w', 's1', result(token), undefined);
  const keyOf = (token: number): string =>
    [...outbox.all()].find(([, kept]) => 'task' in kept.message && kept.message.task.token === token)?.[1].key ?? '';
  const second = keyOf(2);
  expect(
    outbox.removeOf('w', second, ({ message }) => message.type === 'checkpoint' && message.index === 0),
  ).toHaveLength(1);
  expect(outbox.removeOf('w', second, ({ message }) => message.type === 'result')).toHaveLength(1);
  expect(outbox.size).toBe(7);
  expect(outbox.removeOf('w', second, () => true)).toHaveLength(1);
  expect(outbox.removeOf('w', second, () => true)).toEqual([]);
  expect(outbox.removeOf('nobody', second, () => true)).toEqual([]);
  expect([...outbox.all()].map(([, { key }]) => key)).not.toContain(second);
  expect(outbox.remove('w', () => true)).toHaveLength(6);
  expect(outbox.workers()).toEqual([]);
});

test('a result weighs what its values weigh', () => {
  const outbox = new Outbox();
  const text = 'x'.repeat(1_000_000);
  const heavy = (token: number): TaskMessage => ({
    type: 'result',
    result: { ...task(token), outcome: { status: 'succeeded' }, outputs: { a: { inline: [{ text }] } }, durationMs: 1 },
  });
  const taken = Array.from({ length: 20 }, (_, token) => outbox.keep('w', 's1', heavy(token), undefined));
  expect(taken.indexOf(false)).toBe(16);
});
