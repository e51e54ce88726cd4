import { parseArgs } from 'node:util';
import { problemsOf, renderReport } from './chaos-report.ts';
import { runChaos } from './run-chaos.ts';

// npm run chaos -- --minutes 10 --seed 42 [--workers 3] [--width 12] [--json]
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    workers: { type: 'string', default: '3' },
    width: { type: 'string', default: '12' },
    json: { type: 'boolean', default: false },
  },
});
const [minutes, seed, workers, width] = [values.minutes, values.seed, values.workers, values.width].map(Number);
if (!(Number(minutes) > 0) || ![seed, workers, width].every(Number.isSafeInteger)) {
  console.error('chaos: --minutes, --seed, --workers and --width must be numbers');
  process.exit(2);
}
if (!values.json) console.log(`chaos: ${minutes} min, seed ${seed}, ${workers} workers, ${width} runs at a time`);
const report = await runChaos({
  seed: Number(seed),
  durationMs: Number(minutes) * 60_000,
  workers: Number(workers),
  width: Number(width),
});
const problems = problemsOf(report);
if (values.json) console.log(JSON.stringify(report));
else {
  console.log(renderReport(report));
  for (const problem of problems) console.log(`  ${problem}`);
  console.log(problems.length === 0 ? 'nothing was lost' : `${problems.length} problems`);
}
process.exitCode = problems.length === 0 ? 0 : 1;
// Nothing may keep it: a worker's launcher may still wait for a report to be taken.
process.exit();
