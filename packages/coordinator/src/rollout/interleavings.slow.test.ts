import { describe, expect, it } from 'vitest';
import { interleave } from '../../test/rollout-interleaving.ts';

describe('[g12.14] many orders of people, evaluators and crashes', () => {
  it('keep I1, I2, I3, I4 and I6 after every call of the store', async () => {
    let writes = 0;
    for (let seed = 100; seed < 140; seed += 1) writes += (await interleave(seed, 12)).writes;
    expect(writes).toBeGreaterThan(200);
  });
});
