import { createAgentExecutor } from '@skein/agent';
import type { RolloutMutant, RolloutSimulationReport, SimMutant, SimulationReport } from '@skein/testkit';
import { rolloutMutants, simMutants, simulate, simulateRollouts } from '@skein/testkit';

// Plays seeds and prints those that fail:
//   npm run sim -- --seed 42
//   npm run sim -- --seeds 10000 [--from 1]
//   npm run sim -- --world rollouts --seed 42             the world of rollouts, which has seeds of its own
//   npm run sim -- --mutant no_fencing [--seeds 2000]     stops at the first seed that finds the defect
const options = new Map<string, string>();
for (let at = 2; at < process.argv.length; at += 2) {
  options.set(process.argv[at] ?? '', process.argv[at + 1] ?? '');
}
const single = options.get('--seed');
const mutant = options.get('--mutant');
const plainMutant = simMutants.find((name): name is SimMutant => name === mutant);
const rolloutMutant = rolloutMutants.find((name): name is RolloutMutant => name === mutant);
if (mutant !== undefined && plainMutant === undefined && rolloutMutant === undefined) {
  console.error(`there is no mutant ${mutant}; there are ${[...simMutants, ...rolloutMutants].join(', ')}`);
  process.exit(2);
}
const isRollouts = options.get('--world') === 'rollouts' || rolloutMutant !== undefined;
const play = (seed: number): Promise<SimulationReport | RolloutSimulationReport> =>
  isRollouts
    ? simulateRollouts({ seed, ...(rolloutMutant === undefined ? {} : { mutant: rolloutMutant }) })
    : simulate({ seed, createAgentExecutor, ...(plainMutant === undefined ? {} : { mutant: plainMutant }) });
const from = Number(single ?? options.get('--from') ?? 1);
const count = single === undefined ? Number(options.get('--seeds') ?? (mutant === undefined ? 100 : 2_000)) : 1;
const beganAt = Date.now();
const total: { [name: string]: number } = {};
const failed: number[] = [];

const show = ({ seed, problems, lastEvents }: SimulationReport | RolloutSimulationReport): void => {
  console.log(`seed ${seed} failed:`);
  for (const problem of problems.slice(0, 20)) console.log(`  ${problem}`);
  if (problems.length > 20) console.log(`  and ${problems.length - 20} more`);
  console.log('  last events:');
  for (const event of lastEvents) console.log(`    ${event}`);
  const same = mutant === undefined ? (isRollouts ? ' --world rollouts' : '') : ` --mutant ${mutant}`;
  console.log(`  again: npm run sim -- --seed ${seed}${same}`);
};

let played = 0;
for (let seed = from; seed < from + count; seed += 1) {
  const report = await play(seed);
  played += 1;
  for (const [name, value] of Object.entries(report))
    if (typeof value === 'number' && name !== 'seed') total[name] = (total[name] ?? 0) + value;
  if ('outcomes' in report)
    for (const [name, value] of Object.entries(report.outcomes)) total[name] = (total[name] ?? 0) + value;
  if (report.problems.length === 0) continue;
  failed.push(seed);
  show(report);
  if (mutant !== undefined) break;
}
const seconds = Math.round((Date.now() - beganAt) / 1000);
if (mutant === undefined) {
  console.log(`${played} seeds, ${failed.length} failed, ${seconds} s`, total);
  process.exitCode = failed.length === 0 ? 0 : 1;
} else {
  const found = failed[0];
  console.log(
    found === undefined
      ? `${mutant}: not found in ${played} seeds, ${seconds} s`
      : `${mutant}: found by seed ${found}, the ${played}. that was played, ${seconds} s`,
  );
  process.exitCode = found === undefined ? 1 : 0;
}
