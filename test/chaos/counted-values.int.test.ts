import { describe, expect, it } from 'vitest';
import { type CountedValue, type RoutedRun, valueProblems } from './counted-values.ts';

const endedAt = 100_000;

const run = (runId: string, leasedAt?: number, arm = 0): RoutedRun => ({ runId, arm, leasedAt });
const value = (seq: number, runId: string, arm = 0): CountedValue => ({ seq, runId, arm });

/** Two runs long before the end, and those of the test. */
const problems = (runs: readonly RoutedRun[], values: readonly CountedValue[], end?: number) =>
  valueProblems('m', [run('a', 1_000), run('b', 2_000, 1), ...runs], [value(1, 'a'), value(2, 'b', 1), ...values], end);

describe('the judge of values that were counted in the trouble', () => {
  it('asks for none of a run that was sent before the end of its rollout and began after it', () => {
    expect(problems([run('late', 108_000), run('never')], [], endedAt)).toEqual([]);
  });

  it('misses that of a run that began before the end, also when it ended after it', () => {
    expect(problems([run('c', 90_000)], [], endedAt)).toEqual(['m of c was lost']);
    expect(problems([run('c', 90_000)], [value(3, 'c')], endedAt)).toEqual([]);
  });

  it('misses each while the rollout is live', () => {
    expect(problems([run('c', 99_999), run('d', 108_000)], [])).toEqual(['m of c was lost', 'm of d was lost']);
  });

  it('leaves open which came first of a lease and the end at the same time, but misses a unit between two others', () => {
    expect(problems([run('c', 99_000), run('d', 101_000)], [], endedAt)).toEqual([]);
    expect(problems([run('c', 99_000), run('d', 101_000)], [value(3, 'd')], endedAt)).toEqual([]);
    expect(problems([run('c', 99_000), run('d', 101_000)], [value(4, 'd')], endedAt)).toEqual(['m of unit 3 was lost']);
  });

  it('sees one of a run that began long after the end, that was no unit, that is there twice, or that is in another arm', () => {
    expect(problems([run('late', 108_000)], [value(3, 'late')], endedAt)).toEqual([
      'm of late, which began after the end',
    ]);
    expect(problems([], [value(3, 'stranger')])).toEqual(['m of stranger, which was no unit or has a value twice']);
    expect(problems([], [value(3, 'a')])).toEqual(['m of a, which was no unit or has a value twice']);
    expect(problems([run('c', 3_000, 1)], [value(3, 'c', 0)])).toEqual(['m of c is counted for arm 0']);
  });
});
