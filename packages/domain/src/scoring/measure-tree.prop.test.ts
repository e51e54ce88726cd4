import { dagOf, stepOf } from '@skein/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RunFact } from '../run/run-fact.ts';
import { foldTreeFact } from './fold-fact.ts';
import { measureTree, treeMeasureOf } from './measure-tree.ts';
import { createTreeFold, openRunFold } from './tree-fold.ts';

const dag = dagOf([
  stepOf('s', {
    action: { kind: 'agent', agent: 'a', prompt: '', limits: {}, memory: { read: false, propose: false } },
    foreach: { items: [], maxConcurrent: 1 },
  }),
]);

const codes = ['internal', 'unavailable', 'invalid_argument'] as const;

/** Attempts of one item: failures, then how it settled. */
const itemArb = fc.record({
  lostFirst: fc.boolean(),
  failures: fc.array(fc.constantFrom(...codes), { maxLength: 3 }),
  last: fc.constantFrom('succeeded', 'failed', 'cancelled'),
  durations: fc.array(fc.integer({ min: 0, max: 1_000 }), { minLength: 4, maxLength: 4 }),
});

type Item = typeof itemArb extends fc.Arbitrary<infer T> ? T : never;

const factsOf = (item: Item, index: number): readonly RunFact[] => {
  const step = `s[${index}]`;
  const finish = (
    outcome: Extract<RunFact, { type: 'step_finished' }>['result']['outcome'],
    attempt: number,
    isLast: boolean,
  ): RunFact => ({
    type: 'step_finished',
    v: 1,
    at: 0,
    step,
    attempt,
    token: attempt,
    workerId: 'w',
    startedAt: 0,
    result: {
      outcome,
      outputs: {},
      durationMs: item.durations[attempt - 1] as number,
      usage: { turns: 1, toolCalls: 0, inputTokens: 1, outputTokens: 0, schemaRepairs: 0 },
    },
    ...(isLast ? {} : { retryAt: 1 }),
  });
  const loss: RunFact = { type: 'step_lost', v: 1, at: 0, step, token: 0, reason: 'worker_exited', started: true };
  const last =
    item.last === 'failed'
      ? ({ status: 'failed', error: { code: 'internal', message: '' } } as const)
      : { status: item.last };
  return [
    ...(item.lostFirst ? [loss] : []),
    ...item.failures.map((code, at) => finish({ status: 'failed', error: { code, message: '' } }, at + 1, false)),
    finish(last, item.failures.length + 1, true),
  ];
};

/** Facts of all items, each item's in order, the items in any order. */
const interleave = (lists: readonly (readonly RunFact[])[], picks: readonly number[]): RunFact[] => {
  const open = lists.map((list) => [...list]);
  const facts: RunFact[] = [];
  for (let at = 0; open.some((list) => list.length > 0); at += 1) {
    const left = open.filter((list) => list.length > 0);
    const next = left[(picks[at % Math.max(1, picks.length)] ?? 0) % left.length]?.shift();
    if (next !== undefined) facts.push(next);
  }
  return facts;
};

const ended: RunFact = { type: 'run_finished', v: 1, at: 1, status: 'succeeded', partial: false };

test('the values of a tree do not depend on the order in which its steps came and went', () => {
  fc.assert(
    fc.property(fc.array(itemArb, { minLength: 1, maxLength: 6 }), fc.array(fc.nat(20)), (items, picks) => {
      const lists = items.map(factsOf);
      const straight = measureTree('a', [{ runId: 'r', dag, facts: [...lists.flat(), ended] }]);
      const mixed = measureTree('a', [{ runId: 'r', dag, facts: [...interleave(lists, picks), ended] }]);
      expect(mixed.values).toEqual(straight.values);
      expect(mixed.steps.map(({ step }) => step).toSorted()).toEqual(straight.steps.map(({ step }) => step).toSorted());
    }),
  );
});

test('values are what a plain count over the attempts gives', () => {
  fc.assert(
    fc.property(fc.array(itemArb, { minLength: 1, maxLength: 6 }), (items) => {
      const { values } = measureTree('a', [{ runId: 'r', dag, facts: [...items.flatMap(factsOf), ended] }]);
      const attempted = items.filter(({ failures, last }) => failures.length > 0 || last !== 'cancelled');
      const isError = items.some(({ failures, last }) => failures.length > 0 || last === 'failed');
      expect(values.error).toBe(attempted.length === 0 ? null : Number(isError));
      const latency = items.reduce((sum, { durations, failures }) => sum + (durations[failures.length] as number), 0);
      expect(values.latency).toBe(attempted.length === 0 ? null : latency);
      const carried = items.flatMap(({ failures }) => failures).filter((code) => code === 'unavailable').length;
      const attempts = items.reduce((sum, { failures }) => sum + failures.length + 1, 0);
      expect(values.turns).toBe(attempts - carried);
    }),
  );
});

test('to fold fact by fact, in pages of any size, is to fold the whole log', () => {
  fc.assert(
    fc.property(fc.array(itemArb, { minLength: 1, maxLength: 4 }), (items) => {
      const facts = [...items.flatMap(factsOf), ended];
      const tree = createTreeFold();
      const run = openRunFold(tree, 'r', dag);
      for (const [index, fact] of facts.entries()) foldTreeFact(run, fact, index + 1);
      expect(treeMeasureOf(tree, 'a')).toEqual(measureTree('a', [{ runId: 'r', dag, facts }]));
      for (const { seq, step } of treeMeasureOf(tree, 'a').steps)
        expect(facts[seq - 1]).toMatchObject({ type: 'step_finished', step });
    }),
  );
});
