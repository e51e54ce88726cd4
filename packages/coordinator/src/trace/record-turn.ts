import type { RunFact, RunState, Step, StepPath, TraceContext } from '@skein/domain';
import { findTarget, versionsOfStep } from '@skein/domain';
import type { FinishedSpan, SpanAttributes, SpanEvent } from '@skein/ports';
import { spanAttribute as name } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import { decisionAttributes, recordRun } from './record-run.ts';
import { traceOfRun, traceWithin } from './trace-of-run.ts';

type FactOf<T extends RunFact['type']> = Extract<RunFact, { readonly type: T }>;

/** A lease, call or wait that a fact ends, with what the state says of it no longer afterwards. */
export interface EndedHold {
  readonly fact: FactOf<'step_finished' | 'step_lost' | 'step_returned' | 'step_answered'>;
  readonly since: number;
  readonly workerId?: string;
}

/** Notes what a fact ends; before it is evolved. */
export const noteEnd = (ended: EndedHold[], state: RunState, fact: RunFact): void => {
  switch (fact.type) {
    case 'step_finished':
    case 'step_lost': {
      const lease = findTarget(state, fact.step)?.target.lease;
      if (lease?.token === fact.token) ended.push({ fact, since: lease.leasedAt, workerId: lease.workerId });
      return;
    }
    case 'step_returned': {
      const call = findTarget(state, fact.step)?.target.call;
      if (call?.childRunId === fact.childRunId) ended.push({ fact, since: call.calledAt });
      return;
    }
    case 'step_answered': {
      const wait = findTarget(state, fact.step)?.target.wait;
      if (wait !== undefined) ended.push({ fact, since: wait.since });
      return;
    }
    default:
  }
};

const definitionOf = ({ graph }: RunState, path: StepPath): Step | undefined =>
  graph.byId.get(path.slice(0, path.endsWith(']') ? path.lastIndexOf('[') : path.length));

const agentAttributes = (state: RunState, path: StepPath): SpanAttributes => {
  const action = definitionOf(state, path)?.action;
  if (action?.kind !== 'agent') return {};
  const decision = versionsOfStep(state, path).agents[action.agent];
  return decision === undefined ? {} : decisionAttributes(action.agent, decision);
};

const retryEvents = ({ at, retryAt }: { readonly at: number; readonly retryAt?: number }): SpanEvent[] =>
  retryAt === undefined
    ? []
    : [{ name: 'task.retry', at, attributes: { [name.retryAt]: new Date(retryAt).toISOString() } }];

type Ended = Pick<FinishedSpan, 'attributes' | 'events' | 'error'>;

const finished = (fact: FactOf<'step_finished'>): Ended => {
  const { outcome } = fact.result;
  return {
    attributes: { [name.attempt]: fact.attempt, [name.token]: fact.token, [name.status]: outcome.status },
    events: [{ name: 'task.started', at: fact.startedAt }, ...retryEvents(fact)],
    ...(outcome.status === 'failed' ? { error: outcome.error.code } : {}),
  };
};

const lost = (fact: FactOf<'step_lost'>): Ended => ({
  attributes: { [name.token]: fact.token, [name.status]: 'lost' },
  events: [
    {
      name: 'task.lost',
      at: fact.at,
      attributes: {
        [name.reason]: fact.reason,
        [name.started]: fact.started,
        ...(fact.deadLetter === undefined ? {} : { [name.deadLetter]: fact.deadLetter }),
      },
    },
    ...retryEvents(fact),
  ],
  // An agent that goes on with a message that it has not read was not lost.
  ...(fact.reason === 'unread_message' ? {} : { error: fact.reason }),
});

const returned = (fact: FactOf<'step_returned'>): Ended => {
  const { outcome } = fact.result;
  return {
    attributes: { [name.attempt]: fact.attempt, [name.status]: outcome.status },
    events: retryEvents(fact),
    ...(outcome.status === 'failed' ? { error: outcome.error.code } : {}),
  };
};

const answered = (fact: FactOf<'step_answered'>): Ended => ({
  attributes: { [name.attempt]: fact.attempt, [name.decision]: fact.decision },
  ...(fact.decision === 'timed_out' ? { error: 'deadline_exceeded' } : {}),
});

const spanOf = (
  engine: Engine,
  state: RunState,
  run: TraceContext,
  { fact, since }: EndedHold,
): Ended & Pick<FinishedSpan, 'name' | 'context'> => {
  const { runId } = state;
  switch (fact.type) {
    case 'step_finished':
      return {
        name: `task ${fact.step}`,
        context: traceWithin(engine, run, `task/${runId}/${fact.token}`),
        ...finished(fact),
      };
    case 'step_lost':
      return {
        name: `task ${fact.step}`,
        context: traceWithin(engine, run, `task/${runId}/${fact.token}`),
        ...lost(fact),
      };
    case 'step_returned':
      return {
        name: `call ${fact.step}`,
        context: traceWithin(engine, run, `call/${fact.childRunId}`),
        ...returned(fact),
      };
    case 'step_answered':
      return {
        name: `wait ${fact.step}`,
        context: traceWithin(engine, run, `wait/${runId}/${fact.step}/${since}`),
        ...answered(fact),
      };
  }
};

/** Records what a turn ended, once its facts are durable (T3): leases, calls, waits, and the run. */
export const recordTurn = (engine: Engine, state: RunState, ended: readonly EndedHold[], isOver: boolean): void => {
  const { tracer } = engine.deps;
  if (tracer === undefined || !tracer.isOn) return;
  if (ended.length > 0) {
    const { context: run } = traceOfRun(engine, state);
    for (const hold of run.sampled ? ended : []) {
      const { fact, since, workerId } = hold;
      const { attributes, ...span } = spanOf(engine, state, run, hold);
      const kind = definitionOf(state, fact.step)?.action.kind;
      tracer.record({
        ...span,
        parent: run,
        startAt: since,
        endAt: fact.at,
        attributes: {
          [name.runId]: state.runId,
          [name.dag]: state.dag.name,
          [name.step]: fact.step,
          ...(kind === undefined ? {} : { [name.stepKind]: kind }),
          ...(workerId === undefined ? {} : { [name.workerId]: workerId }),
          ...attributes,
          ...agentAttributes(state, fact.step),
        },
      });
    }
  }
  if (isOver) recordRun(engine, state);
};
