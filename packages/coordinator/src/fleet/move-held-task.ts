import type { AckKind } from '@skein/domain';
import { ackTransition, isDomainError, moveDelivery } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import type { HeldTask } from './worker-session.ts';

/** Runs a transition; one that the table forbids is counted and changes nothing. False then. */
export const isLegal = (engine: Engine, kind: 'task' | 'message', move: () => void, about: object): boolean => {
  try {
    move();
    return true;
  } catch (thrown) {
    if (!isDomainError(thrown) || thrown.code !== 'illegal_transition') throw thrown;
    engine.deps.meter.count(metric.illegalTransitions, 1, { kind });
    engine.deps.log.warn('illegal transition refused', { kind, ...about, error: thrown });
    return false;
  }
};

/** Moves a held task by what its worker acknowledged. False when the table of delivery forbids it: then nothing changed. */
export const moveHeldTask = (engine: Engine, held: HeldTask, ack: AckKind): boolean => {
  const to = ackTransition('task', ack);
  if (to === undefined || to === held.state) return true;
  const { runId, step, token } = held.ref;
  const move = (): void => {
    held.state = moveDelivery('task', held.state, to);
  };
  return isLegal(engine, 'task', move, { runId, stepId: step, fencingToken: token, ack });
};
