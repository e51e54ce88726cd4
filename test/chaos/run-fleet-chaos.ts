import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { findMarked } from '@skein/launcher';
import { createSeededRandom } from '@skein/testkit';
import { eventually, folderWith, newMarker } from '../e2e/stack.ts';
import { patienceMs } from '../fleet/fleet-stack.ts';
import { fireProblems, firesOf, schedules } from '../fleet/schedule-fires.ts';
import { Campaign, type Least } from './campaign.ts';
import { ChaosFleet } from './chaos-fleet.ts';
import { chaosProject } from './chaos-project.ts';
import { type ChaosReport, countExecutions, workerRecoveries } from './chaos-report.ts';
import { raceMs } from './counted-values.ts';
import { type FleetFault, FleetFaultMaker } from './fleet-faults.ts';
import { judgeRuns } from './judge.ts';
import { tickMs } from './lateness.ts';
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
  /** It goes on for longer while less has happened. */
  readonly least?: Least;
}

/** What came of it; `trace` holds the faults and the ends of all logs, for a seed that failed. */
export interface FleetChaosReport extends ChaosReport {
  /** Fire times of schedules that had a run. */
  readonly fires: number;
  readonly trace: { readonly faults: readonly FleetFault[]; readonly output: string };
}

/** How long accepted runs may take after the last fault. */
const settleMs = 180_000;

/**
 * A fleet of real processes on PostgreSQL and Redis under random kills, stops and restarts of everything, behind networks that are cut,
 * held and slowed. As on one coordinator, a seed repeats the kind of trouble, not its interleaving.
 */
export const runFleetChaos = async (options: FleetChaosOptions): Promise<FleetChaosReport> => {
  const project = folderWith({ ...chaosProject, ...schedules });
  const ledgerFolder = folderWith({});
  try {
    return await troubleFleet(options, project, new Ledger(join(ledgerFolder, 'ledger')));
  } finally {
    for (const folder of [project, ledgerFolder]) rmSync(folder, { recursive: true, force: true });
  }
};

const troubleFleet = async (options: FleetChaosOptions, project: string, ledger: Ledger): Promise<FleetChaosReport> => {
  const random = createSeededRandom(options.seed);
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
    const rollouts = await ChaosRollouts.start(fleet, project);
    const load = new Load(fleet, random.fork('load'), ledger.path, width);
    const talk = new Talk(load, random.fork('talk'));
    const parts = { target: fleet, load, talk, ledger, rollouts, faults: faults.faults };
    const campaign = new Campaign(parts, options.durationMs, options.least);
    const trouble = setInterval(() => {
      ledger.read();
      faults.tick(campaign.isQuiet);
    }, tickMs);
    try {
      await campaign.run();
      await faults.end();
      await campaign.settle(settleMs);
    } finally {
      clearInterval(trouble);
      await faults.end();
    }
    ledger.read();
    const seconds = campaign.elapsedMs / 1_000;
    const judged = await judgeRuns(fleet, load, talk, ledger);
    const { ends, problems } = await rollouts.judge(load, raceMs.fleet + faults.lateMs);
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
  }
};
