import type { AgentDecision, ErrorCode, RunState, StepPath, StepState } from '@skein/domain';
import { findTarget } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { onEvaluationEnded } from '../evaluation/on-ended.ts';
import { maybeShadow } from '../evaluation/shadow.ts';
import { onRootEnded } from '../scoring/on-root-ended.ts';

const safely = (engine: Engine, runId: string, work: () => void): void => {
  try {
    work();
  } catch (thrown) {
    engine.deps.log.error('what follows a run for rollouts failed', { runId, error: thrown });
  }
};

/** A run is over, and that is durable. Cheap; never throws; what it starts is awaited by nobody and done again after a crash. */
export const onRunFinished = (engine: Engine, state: RunState): void => {
  safely(engine, state.runId, () => {
    if (state.source.kind === 'evaluation') onEvaluationEnded(engine, state);
    else if (state.source.kind !== 'call') onRootEnded(engine, state);
  });
};

/** What the first attempt of a step says of the arm that it ran on; nothing for a later attempt, or what was cancelled. */
const countAttempt = (
  engine: Engine,
  { rolloutId, epoch, arm, source }: AgentDecision,
  { attempt, result }: StepState,
): void => {
  if (source !== 'segments' || rolloutId === undefined || arm === undefined || attempt !== 1) return;
  if (result === undefined || result.outcome.status === 'cancelled') return;
  const { outcome } = result;
  const failure: ErrorCode | undefined = outcome.status === 'failed' ? outcome.error.code : undefined;
  // `released`: it was given back before an answer.
  const isNoAnswer = outcome.status === 'skipped' || outcome.status === 'released';
  if (isNoAnswer) return;
  const at = engine.deps.clock.now();
  engine.evaluator.breaker.saw(rolloutId, {
    epoch: epoch ?? 0,
    arm,
    at,
    ...(failure === undefined ? {} : { failure }),
  });
};

/** An attempt of a step of an agent has ended, and that is durable. Like `onRunFinished`. */
export const onAgentStepFinished = (engine: Engine, state: RunState, step: StepPath): void => {
  safely(engine, state.runId, () => {
    if (state.source.kind === 'evaluation') return;
    const found = findTarget(state, step);
    const action = state.graph.byId.get(found?.step.path ?? '')?.action;
    if (found === undefined || action?.kind !== 'agent') return;
    const decision = state.agents[action.agent];
    if (decision !== undefined) {
      countAttempt(engine, decision, found.target);
      if (decision.rolloutId !== undefined && decision.arm !== undefined && decision.arm > 0)
        engine.evaluator.wake(state.tenant, decision.rolloutId);
    }
    maybeShadow(engine, state, step);
  });
};
