import { createAgentExecutor } from '@skein/agent';
import type {
  FleetMutant,
  MovesReport,
  RolloutMutant,
  RolloutSimulationReport,
  SimMutant,
  SimulationReport,
} from '@skein/testkit';
import { fleetMutants, rolloutMutants, simMutants, simulate, simulateMoves, simulateRollouts } from '@skein/testkit';
import { endGrounds, isStoreKind, withGround } from './real-ground.ts';

// Plays seeds and prints those that fail:
//   npm run sim -- --seed 42
//   npm run sim -- --seeds 10000 [--from 1]
//   npm run sim -- --world rollouts --seed 42             the world of rollouts, which has seeds of its own
//   npm run sim -- --world fleet --seeds 100              three coordinators that share the runs
//   npm run sim -- --world moves --seeds 100              the same, restarted in order under load: nothing may run twice
//   npm run sim -- --store postgres --seeds 20            the same on a real database: postgres, or libsql
//   npm run sim -- --mutant no_fencing [--seeds 2000]     stops at the first seed that finds the defect
const options = new Map<string, string>();
for (let at = 2; at < process.argv.length; at += 2) {
  options.set(process.argv[at] ?? '', process.argv[at + 1] ?? '');
}
const single = options.get('--seed');
const mutant = options.get('--mutant');
const plainMutant = simMutants.find((name): name is SimMutant => name === mutant);
const rolloutMutant = rolloutMutants.find((name): name is RolloutMutant => name === mutant);
const fleetMutant = fleetMutants.find((name): name is FleetMutant => name === mutant);
if (mutant !== undefined && plainMutant === undefined && rolloutMutant === undefined && fleetMutant === undefined) {
  console.error(
    `there is no mutant ${mutant}; there are ${[...simMutants, ...rolloutMutants, ...fleetMutants].join(', ')}`,
  );
  process.exit(2);
}
const isFleet = options.get('--world') === 'fleet';
const isRollouts = options.get('--world') === 'rollouts' || rolloutMutant !== undefined;
const isMoves = options.get('--world') === 'moves' || fleetMutant !== undefined;
const store = options.get('--store') ?? 'memory';
if (!isStoreKind(store)) {
  console.error(`there is no store ${store}; there are memory, libsql and postgres`);
  process.exit(2);
}
const play = (seed: number): Promise<SimulationReport | RolloutSimulationReport | MovesReport> =>
  withGround<SimulationReport | RolloutSimulationReport | MovesReport>(store, { inTurn: isRollouts }, (ground) =>
    isMoves
      ? simulateMoves({ seed, ...(fleetMutant === undefined ? {} : { mutant: fleetMutant }) })
      : isRollouts
        ? simulateRollouts({ seed, ...ground, ...(rolloutMutant === undefined ? {} : { mutant: rolloutMutant }) })
        : simulate({
            seed,
            createAgentExecutor,
            ...ground,
            ...(isFleet ? { fleet: true } : {}),
            ...(plainMutant === undefined ? {} : { mutant: plainMutant }),
          }),
  );
const from = Number(single ?? options.get('--from') ?? 1);
const count = single === undefined ? Number(options.get('--seeds') ?? (mutant === undefined ? 100 : 2_000)) : 1;
const beganAt = Date.now();
const total: { [name: string]: number } = {};
const failed: number[] = [];

const show = ({ seed, problems, lastEvents }: SimulationReport | RolloutSimulationReport | MovesReport): void => {
  console.log(`seed ${seed} failed:`);
  for (const problem of problems.slice(0, 20)) console.log(`  ${problem}`);
  if (problems.length > 20) console.log(`  and ${problems.length - 20} more`);
  console.log('  last events:');
  for (const event of lastEvents) console.log(`    ${event}`);
  const world = isMoves ? ' --world moves' : isRollouts ? ' --world rollouts' : isFleet ? ' --world fleet' : '';
  const same = mutant === undefined ? world : ` --mutant ${mutant}`;
  const on = store === 'memory' ? '' : ` --store ${store}`;
  console.log(`  again: npm run sim -- --seed ${seed}${same}${on}`);
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
await endGrounds();
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
