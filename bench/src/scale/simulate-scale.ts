import {
  type Dag,
  decideRollout,
  indexDag,
  newRollout,
  type RolloutRecord,
  type Step,
  type WorkerLoad,
} from '@skein/domain';
import type { Random } from '@skein/ports';
import { createHasher } from '@skein/telemetry';
import { createSeededRandom } from '@skein/testkit';
import { percentile } from '../measure.ts';
import { measureRules } from './calibrate.ts';
import { Cell, type World } from './cell.ts';
import { Control } from './control.ts';
import { costs } from './costs.ts';
import { EventQueue } from './event-queue.ts';
import { Statistics } from './statistics.ts';
import { heaviest } from './weights.ts';

/** What is simulated. Times in virtual ms. */
export interface ScaleOptions {
  readonly cells: number;
  readonly coordinatorsPerCell: number;
  readonly workers: number;
  readonly runsPerHour: number;
  readonly minutes: number;
  readonly seed: number;
  /** Steps of a run, one after the other, and how long each takes in the mean. */
  readonly steps: number;
  readonly stepMs: number;
  /** See `World.withoutLease`. */
  readonly withoutLease: boolean;
}

/** How long callers go on trying a cell that does not answer before they hash their runs to the others, ms. */
const detectMs = 3_000;
const retryMs = 500;

const agentStep = (id: string, depends: readonly string[]): Step =>
  ({
    id,
    depends,
    action: { kind: 'agent', agent: 'agent', prompt: 'p' },
    env: [],
    outputs: [],
    preconditions: [],
    continueOn: { failure: false, skipped: false, exitCodes: [], output: [], markSuccess: false },
    workerSelector: {},
    onWorkerLoss: 'retry',
    repeatSafe: false,
  }) as unknown as Step;

const chainOf = (steps: number): Dag => ({
  languageVersion: 1,
  name: 'scale',
  labels: {},
  type: 'graph',
  params: [],
  env: [],
  schedule: [],
  steps: Array.from({ length: steps }, (_, at) => agentStep(`s${at}`, at === 0 ? [] : [`s${at - 1}`])),
});

const canary = (): RolloutRecord => {
  const { record } = newRollout({
    tenant: 'default',
    id: 'rol_scale',
    agentId: 'agent',
    stableVersionId: `sha256:${'a'.repeat(64)}`,
    candidateVersionId: `sha256:${'b'.repeat(64)}`,
    weight: 0.05,
    salt: '0'.repeat(32),
    by: { actor: 'model' },
    at: 0,
    memoryRevision: 0,
    type: 'canary',
  });
  return record;
};

const exponential = (random: Random, mean: number): number => -mean * Math.log(1 - random.next());

/** Log-normal with this mean and sigma 1: most steps are short, some long. */
const logNormal = (random: Random, mean: number): number => {
  const normal = Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
  return mean * Math.exp(normal - 0.5);
};

