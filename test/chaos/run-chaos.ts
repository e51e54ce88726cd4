import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createSeededRandom } from '@skein/testkit';
import { LinkedWorkers } from '../e2e/linked-workers.ts';
import { folderWith, isAlive, processTable, Stack } from '../e2e/stack.ts';
import { Campaign, type Least } from './campaign.ts';
import { chaosProject } from './chaos-project.ts';
import { type ChaosReport, countExecutions, workerRecoveries } from './chaos-report.ts';
import { raceMs } from './counted-values.ts';
import { FaultMaker } from './faults.ts';
import { judgeRuns } from './judge.ts';
import { tickMs } from './lateness.ts';
import { Ledger } from './ledger.ts';
import { Load } from './load.ts';
import { ChaosRollouts } from './rollouts.ts';
import { Talk } from './talk.ts';

/** How long and how. */
export interface ChaosOptions {
  readonly seed: number;
  readonly durationMs: number;
  readonly workers?: number;
  /** Runs under way at a time. */
  readonly width?: number;
  /** It goes on for longer while less has happened. */
  readonly least?: Least;
}

/** How long accepted runs may take after the last fault. */
const settleMs = 120_000;

/**
 * Real processes under random kills and stops, behind networks that are cut, held and slowed. The faults and the load follow the seed; when the machine gets to them does not,
 * so that a seed repeats the kind of trouble, not its interleaving.
 */
export const runChaos = async (options: ChaosOptions): Promise<ChaosReport> => {
  const project = folderWith(chaosProject);
  const ledgerFolder = folderWith({});
  try {
    const stack = await Stack.start(project, { workers: 0 });
    try {
      const workers = await LinkedWorkers.start(stack, options.workers ?? 3);
      try {
        return await troubleStack(options, project, new Ledger(join(ledgerFolder, 'ledger')), stack, workers);
      } finally {
        await workers.stop();
      }
    } finally {
      await stack.stop();
      await stack.kill();
      stack.remove();
    }
  } finally {
    for (const folder of [project, ledgerFolder]) rmSync(folder, { recursive: true, force: true });
  }
};

const troubleStack = async (
  options: ChaosOptions,
  project: string,
  ledger: Ledger,
  stack: Stack,
  workers: LinkedWorkers,
): Promise<ChaosReport> => {
  const random = createSeededRandom(options.seed);
  const rollouts = await ChaosRollouts.start(stack, project);
  const faults = new FaultMaker(stack, workers, random.fork('faults'));
  const load = new Load(stack, random.fork('load'), ledger.path, options.width ?? 12);
  const talk = new Talk(load, random.fork('talk'));
  const parts = { target: stack, load, talk, ledger, rollouts, faults: faults.faults };
  const campaign = new Campaign(parts, options.durationMs, options.least);
  const trouble = setInterval(() => {
    ledger.read();
    faults.tick(campaign.isQuiet);
    // A process that still stands when the time is over goes on, or a call that waits for it would wait for ever.
    if (campaign.isOver) faults.end();
  }, tickMs);
  try {
    await campaign.run();
    faults.end();
    await campaign.settle(settleMs);
  } finally {
    clearInterval(trouble);
    faults.end();
  }
  ledger.read();
  const seconds = campaign.elapsedMs / 1_000;
  const judged = await judgeRuns(stack, load, talk, ledger);
  const { ends, problems } = await rollouts.judge(load, raceMs.alone + faults.lateMs);
  await workers.stop();
  const stopped = await stack.stop();
  const left = [...(await stack.leftovers())].filter(isAlive);
  const table = processTable();
  const orphans = [...stopped.left.map((line) => line.pid), ...left].map(
    (pid) => table.find((line) => line.pid === pid)?.command ?? String(pid),
  );
  const counted: Record<string, number> = {};
  for (const { what } of faults.faults) counted[what] = (counted[what] ?? 0) + 1;
  return {
    seed: options.seed,
    seconds,
    faults: counted,
    accepted: load.accepted.length,
    completed: load.ends.size,
    approvals: talk.answers,
    ...judged,
    rollouts: ends,
    broken: [...judged.broken, ...problems],
    executions: countExecutions(ledger.lines),
    workerRecoveryMs: workerRecoveries(ledger.lines, faults.faults),
    outagesMs: load.outagesMs,
    orphans,
  };
};
