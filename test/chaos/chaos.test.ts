import { expect, it } from 'vitest';
import { expectNoProblems, renderReport } from './chaos-report.ts';
import { runChaos } from './run-chaos.ts';

/** A run in which less happened would prove nothing. */
const least = { accepted: 11, faults: 11, consumed: 11, approved: 1, units: 1, recoveries: 1 };

it('a minute of kills, stops and partitions lose no run, no message and no value of a rollout, do nothing twice and leave no process [crash 1, 3, 7, 13, 16, 21]', async () => {
  const seed = Number(process.env['CHAOS_SEED'] ?? Date.now() % 1_000_000);
  const report = await runChaos({ seed, durationMs: 60_000, least });
  console.log(renderReport(report));
  expectNoProblems(report);
  expect(report.completed).toBe(report.accepted);
  expect(report.accepted).toBeGreaterThanOrEqual(least.accepted);
  expect(Object.values(report.faults).reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(least.faults);
  expect(report.messages.consumed).toBeGreaterThanOrEqual(least.consumed);
  expect(report.approvals.approved).toBeGreaterThanOrEqual(least.approved);
  // That the worse version was taken back once it had enough units is one of the problems that are looked for.
  expect(report.rollouts.map(({ agentId, units }) => [agentId, units.every((count) => count >= least.units)])).toEqual([
    ['steady', true],
    ['hasty', true],
  ]);
  expect(report.workerRecoveryMs.length).toBeGreaterThanOrEqual(least.recoveries);
});
