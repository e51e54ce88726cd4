import type { StepPath } from '@skein/domain';
import { findTarget } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import type { RunActor } from './run-actor.ts';

/**
 * When a ready step may be leased as far as the budget against storms is concerned, in wall-clock ms; in the past: now. Steps whose
 * code was lost at most once are exempt: an offer that never began cost nobody anything, and has its own delay from the second time on.
 * A token that was given stays the step's until it is leased.
 */
export const redeliveryAt = (engine: Engine, actor: RunActor, path: StepPath, now: number): number => {
  const target = findTarget(actor.state, path)?.target;
  if (target === undefined) return now;
  if (target.losses + (target.sharedLosses ?? 0) < 2) return now;
  const monotonic = engine.deps.clock.monotonicMs();
  let at = actor.redeliveries.get(path);
  if (at === undefined) {
    at = engine.redeliveries.reserve();
    actor.redeliveries.set(path, at);
    if (at > monotonic) engine.deps.meter.count(metric.redeliveriesDelayed);
  }
  return now + Math.ceil(Math.max(0, at - monotonic));
};
