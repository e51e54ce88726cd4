import type { AgentDecision, RunState } from '@skein/domain';
import type { SpanAttributes, SpanEvent } from '@skein/ports';
import { spanAttribute as name } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import { traceOfRun } from './trace-of-run.ts';

/** Agents of a run whose decisions become events of its span. */
const maxDecisions = 32;

/** How the version of an agent was chosen. */
export const decisionAttributes = (agentId: string, decision: AgentDecision): SpanAttributes => {
  const { versionId, source, rolloutId, arm, because } = decision;
  return {
    [name.agentId]: agentId,
    [name.agentVersion]: versionId,
    [name.rolloutSource]: source,
    ...(rolloutId === undefined ? {} : { [name.rolloutId]: rolloutId }),
    ...(arm === undefined ? {} : { [name.rolloutArm]: arm }),
    ...(because === undefined ? {} : { [name.rolloutBecause]: because }),
  };
};

/** The ids of runs that a run stands to, by how it came to be. */
const sourceAttributes = ({ source }: RunState): SpanAttributes => {
  switch (source.kind) {
    case 'call':
      return { [name.parentRunId]: source.parentRunId };
    case 'evaluation':
      return { [name.ofRunId]: source.ofRunId, [name.reason]: source.purpose };
    case 'retry':
      return { [name.retryOf]: source.retryOf };
    case 'api':
    case 'schedule':
      return {};
  }
};

const eventsOf = (state: RunState): SpanEvent[] => {
  const events: SpanEvent[] = [];
  const { startedAt, cancel, feedback } = state;
  if (startedAt !== undefined) {
    events.push({ name: 'run.admitted', at: startedAt });
    // Those of the admission, also where a rollback moved the run to others since.
    const agents = state.migrations?.[0]?.before.agents ?? state.agents;
    for (const [agentId, decision] of Object.entries(agents).slice(0, maxDecisions))
      events.push({ name: 'rollout.decision', at: startedAt, attributes: decisionAttributes(agentId, decision) });
    for (const { rolloutId } of state.migrations ?? [])
      events.push({ name: 'run.migrated', at: startedAt, attributes: { [name.rolloutId]: rolloutId } });
  }
  if (feedback !== undefined) {
    const attributes = { [name.round]: feedback.round, [name.step]: feedback.to };
    events.push({ name: 'run.pushed_back', at: state.finishedAt ?? state.createdAt, attributes });
  }
  if (cancel !== undefined)
    events.push({ name: 'run.cancel_requested', at: cancel.at, attributes: { [name.reason]: cancel.reason } });
  return events;
};

/** The span of a run that is over; again, it is the same one. */
export const recordRun = (engine: Engine, state: RunState): void => {
  const { tracer } = engine.deps;
  if (tracer === undefined || !tracer.isOn) return;
  const { context, caller } = traceOfRun(engine, state);
  if (!context.sampled) return;
  tracer.record({
    name: `run ${state.dag.name}`,
    context,
    ...(caller === undefined ? {} : { parent: caller }),
    startAt: state.createdAt,
    endAt: state.finishedAt ?? state.createdAt,
    attributes: {
      [name.runId]: state.runId,
      [name.tenant]: state.tenant,
      [name.dag]: state.dag.name,
      [name.source]: state.source.kind,
      [name.status]: state.status,
      [name.coordinatorId]: engine.config.coordinatorId,
      ...sourceAttributes(state),
    },
    events: eventsOf(state),
    ...(state.status === 'failed' ? { error: state.error?.code ?? 'failed' } : {}),
  });
};
