import type { Dag } from '../dag/dag.ts';
import type { ErrorCode } from '../errors/error-catalog.ts';
import type { RunId, StepPath } from '../identity/ids.ts';
import type { BuiltinMetric, RolloutId } from '../rollout/rollout-record.ts';
import type { RecordedResult, RunFact } from '../run/run-fact.ts';
import type { Usage } from '../task/task-result.ts';
import { foldTreeFact } from './fold-fact.ts';
import type { StepFold, TreeFold } from './tree-fold.ts';
import { createTreeFold, openRunFold } from './tree-fold.ts';
import { addUsage } from './usage-sum.ts';

/** A settled step, or item, of the agent: in its last round. */
export interface MeasuredStep {
  readonly runId: RunId;
  readonly step: StepPath;
  readonly round: number;
  readonly status: 'succeeded' | 'failed' | 'cancelled';
  /** Of the last attempt. */
  readonly durationMs: number;
  /** Of all attempts. */
  readonly usage?: Usage;
  /** Place of its last result in its run's log; 0: there was none. */
  readonly seq: number;
  /** Place of the turn that it was asked in; absent for a step without durable turns. */
  readonly askedSeq?: number;
  /** Absent beyond the first `keptOutputs` steps: they are in the fact at `seq`. */
  readonly outputs?: RecordedResult['outputs'];
}

/** Raw values of the built-in metrics; null: missing. */
export type BuiltinValues = { readonly [metric in BuiltinMetric]: number | null };

/** What the tree of a root run says of one agent. */
export interface TreeMeasure {
  readonly agentId: string;
  /** A step of the agent started (g.5). */
  readonly exposed: boolean;
  /** How the root ended; undefined while it goes on. */
  readonly root?: {
    readonly status: 'succeeded' | 'failed' | 'cancelled';
    readonly partial: boolean;
    readonly at: number;
  };
  /** The root was cancelled other than by its timeout: it says nothing of any version, and all its values are missing. */
  readonly cancelled: boolean;
  /** Rollouts for which a run of the tree was migrated: it leaves their evidence. */
  readonly migratedFor: ReadonlySet<RolloutId>;
  readonly values: BuiltinValues;
  /** Code with which the first application attempt of a step failed; the first such step. */
  readonly firstFailure?: ErrorCode;
  readonly steps: readonly MeasuredStep[];
}

const missingValues: BuiltinValues = {
  error: null,
  latency: null,
  costUsd: null,
  tokens: null,
  toolErrors: null,
  turns: null,
  schemaRepairs: null,
  takeover: null,
  run_failed: null,
  run_partial: null,
};

/** Every built-in metric. */
export const builtinMetrics = Object.keys(missingValues) as readonly BuiltinMetric[];

/** The code of an infrastructure failure: what a breaker counts (g.8). */
export const isInfrastructureFailure = (code: ErrorCode | undefined): boolean =>
  code === 'unavailable' || code === 'resource_exhausted' || code === 'deadline_exceeded' || code === 'internal';

const measuredStep = (fold: StepFold): MeasuredStep => {
  const { runId, step, round, durationMs, seq, askedSeq, outputs, status = 'cancelled' } = fold;
  const usage = addUsage(fold.spent, fold.usage);
  return {
    runId,
    step,
    round,
    status,
    durationMs,
    seq,
    ...(usage === undefined ? {} : { usage }),
    ...(askedSeq === undefined ? {} : { askedSeq }),
    ...(outputs === undefined ? {} : { outputs }),
  };
};

const valuesOf = (tree: TreeFold, started: readonly StepFold[], takeover: boolean): BuiltinValues => {
  const attempted = started.filter(({ first }) => first !== undefined);
  let usage: Usage | undefined;
  for (const fold of started) usage = addUsage(usage, addUsage(fold.spent, fold.usage));
  const failed = tree.ended?.status === 'failed' || tree.ended?.status === 'cancelled';
  return {
    error: attempted.length === 0 ? null : Number(attempted.some(({ first }) => first !== true)),
    latency: attempted.length === 0 ? null : started.reduce((sum, { durationMs }) => sum + durationMs, 0),
    costUsd: usage?.costUsd ?? null,
    tokens: usage === undefined ? null : usage.inputTokens + usage.outputTokens,
    toolErrors: usage?.toolErrors ?? null,
    turns: usage?.turns ?? null,
    schemaRepairs: usage?.schemaRepairs ?? null,
    takeover: Number(takeover),
    run_failed: Number(failed),
    run_partial: Number(tree.ended?.partial ?? false),
  };
};

/**
 * What a folded tree says of an agent. Sums and the error go over all its step executions, those of earlier rounds, of items, of handlers and
 * of called runs among them; a result that a retry of a run kept from the run before is not among them. A worker loss is no attempt.
 * A cost, or any other part of the usage, that no attempt told is missing, never 0.
 */
export const treeMeasureOf = (tree: TreeFold, agentId: string): TreeMeasure => {
  const agent = tree.agents.get(agentId);
  const current = [...(agent?.steps.values() ?? [])];
  const started = [...(agent?.earlier ?? []), ...current].filter((fold) => fold.started);
  const cancelled = tree.ended?.status === 'cancelled' && tree.cancelled !== 'timeout';
  const exposed = started.length > 0;
  const first = started.find((fold) => fold.first !== undefined && fold.first !== true)?.first;
  return {
    agentId,
    exposed,
    ...(tree.ended === undefined ? {} : { root: tree.ended }),
    cancelled,
    migratedFor: tree.migratedFor,
    values: cancelled || !exposed ? missingValues : valuesOf(tree, started, agent?.takeover ?? false),
    ...(first === undefined || first === true ? {} : { firstFailure: first }),
    steps: current.filter((fold) => fold.started).map(measuredStep),
  };
};

/** The same, of whole logs: the root's first, then those of the runs that it called. */
export const measureTree = (
  agentId: string,
  runs: readonly { readonly runId: RunId; readonly dag: Dag; readonly facts: readonly RunFact[] }[],
): TreeMeasure => {
  const tree = createTreeFold();
  for (const { runId, dag, facts } of runs) {
    const run = openRunFold(tree, runId, dag);
    for (const [index, fact] of facts.entries()) foldTreeFact(run, fact, index + 1);
  }
  return treeMeasureOf(tree, agentId);
};
