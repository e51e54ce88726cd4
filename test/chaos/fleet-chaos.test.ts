import { expect, it } from 'vitest';
import { expectNoProblems, problemsOf, renderReport } from './chaos-report.ts';
import { runFleetChaos } from './run-fleet-chaos.ts';

/** A fleet in which less happened would prove nothing. */
const least = { accepted: 11, faults: 21, consumed: 6, approved: 1 };

it('two minutes of kills, stops, restarts and partitions of a whole fleet, its PostgreSQL and its Redis lose no run and no message, do nothing twice and leave no process', async () => {
  const seed = Number(process.env['CHAOS_SEED'] ?? Date.now() % 1_000_000);
  const report = await runFleetChaos({ seed, durationMs: 120_000, least });
  console.log(renderReport(report));
  if (problemsOf(report).length > 0) console.log(JSON.stringify(report.trace.faults), report.trace.output);
  expectNoProblems(report);
  expect(report.completed).toBe(report.accepted);
  expect(report.accepted).toBeGreaterThanOrEqual(least.accepted);
  expect(report.fires).toBeGreaterThan(0);
  expect(Object.values(report.faults).reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(least.faults);
  expect(report.messages.consumed).toBeGreaterThanOrEqual(least.consumed);
  expect(report.approvals.approved).toBeGreaterThanOrEqual(least.approved);
});
