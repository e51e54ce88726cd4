import { describe, expect, it } from 'vitest';
import { interleave } from '../../test/rollout-interleaving.ts';

describe('[g12.14] people, evaluators and crashes in any order', () => {
  it('[defect 25] keep I1, I2, I3, I4 and I6 after every call of the store', async () => {
    const seen = new Map<string, number>();
    for (let seed = 1; seed <= 6; seed += 1) {
      const { outcomes, writes } = await interleave(seed);
      expect(writes).toBeGreaterThan(0);
      for (const [outcome, count] of Object.entries(outcomes)) seen.set(outcome, (seen.get(outcome) ?? 0) + count);
    }
    // A test in which nothing ever collides proves nothing.
    for (const outcome of ['patch done', 'patch version_conflict', 'promote done', 'rollback done', 'died'])
      expect([...seen.keys()]).toContain(outcome);
  });
});
