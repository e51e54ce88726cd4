import { simulate } from '@skein/testkit';
import { expect, test } from 'vitest';

test('the oracle sees a coordinator that takes results whatever their fencing token says', {
  timeout: 300_000,
}, async () => {
  const found: string[] = [];
  for (let seed = 1; seed <= 40 && found.length === 0; seed += 1) {
    const { problems } = await simulate({ seed, mutant: 'no_fencing' });
    found.push(...problems.filter((problem) => problem.includes('was never produced under token')));
  }
  expect(found.length).toBeGreaterThan(0);
});
