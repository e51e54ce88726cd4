import { parseArgs } from 'node:util';
import { problemsOf, renderReport } from './chaos-report.ts';
import { runChaos } from './run-chaos.ts';
import { runFleetChaos } from './run-fleet-chaos.ts';

// npm run chaos -- --minutes 10 --seed 42 [--workers 3] [--width 12] [--json]
// npm run chaos -- --fleet --minutes 10 --seed 42 [--coordinators 3] [--schedulers 2] [--workers 8]
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    fleet: { type: 'boolean', default: false },
    coordinators: { type: 'string', default: '3' },
    schedulers: { type: 'string', default: '2' },
    workers: { type: 'string' },
    width: { type: 'string', default: '12' },
    json: { type: 'boolean', default: false },
  },
});
const minutes = Number(values.minutes);
const [seed = 0, workers = 0, width = 0, coordinators = 0, schedulers = 0] = [
  values.seed,
  values.workers ?? (values.fleet ? '8' : '3'),
  values.width,
  values.coordinators,
  values.schedulers,
].map(Number);
if (!(minutes > 0) || ![seed, workers, width, coordinators, schedulers].every(Number.isSafeInteger)) {
  console.error('chaos: --minutes, --seed, --workers, --width, --coordinators and --schedulers must be numbers');
  process.exit(2);
}
if (!values.json)
  console.log(
    `chaos: ${minutes} min, seed ${seed}, ${values.fleet ? `${coordinators} coordinators, ` : ''}${workers} workers, ${width} runs at a time`,
  );
const basics = { seed, durationMs: minutes * 60_000, workers, width };
const fleetReport = values.fleet ? await runFleetChaos({ ...basics, coordinators, schedulers }) : undefined;
const report = fleetReport ?? (await runChaos(basics));
const problems = problemsOf(report);
if (values.json) console.log(JSON.stringify(report));
else {
  console.log(renderReport(report));
  for (const problem of problems) console.log(`  ${problem}`);
  if (problems.length > 0 && fleetReport !== undefined) {
    for (const { wall, what, whom, untilMs, at } of fleetReport.trace.faults)
      console.log(`  ${wall} ${what} ${whom} for ${Math.round(untilMs - at)} ms`);
    console.log(fleetReport.trace.output);
  }
  console.log(problems.length === 0 ? 'nothing was lost' : `${problems.length} problems`);
}
process.exitCode = problems.length === 0 ? 0 : 1;
// Nothing may keep it: a worker's launcher may still wait for a report to be taken.
process.exit();
