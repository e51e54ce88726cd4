import { createAgentExecutor } from '@skein/agent';
import { simulate } from '@skein/testkit';
import { expect, test } from 'vitest';

test('a seed plays the same world every time, so that a failure can be replayed', async () => {
  for (const seed of [3, 14, 15]) {
    const first = await simulate({ seed, createAgentExecutor });
    expect(await simulate({ seed, createAgentExecutor })).toEqual(first);
    expect(first.facts).toBeGreaterThan(0);
  }
});
