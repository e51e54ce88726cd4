import { expect, it } from 'vitest';
import { renderReport } from './chaos-report.ts';
import { runChaos } from './run-chaos.ts';

it('a minute of kills and stops loses no run, records no completion twice and leaves no process', async () => {
  const seed = Number(process.env['CHAOS_SEED'] ?? Date.now() % 1_000_000);
  const report = await runChaos({ seed, durationMs: 60_000 });
  console.log(renderReport(report));
  const { lost, duplicates, unproved, orphans } = report;
  expect({ seed, lost, duplicates, unproved, orphans }).toEqual({
    seed,
    lost: [],
    duplicates: [],
    unproved: [],
    orphans: [],
  });
  expect(report.completed).toBe(report.accepted);
  // A run in which nothing happened would prove nothing.
  expect(report.accepted).toBeGreaterThan(10);
  expect(Object.values(report.faults).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(10);
  expect(report.workerRecoveryMs.length).toBeGreaterThan(0);
});
