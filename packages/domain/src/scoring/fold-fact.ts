import { parseStepPath, type StepId, type StepPath } from '../identity/ids.ts';
import type { RecordedResult, RunFact } from '../run/run-fact.ts';
import type { AgentFold, RunFold, StepFold } from './tree-fold.ts';
import { keptOutputs } from './tree-fold.ts';
import { addUsage } from './usage-sum.ts';

type FactOf<T extends RunFact['type']> = Extract<RunFact, { readonly type: T }>;

const idOf = (step: StepPath): StepId => parseStepPath(step)?.stepId ?? step;

/** The agent of a step; undefined for steps of other kinds. */
const agentFold = (run: RunFold, stepId: StepId): AgentFold | undefined => {
  const agentId = run.agentOf.get(stepId);
  if (agentId === undefined) return undefined;
  let fold = run.tree.agents.get(agentId);
  if (fold === undefined) {
    fold = { steps: new Map(), earlier: [], takeover: false };
    run.tree.agents.set(agentId, fold);
  }
  return fold;
};

const keyOf = (run: RunFold, step: StepPath): string => `${run.runId} ${step}`;

const stepFold = (run: RunFold, step: StepPath): StepFold | undefined => {
  const agent = agentFold(run, idOf(step));
  if (agent === undefined) return undefined;
  const key = keyOf(run, step);
  let fold = agent.steps.get(key);
  if (fold === undefined) {
    const round = run.rounds.get(idOf(step)) ?? 0;
    fold = {
      runId: run.runId,
      step,
      round,
      started: false,
      durationMs: 0,
      spent: undefined,
      usage: undefined,
      goesOn: false,
      seq: 0,
    };
    agent.steps.set(key, fold);
  }
  return fold;
};

const onResult = (fold: StepFold, result: RecordedResult, isLast: boolean, seq: number, keep: boolean): void => {
  const { outcome } = result;
  // A task that was handed back, or whose precondition was not met: no agent began.
  if (outcome.status === 'released' || outcome.status === 'skipped') return;
  fold.started = true;
  if (outcome.status !== 'cancelled') fold.first ??= outcome.status === 'failed' ? outcome.error.code : true;
  if (!fold.goesOn) fold.spent = addUsage(fold.spent, fold.usage);
  fold.usage = result.usage;
  fold.goesOn = !isLast && outcome.status === 'failed' && outcome.error.code === 'unavailable';
  fold.durationMs = result.durationMs;
  fold.seq = seq;
  if (!isLast) return;
  fold.status = outcome.status;
  if (keep) fold.outputs = result.outputs;
};

const onFinished = (run: RunFold, fact: FactOf<'step_finished'>, seq: number): void => {
  const fold = stepFold(run, fact.step);
  if (fold === undefined) return;
  const keep = (agentFold(run, idOf(fact.step))?.steps.size ?? 0) <= keptOutputs;
  onResult(fold, fact.result, fact.retryAt === undefined, seq, keep);
};

const onLost = (run: RunFold, fact: FactOf<'step_lost'>): void => {
  const fold = stepFold(run, fact.step);
  if (fold === undefined) return;
  if (fact.started) fold.started = true;
  // A loss is no application attempt: what it says of the run is said by the run's end.
  if (fact.error !== undefined) fold.status = 'failed';
};

const onTurn = (run: RunFold, fact: FactOf<'turn_planned'>, seq: number): void => {
  const fold = stepFold(run, fact.step);
  if (fold === undefined) return;
  fold.started = true;
  if (fact.entry.thread === '' && fact.entry.turn === 1) fold.askedSeq ??= seq;
};

const onRestart = (run: RunFold, fact: FactOf<'agent_restarted'>): void => {
  const fold = stepFold(run, fact.step);
  if (fold === undefined) return;
  fold.started = true;
  fold.goesOn = false;
};

/** The steps run again: what they did until now counts, and what they do next is judged. */
const onPushedBack = (run: RunFold, fact: FactOf<'step_pushed_back'>): void => {
  const again = new Set(fact.steps);
  for (const stepId of again) run.rounds.set(stepId, fact.round);
  for (const stepId of again) {
    const agent = agentFold(run, stepId);
    if (agent === undefined) continue;
    agent.takeover = true;
    for (const [key, fold] of agent.steps) {
      if (fold.runId !== run.runId || idOf(fold.step) !== stepId) continue;
      agent.steps.delete(key);
      delete fold.outputs;
      agent.earlier.push(fold);
    }
  }
};

/** A person refused what the steps before the approval made. */
const onAnswered = (run: RunFold, fact: FactOf<'step_answered'>): void => {
  if (fact.decision !== 'rejected') return;
  const approval = run.dag.steps.find(({ id }) => id === idOf(fact.step));
  for (const stepId of approval?.depends ?? []) {
    const agent = agentFold(run, stepId);
    if (agent !== undefined) agent.takeover = true;
  }
};

/** Folds the next fact of a run, whose number in its log is `seq`. */
export const foldTreeFact = (run: RunFold, fact: RunFact, seq: number): void => {
  const { tree } = run;
  const isRoot = tree.runs[0] === run;
  switch (fact.type) {
    case 'run_submitted':
      run.params = fact.params;
      if (fact.paramsRef !== undefined) run.paramsRef = fact.paramsRef;
      return;
    case 'run_admitted':
      if (isRoot) tree.decisions = fact.agents;
      return;
    case 'run_migrated':
      tree.migratedFor.add(fact.rolloutId);
      return;
    case 'step_leased':
      stepFold(run, fact.step);
      return;
    case 'step_finished':
      onFinished(run, fact, seq);
      return;
    case 'step_lost':
      onLost(run, fact);
      return;
    case 'turn_planned':
      onTurn(run, fact, seq);
      return;
    case 'agent_restarted':
      onRestart(run, fact);
      return;
    case 'message_accepted': {
      const agent = agentFold(run, idOf(fact.step));
      if (agent !== undefined) agent.takeover = true;
      return;
    }
    case 'step_answered':
      onAnswered(run, fact);
      return;
    case 'step_pushed_back':
      onPushedBack(run, fact);
      return;
    case 'step_called':
      run.called.push({ runId: fact.childRunId, dagDigest: fact.dagDigest });
      return;
    case 'cancel_requested':
      if (isRoot) tree.cancelled ??= fact.reason;
      return;
    case 'run_finished':
      if (isRoot) tree.ended = { status: fact.status, partial: fact.partial, at: fact.at };
      return;
    default:
  }
};
