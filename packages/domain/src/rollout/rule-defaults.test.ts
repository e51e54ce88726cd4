import { describe, expect, test } from 'vitest';
import { completeRule, completeRules, defaultRules } from './rule-defaults.ts';
import { fewestBlocks } from './rule-problems.ts';

const quality = { id: 'quality' };

describe('the rules of a rollout', () => {
  test('that declares none guard errors, scores, silence and whole runs', () => {
    expect(
      defaultRules([quality]).map(({ id, direction, margin, weight, action, promoteMargin }) => [
        id,
        direction,
        margin,
        weight,
        action,
        promoteMargin,
      ]),
    ).toEqual([
      ['error', 'lower_is_better', 0, 1, 'rollback', 0.02],
      ['score:quality', 'higher_is_better', 0.02, 1, 'rollback', 0.05],
      ['missing:quality', 'lower_is_better', 0, 0.05, 'pause', undefined],
      ['run_failed', 'lower_is_better', 0, 0.1, 'rollback', undefined],
      ['run_partial', 'lower_is_better', 0, 0.05, 'pause', undefined],
    ]);
  });

  test('that declares some always guard whole runs too, unless it says how', () => {
    expect(completeRules([{ metric: 'latency' }], []).map(({ id }) => id)).toEqual([
      'latency',
      'run_failed',
      'run_partial',
    ]);
    const declared = completeRules([{ metric: 'run_failed', margin: 0.1 }], []);
    expect(declared.map(({ id, margin }) => [id, margin])).toEqual([
      ['run_failed', 0.1],
      ['run_partial', 0],
    ]);
    expect(completeRules([], []).map(({ id }) => id)).toEqual(['run_failed', 'run_partial']);
  });

  test('compare amounts by rank, and are no part of the promotion gate unless they say so', () => {
    expect(completeRule({ metric: 'costUsd' })).toEqual({
      id: 'costUsd',
      metric: 'costUsd',
      direction: 'lower_is_better',
      kind: 'regression',
      margin: 0.02,
      scale: { kind: 'rank' },
      weight: 1,
      action: 'rollback',
      minUnits: 1,
    });
    expect(completeRule({ metric: 'costUsd', promoteMargin: 0.1 }).promoteMargin).toBe(0.1);
    expect(completeRule({ metric: 'error', promoteMargin: false })).not.toHaveProperty('promoteMargin');
  });

  test('[defect 56] of a floor pause, for drift alone can break them; those that compare with stable roll back', () => {
    expect(completeRule({ metric: 'score:quality', kind: 'floor', threshold: 0.7 })).toMatchObject({
      action: 'pause',
      threshold: 0.7,
    });
    expect(completeRule({ metric: 'score:quality' }).action).toBe('rollback');
  });
});

describe('the fewest blocks to a breach', () => {
  test('are 14 at alpha 0.01 and 18 at 0.001, as the bound of the specification says', () => {
    const rule = completeRule({ metric: 'error' });
    expect(fewestBlocks(rule, 0.01)).toBe(14);
    expect(fewestBlocks(rule, 0.001)).toBe(18);
  });

  test('grow with the margin', () => {
    const blocks = [0, 0.1, 0.5, 0.9].map((margin) => fewestBlocks(completeRule({ metric: 'error', margin }), 0.01));
    expect(blocks).toEqual(blocks.toSorted((a, b) => a - b));
    expect(blocks[3]).toBeGreaterThan(100);
  });
});
