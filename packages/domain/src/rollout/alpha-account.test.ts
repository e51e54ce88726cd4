import { expect, test } from 'vitest';
import { ada, after, canary, experiment, start, startOf } from '../../test/rollout-samples.ts';
import { createEvidence, summarizeEvidence } from '../index.ts';
import { decideRollout } from './decide-rollout.ts';
import type { RolloutRecord } from './rollout-record.ts';
import type { RuleRequest } from './rule-defaults.ts';

/** Two rules and those of whole runs, with the weights 1, 1, 0.1 and 0.05. */
const two: readonly RuleRequest[] = [{ metric: 'error' }, { metric: 'latency' }];
const sum = 2.15;

const changed = (record: RolloutRecord, rules: readonly RuleRequest[], force?: true): RolloutRecord =>
  decideRollout(record, { type: 'change', rules }, { ...ada, ...(force && { force, reason: 'why not' }) }, start + 1)
    .record;

test('the account of alpha begins with all of it, and what leaves the tests as they are costs nothing', () => {
  const record = startOf(canary({ weight: 0.5, rules: two, alpha: 0.02 }));
  expect(record.alphaSpent).toBe(0.02);
  expect(changed(record, two).alphaSpent).toBe(0.02);
  const other = after(
    record,
    { type: 'change', onNoData: 'ignore' },
    { type: 'pause', reason: 'requested' },
    { type: 'resume' },
  );
  expect(other.alphaSpent).toBe(0.02);
  // The same share, other words.
  expect(changed(record, [{ metric: 'error', action: 'pause', minUnits: 9 }, { metric: 'latency' }]).alphaSpent).toBe(
    0.02,
  );
});

test('a changed rule begins a new test, and pays its whole share again', () => {
  const record = startOf(canary({ weight: 0.5, rules: two }));
  const once = changed(record, [{ metric: 'error', margin: 0.1 }, { metric: 'latency' }]);
  expect(once.alphaSpent).toBeCloseTo(0.01 + 0.01 / sum, 12);
  const twice = changed(once, two);
  expect(twice.alphaSpent).toBeCloseTo(0.01 + 0.02 / sum, 12);
});

test('a share that rises lowers no threshold and pays nothing, and one that falls gets nothing back', () => {
  const record = startOf(canary({ weight: 0.5, rules: two }));
  const one = changed(record, [{ metric: 'error' }]);
  expect(one.alphaSpent).toBe(0.01);
  const back = changed(one, two);
  expect(back.alphaSpent).toBeCloseTo(one.alphaSpent + 0.01 / sum, 12);
});

test('each arm has tests of its own, which together pay what the rule pays', () => {
  const record = startOf(experiment([0.2, 0.2, 0.2], { rules: two }));
  const once = changed(record, [{ metric: 'error', margin: 0.1 }, { metric: 'latency' }]);
  expect(once.alphaSpent).toBeCloseTo(0.01 + 0.01 / sum, 12);
});

test('a draft has begun no test: its rules change for nothing', () => {
  const record = startOf(canary({ weight: 0.5, rules: two, draft: true }));
  expect(changed(record, [{ metric: 'tokens' }]).alphaSpent).toBe(0.01);
});

test('changes that bring it above one half are refused unless forced, whichever rules they choose', () => {
  let record = startOf(canary({ weight: 0.5, rules: two, alpha: 0.2 }));
  const rules = (margin: number): readonly RuleRequest[] => [
    { metric: 'error', margin },
    { metric: 'latency', margin },
  ];
  record = changed(record, rules(0.1));
  expect(() => changed(record, rules(0.2))).toThrow(expect.objectContaining({ code: 'unprocessable' }));
  const forced = changed(record, rules(0.2), true);
  expect(forced.alphaSpent).toBeCloseTo(0.2 + (2 * 0.4) / sum, 12);
  // What costs nothing is never refused.
  expect(changed(forced, rules(0.2)).alphaSpent).toBe(forced.alphaSpent);
});

test('the evidence, the event and its explanation tell what alpha has come to', () => {
  const record = startOf(canary({ weight: 0.5, rules: two }));
  const { record: next, event } = decideRollout(
    record,
    { type: 'change', rules: [{ metric: 'tokens' }] },
    ada,
    start + 1,
  );
  expect(summarizeEvidence(next, createEvidence(next), 0, start).alpha).toBe(next.alphaSpent);
  expect(event.explanation.data['alphaSpent']).toBe(next.alphaSpent);
  expect(event.explanation.decided).toMatch(
    /New tests begin: the chance that an equal version is taken back is at most 0\.0187 now/,
  );
  const quiet = decideRollout(record, { type: 'change', onNoData: 'ignore' }, ada, start + 1);
  expect(quiet.event.explanation.decided).not.toMatch(/New tests/);
});
