import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createSeededRandom } from '@skein/testkit';
import { LinkedWorkers } from '../e2e/linked-workers.ts';
import { eventually, folderWith, isAlive, processTable, Stack } from '../e2e/stack.ts';
import { chaosProject } from './chaos-project.ts';
import { type ChaosReport, countExecutions, workerRecoveries } from './chaos-report.ts';
import { raceMs } from './counted-values.ts';
import { FaultMaker } from './faults.ts';
import { judgeRuns } from './judge.ts';
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
}

/** How long accepted runs may take after the last fault. */
const settleMs = 120_000;

/**
 * Real processes under random kills and stops, behind networks that are cut, held and slowed. The faults and the load follow the seed; when the machine gets to them does not,
 * so that a seed repeats the kind of trouble, not its interleaving.
 */
export const runChaos = async (options: ChaosOptions): Promise<ChaosReport> => {
  const random = createSeededRandom(options.seed);
  const project = folderWith(chaosProject);
  const ledgerFolder = folderWith({});
  const ledger = new Ledger(join(ledgerFolder, 'ledger'));
  const stack = await Stack.start(project, { workers: 0 });
  const workers = await LinkedWorkers.start(stack, options.workers ?? 3);
  const rollouts = await ChaosRollouts.start(stack, project, raceMs.alone);
  const beganAt = performance.now();
  const faults = new FaultMaker(stack, workers, random.fork('faults'));
  const load = new Load(stack, random.fork('load'), ledger.path, options.width ?? 12);
  const talk = new Talk(load, random.fork('talk'));
  const isOver = (): boolean => performance.now() - beganAt > options.durationMs;
  try {
    const trouble = setInterval(() => {
      ledger.read();
      // A process that still stands when the time is over goes on, or a call that waits for it would wait for ever.
      if (isOver()) faults.end();
      else faults.tick();
    }, 10);
    try {
      while (!isOver()) {
        await load.fill(isOver);
        await load.look();
        await talk.look();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      faults.end();
      await eventually(
        'every accepted run ends',
        async () => {
          await load.look();
          await talk.look();
          return load.open.length === 0;
        },
        settleMs,
      ).catch(() => undefined);
    } finally {
      clearInterval(trouble);
      faults.end();
    }
    ledger.read();
    const seconds = (performance.now() - beganAt) / 1_000;
    const judged = await judgeRuns(stack, load, talk, ledger);
    const { ends, problems } = await rollouts.judge(load);
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
  } finally {
    await workers.stop();
    await stack.stop();
    await stack.kill();
    stack.remove();
    for (const folder of [project, ledgerFolder]) rmSync(folder, { recursive: true, force: true });
  }
};
