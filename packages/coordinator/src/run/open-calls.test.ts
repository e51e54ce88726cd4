import { FakeClock } from '@skein/testkit';
import { describe, expect, test } from 'vitest';
import type { CallOutcome, CallRef } from './open-calls.ts';
import { OpenCalls } from './open-calls.ts';

const refOf = (parentRunId: string, child: number): CallRef => ({
  tenant: 'default',
  parentRunId,
  step: 'go',
  childRunId: `${parentRunId}-${child}`,
});

/** Calls whose looks end only when the test says so. */
const createCalls = () => {
  const clock = new FakeClock();
  const begun: string[] = [];
  const open = new Map<string, (outcome: CallOutcome) => void>();
  const failures: number[] = [];
  const calls = new OpenCalls(clock, ({ childRunId }, failed) => {
    begun.push(childRunId);
    failures.push(failed);
    return new Promise((resolve) => open.set(childRunId, resolve));
  });
  const end = async (childRunId: string, outcome: CallOutcome = 'settled') => {
    open.get(childRunId)?.(outcome);
    await clock.settle();
  };
  return { clock, calls, begun, failures, end };
};

describe('looks at calls', () => {
  test('are at most so many at once, and a run with many calls does not hold up those of others', async () => {
    const { calls, begun, end } = createCalls();
    for (let child = 0; child < 1_000; child += 1) calls.tend(refOf('wide', child));
    calls.tend(refOf('other', 0));
    expect(begun).toHaveLength(64);
    await end('wide-0');
    await end('wide-1');
    expect(begun).toHaveLength(66);
    expect(begun.slice(64)).toContain('other-0');
    await end('wide-2');
    await end('wide-3');
    expect(begun.slice(66)).toEqual(['wide-65', 'wide-66']);
  });

  test('all have their turn', async () => {
    const { calls, begun, end } = createCalls();
    for (let child = 0; child < 100; child += 1) calls.tend(refOf('wide', child));
    for (let child = 0; child < 100; child += 1) await end(`wide-${child}`);
    expect(new Set(begun).size).toBe(100);
  });

  test('are one at a time for one call, and one more for all that happened meanwhile', async () => {
    const { calls, begun, end } = createCalls();
    calls.tend(refOf('run', 0));
    calls.tend(refOf('run', 0));
    calls.tend(refOf('run', 0));
    expect(begun).toEqual(['run-0']);
    await end('run-0');
    expect(begun).toEqual(['run-0', 'run-0']);
    await end('run-0');
    expect(begun).toHaveLength(2);
    calls.tend(refOf('run', 0));
    expect(begun).toHaveLength(3);
  });

  test('that fail are repeated after waits that double up to five seconds, and begin small again once one did not', async () => {
    const { clock, calls, begun, failures, end } = createCalls();
    calls.tend(refOf('run', 0));
    const waits: number[] = [];
    for (let failed = 0; failed < 8; failed += 1) {
      const before = begun.length;
      const at = clock.now();
      await end('run-0', 'later');
      while (begun.length === before) await clock.advance(100);
      waits.push(clock.now() - at);
    }
    expect(waits).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    calls.tend(refOf('run', 0));
    await end('run-0');
    expect(failures.at(-1)).toBe(0);
  });

  test('end with the coordinator', async () => {
    const { clock, calls, begun, end } = createCalls();
    calls.tend(refOf('run', 0));
    await end('run-0', 'later');
    calls.close();
    calls.tend(refOf('run', 1));
    await clock.advance(10_000);
    expect(begun).toEqual(['run-0']);
  });
});
