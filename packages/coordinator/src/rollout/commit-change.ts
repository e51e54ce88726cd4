import { isTerminalRollout } from '@skein/domain';
import type { RolloutChange } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import { published } from '../project/published.ts';

/** The one name of evaluators among the actors. */
export const evaluatorName = 'evaluator';

/** What follows a durable write of a rollout: caches forget, whoever watches sees it, webhooks are told. Never throws. */
export const afterChange = (engine: Engine, { record, event }: Pick<RolloutChange, 'record' | 'event'>): void => {
  const { tenant, id, agentId, revision, status } = record;
  published(engine, tenant, 'rollouts');
  engine.deps.meter.count(metric.rolloutTransitions, 1, {
    type: event.type,
    by: event.by.actor === evaluatorName ? evaluatorName : 'person',
  });
  engine.deps.log.info('rollout changed', {
    tenant,
    rolloutId: id,
    agentId,
    type: event.type,
    revision,
    status,
    reason: event.reason,
    by: event.by.actor,
    ...(event.by.force === undefined ? {} : { force: true }),
    decided: event.explanation.decided,
  });
  if (isTerminalRollout(status)) engine.deps.meter.gauge(metric.rolloutEValue, 0, { agent: agentId });
  engine.evaluator.moved(record);
  engine.webhooks.wake();
  engine.evaluator.wake(tenant, id);
};

/** Writes a change by compare-and-set, and does what follows it. Losing a race is an answer. Throws `unavailable`. */
export const commitChange = async (
  engine: Engine,
  change: RolloutChange,
): ReturnType<Engine['deps']['rollouts']['update']> => {
  const outcome = await engine.deps.rollouts.update(change);
  if (outcome.status === 'updated') afterChange(engine, change);
  return outcome;
};