/** Runs the model. */
export const simulateScale = (options: ScaleOptions) => {
  const { minutes, cells: count, workers, coordinatorsPerCell } = options;
  const queue = new EventQueue();
  const random = createSeededRandom(options.seed);
  const statistics = new Statistics();
  const dag = chainOf(options.steps);
  const graph = indexDag(dag);
  const record = canary();
  const loads: WorkerLoad[] = Array.from({ length: 3_000 }, (_, at) => ({
    workerId: `w${at}`,
    labels: {},
    kinds: ['agent'],
    slots: 1,
    free: 1,
    accepting: true,
  }));
  const rules = measureRules(dag, graph, record, loads);
  const steps = random.fork('steps');
  const world: World = {
    queue,
    rules,
    dag,
    graph,
    hasher: createHasher(),
    statistics,
    stepMs: () => logNormal(steps, options.stepMs),
    withoutLease: options.withoutLease,
  };
  const size = { coordinators: coordinatorsPerCell, workers: Math.floor(workers / count) };
  const cells = Array.from({ length: count }, (_, at) => new Cell(world, `cell-${at}`, record, size));
  const control = new Control(queue, record, cells);
  for (const cell of cells) cell.follow(control);

  const names = cells.map(({ id }) => id);
  /** When callers gave a cell up; by name. */
  const givenUp = new Set<string>();
  const submit = (runId: string, unit: string, since: number): void => {
    const live = names.filter((name) => !givenUp.has(name));
    const cell = cells[names.indexOf(live[heaviest(runId, live)] ?? '')];
    if (cell === undefined) return;
    let isAccepted = false;
    const life = cell.up;
    if (cell.up) {
      cell.submit(runId, unit, () => {
        isAccepted = true;
        statistics.accepted(queue.now - since);
      });
    }
    queue.after(retryMs, () => {
      if (isAccepted || (life && cell.up)) return;
      // The same run id again: whoever has it already makes no second run.
      statistics.refusedSubmits += 1;
      if (queue.now - since >= detectMs) givenUp.add(cell.id);
      submit(runId, unit, since);
    });
  };
  const arrivals = random.fork('arrivals');
  const units = random.fork('units');
  const meanGap = 3_600_000 / options.runsPerHour;
  const arrive = (): void => {
    statistics.submits += 1;
    const runId = `run_${statistics.submits.toString(16).padStart(12, '0')}`;
    submit(runId, `user-${Math.floor(units.next() * 1e7)}`, queue.now);
    queue.after(exponential(arrivals, meanGap), arrive);
  };
  queue.after(1_000, arrive);

  const end = minutes * 60_000;
  const lostAt = end * 0.35;
  const backAt = end * 0.6;
  const cutAt = end * 0.74;
  const rollbackAt = end * 0.75;
  let openAtLoss = 0;
  queue.after(lostAt, () => {
    openAtLoss = cells[0]?.openRuns ?? 0;
    cells[0]?.lose();
  });
  queue.after(backAt, () => {
    cells[0]?.recover();
    givenUp.delete('cell-0');
  });
  // One cell is cut off from the control when the rollback comes: it works on, and cannot be told.
  const cut = cells[1];
  queue.after(cutAt, () => {
    if (cut !== undefined) cut.inTouch = false;
  });
  queue.after(cutAt + 30_000, () => {
    if (cut !== undefined) cut.inTouch = true;
  });
  queue.after(rollbackAt, () => {
    const reason = 'requested' as const;
    const rolledBack = decideRollout(
      control.record,
      { type: 'rollback', reason },
      { actor: 'model' },
      1_700_000_000_000 + queue.now,
    ).record;
    control.rollBack(rolledBack);
  });
  queue.runUntil(end);

  const committedAt = control.rollbackCommittedAt ?? Number.POSITIVE_INFINITY;
  const coordinators = cells.flatMap((cell) => cell.coordinators);
  const use = {
    coordinators: Math.max(...coordinators.map(({ busyMs }) => busyMs)) / end,
    databases: Math.max(...cells.map(({ log }) => log.units * costs.appendMs)) / end,
    workers: (statistics.dispatchMs.length * options.stepMs) / (workers * end),
  };
  const [first = ['', 0]] = Object.entries(use).toSorted(([, a], [, b]) => b - a);
  const quantiles = (samples: readonly number[]) => ({
    p50: percentile(samples, 0.5),
    p99: percentile(samples, 0.99),
    max: percentile(samples, 1),
  });
  return {
    options,
    rules,
    submits: statistics.submits,
    admissions: statistics.admissions,
    finished: statistics.runMs.length,
    passedOn: statistics.passedOn,
    submitMs: quantiles(statistics.submitMs),
    dispatchMs: quantiles(statistics.dispatchMs),
    lostCell: { openRuns: openAtLoss, stepsAgain: statistics.reruns, refusedSubmits: statistics.refusedSubmits },
    rollback: {
      commitMs: committedAt - (control.rollbackAskedAt ?? 0),
      candidatesBefore: statistics.candidates.filter((at) => at <= committedAt).length,
      stale: statistics.candidates.filter((at) => at > committedAt).length,
    },
    use,
    bottleneck: { name: first[0], use: first[1], timesThisLoad: 1 / first[1] },
    controlPerSecond: control.requests / (end / 1_000),
  };
};

/** What the model says. */
export type ScaleReport = ReturnType<typeof simulateScale>;
