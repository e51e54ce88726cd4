import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { findMarked } from '@skein/launcher';
import { createSeededRandom } from '@skein/testkit';
import { eventually, folderWith, newMarker } from '../e2e/stack.ts';
import { patienceMs } from '../fleet/fleet-stack.ts';
import { fireProblems, firesOf, schedules } from '../fleet/schedule-fires.ts';
import { ChaosFleet } from './chaos-fleet.ts';
import { chaosProject } from './chaos-project.ts';
import { type ChaosReport, countExecutions, workerRecoveries } from './chaos-report.ts';
import { raceMs } from './counted-values.ts';
import { type FleetFault, FleetFaultMaker } from './fleet-faults.ts';
import { judgeRuns } from './judge.ts';
import { Ledger } from './ledger.ts';
import { Load } from './load.ts';
import { ChaosRollouts } from './rollouts.ts';
import { Talk } from './talk.ts';

/** How long and how. */
export interface FleetChaosOptions {
  readonly seed: number;
  readonly durationMs: number;
  readonly coordinators?: number;
  readonly schedulers?: number;
  readonly workers?: number;
  /** Runs under way at a time. */
  readonly width?: number;
}

/** What came of it; `trace` holds the faults and the ends of all logs, for a seed that failed. */
export interface FleetChaosReport extends ChaosReport {
  /** Fire times of schedules that had a run. */
  readonly fires: number;
  readonly trace: { readonly faults: readonly FleetFault[]; readonly output: string };
}

/** When nobody has answered for so long, no harm is done until somebody does: on a busy machine processes take long to start. */
const mercyMs = 10_000;

/** How long accepted runs may take after the last fault. */
const settleMs = 180_000;

/**
 * A fleet of real processes on PostgreSQL and Redis under random kills, stops and restarts of everything, behind networks that are cut,
 * held and slowed. As on one coordinator, a seed repeats the kind of trouble, not its interleaving.
 */
export const runFleetChaos = async (options: FleetChaosOptions): Promise<FleetChaosReport> => {
  const random = createSeededRandom(options.seed);
  const project = folderWith({ ...chaosProject, ...schedules });
  const ledgerFolder = folderWith({});
  const ledger = new Ledger(join(ledgerFolder, 'ledger'));
  const marker = newMarker();
  const { coordinators = 3, schedulers = 2, workers = 8, width = 12 } = options;
  const fleet = await ChaosFleet.start(project, { coordinators, schedulers, workers }, marker);
  let stopped: Promise<readonly string[]> | undefined;
  const stop = (): Promise<readonly string[]> => {
    stopped ??= fleet.stop();
    return stopped;
  };
  const faults = new FleetFaultMaker(fleet, random.fork('faults'));
  try {
    const rollouts = await ChaosRollouts.start(fleet, project, raceMs.fleet);
    const beganAt = performance.now();
    const load = new Load(fleet, random.fork('load'), ledger.path, width);
    const talk = new Talk(load, random.fork('talk'));
    const isOver = (): boolean => performance.now() - beganAt > options.durationMs;
    const trouble = setInterval(() => {
      ledger.read();
      faults.tick(isOver() || load.awayMs > mercyMs);
    }, 10);
    try {
      while (!isOver()) {
        await load.fill(isOver);
        await load.look();
        await talk.look();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await faults.end();
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
      await faults.end();
    }
    ledger.read();
    const seconds = (performance.now() - beganAt) / 1_000;
    const judged = await judgeRuns(fleet, load, talk, ledger);
    const { ends, problems } = await rollouts.judge(load);
    const fires = await firesOf(fleet.client);
    const forced = await stop();
    // Commands of workers that were killed end by themselves.
    const left = await eventually('nothing is left', async () => (await findMarked(marker)).length === 0, patienceMs)
      .then(() => [])
      .catch(() => findMarked(marker));
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
      broken: [
        ...judged.broken,
        ...problems,
        ...fireProblems(fires, Math.max(0, ...load.outagesMs)),
        ...faults.failures,
      ],
      executions: countExecutions(ledger.lines),
      workerRecoveryMs: workerRecoveries(ledger.lines, faults.faults),
      outagesMs: load.outagesMs,
      orphans: [...forced.map((name) => `${name} did not stop`), ...left.map((pid) => `process ${pid} is left`)],
      fires: fires.length,
      trace: { faults: faults.faults, output: fleet.stack.output },
    };
  } finally {
    if (stopped === undefined) await faults.end();
    await stop();
    for (const folder of [project, ledgerFolder]) rmSync(folder, { recursive: true, force: true });
  }
};
