import { createAgentExecutor } from '@skein/agent';
import { simulate } from '@skein/testkit';

// Plays seeds and prints those that fail:  npm run sim -- --seed 42   or   npm run sim -- --seeds 10000 [--from 1]
const options = new Map<string, string>();
for (let at = 2; at < process.argv.length; at += 2) {
  options.set(process.argv[at] ?? '', process.argv[at + 1] ?? '');
}
const single = options.get('--seed');
const from = Number(single ?? options.get('--from') ?? 1);
const count = single === undefined ? Number(options.get('--seeds') ?? 100) : 1;
const beganAt = Date.now();
const total = {
  runs: 0,
  calledRuns: 0,
  facts: 0,
  executions: 0,
  coordinatorCrashes: 0,
  workerCrashes: 0,
  workerPauses: 0,
  staleResults: 0,
  coordinatorPauses: 0,
  modelCalls: 0,
  toolCalls: 0,
  messages: 0,
  consumed: 0,
  deliveryEvents: 0,
};
let failed = 0;
for (let seed = from; seed < from + count; seed += 1) {
  const report = await simulate({ seed, createAgentExecutor });
  for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += report[key];
  if (report.problems.length === 0) continue;
  failed += 1;
  console.log(`seed ${seed} failed:\n  ${report.problems.join('\n  ')}`);
}
console.log(`${count} seeds, ${failed} failed, ${Math.round((Date.now() - beganAt) / 1000)} s`, total);
process.exitCode = failed === 0 ? 0 : 1;
