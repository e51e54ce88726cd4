import { expect, it } from 'vitest';
import { expectNoProblems, problemsOf, renderReport } from './chaos-report.ts';
import { runFleetChaos } from './run-fleet-chaos.ts';

it('two minutes of kills, stops, restarts and partitions of a whole fleet, its PostgreSQL and its Redis lose no run and no message, do nothing twice and leave no process', async () => {
  const seed = Number(process.env['CHAOS_SEED'] ?? Date.now() % 1_000_000);
  const report = await runFleetChaos({ seed, durationMs: 120_000 });
  console.log(renderReport(report));
  if (problemsOf(report).length > 0) console.log(JSON.stringify(report.trace.faults), report.trace.output);
  expectNoProblems(report);
  expect(report.completed).toBe(report.accepted);
  // A fleet in which nothing happened would prove nothing.
  expect(report.accepted).toBeGreaterThan(10);
  expect(report.fires).toBeGreaterThan(0);
  expect(Object.values(report.faults).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(20);
  expect(report.messages.consumed).toBeGreaterThan(5);
  expect(report.approvals.approved).toBeGreaterThan(0);
});
