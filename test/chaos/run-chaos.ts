import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createSeededRandom } from '@skein/testkit';
import { eventually, folderWith, isAlive, processTable, type RunJson, Stack } from '../e2e/stack.ts';
import { chaosProject, stepsOf } from './chaos-project.ts';
import { type ChaosReport, countExecutions, workerRecoveries } from './chaos-report.ts';
import { FaultMaker } from './faults.ts';
import { Ledger } from './ledger.ts';
import { Load } from './load.ts';

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
 * Real processes under random kills and stops. The faults and the load follow the seed; when the machine gets to them does not,
 * so that a seed repeats the kind of trouble, not its interleaving.
 */
export const runChaos = async (options: ChaosOptions): Promise<ChaosReport> => {
  const random = createSeededRandom(options.seed);
  const project = folderWith(chaosProject);
  const ledgerFolder = folderWith({});
  const ledger = new Ledger(join(ledgerFolder, 'ledger'));
  const stack = await Stack.start(project, { workers: options.workers ?? 3 });
  const beganAt = performance.now();
  const faults = new FaultMaker(stack, random.fork('faults'));
  const load = new Load(stack, random.fork('load'), ledger.path, options.width ?? 12);
  const isOver = (): boolean => performance.now() - beganAt > options.durationMs;
  try {
    const trouble = setInterval(() => {
      ledger.read();
      if (!isOver()) faults.tick();
    }, 10);
    try {
      while (!isOver()) {
        await load.fill(isOver);
        await load.look();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      faults.end();
      await eventually(
        'every accepted run ends',
        async () => {
          await load.look();
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
    const judged = await judge(stack, load, ledger);
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
      ...judged,
      executions: countExecutions(ledger.lines),
      workerRecoveryMs: workerRecoveries(ledger.lines, faults.faults),
      outagesMs: load.outagesMs,
      orphans,
    };
  } finally {
    await stack.stop();
    await stack.kill();
    stack.remove();
    for (const folder of [project, ledgerFolder]) rmSync(folder, { recursive: true, force: true });
  }
};

interface Event {
  readonly type: string;
  readonly data: {
    readonly step?: string;
    readonly attempt?: number;
    readonly result?: { readonly outcome: { readonly status: string } };
    readonly error?: { readonly message: string };
  };
}

const eventsOf = async (stack: Stack, runId: string): Promise<readonly Event[]> => {
  const response = await fetch(`${stack.http}/api/runs/${runId}/events`, {
    headers: { authorization: `Bearer ${stack.token}` },
  });
  const text = await response.text();
  return [...text.matchAll(/^data: (.*)$/gm)].map((match) => JSON.parse(match[1] ?? '') as Event);
};

/** Holds the run logs against the DAGs and against the ledger. */
const judge = async (
  stack: Stack,
  load: Load,
  ledger: Ledger,
): Promise<Pick<ChaosReport, 'lost' | 'duplicates' | 'unproved' | 'poisoned'>> => {
  const lost = load.open.map((run) => `${run.dag} ${run.runId} has not ended`);
  const duplicates: string[] = [];
  const unproved: string[] = [];
  let poisoned = 0;
  const effects = new Set(
    ledger.lines.filter((line) => line.kind === 'end').map((line) => `${line.runId} ${line.step} ${line.attempt}`),
  );
  for (const { runId, dag } of load.accepted) {
    const end = load.ends.get(runId);
    if (end === undefined) continue;
    const events = await eventsOf(stack, runId);
    const ends = events.filter((event) => event.type === 'run_finished').length;
    if (ends !== 1) duplicates.push(`${dag} ${runId} has ${ends} ends`);
    const successes = events.filter(
      (event) => event.type === 'step_finished' && event.data.result?.outcome.status === 'succeeded',
    );
    const steps = new Set(successes.map((event) => event.data.step));
    if (steps.size !== successes.length) duplicates.push(`${dag} ${runId} has a step that succeeded twice`);
    for (const { data } of successes) {
      const effect = `${runId} ${data.step} ${data.attempt}`;
      if (!effects.has(effect)) unproved.push(`${dag} ${effect}`);
    }
    if (end.status === 'succeeded' && steps.size !== stepsOf[dag]) {
      lost.push(`${dag} ${runId} succeeded with ${steps.size} of ${stepsOf[dag]} steps`);
    }
    if (end.status !== 'succeeded') {
      if (isPoison(end, events)) poisoned += 1;
      else lost.push(`${dag} ${runId} ended as ${end.status}: ${end.error?.code} ${end.error?.message}`);
    }
  }
  return { lost, duplicates, unproved, poisoned };
};

/** A step that lost its worker three times is given up; with random kills that may happen to the innocent. */
const isPoison = (end: RunJson, events: readonly Event[]): boolean =>
  end.status === 'failed' &&
  events.some((event) => event.type === 'step_lost' && event.data.error?.message.startsWith('poison: '));
