import { DomainError } from '../errors/domain-error.ts';
import type { MessageState } from '../message/agent-message.ts';

/**
 * Where a task is on its way to a worker. `scheduled`: its turn has not come; `leased`: offered under a token; `acknowledged`: the worker
 * has it; `awaiting_recipient`: due, and no worker may take it; `retry_scheduled`: another lease, not before an instant.
 */
export type TaskDeliveryState =
  | 'scheduled'
  | 'ready'
  | 'awaiting_recipient'
  | 'leased'
  | 'acknowledged'
  | 'running'
  | 'retry_scheduled'
  | 'succeeded'
  | 'failed'
  | 'cancelled'
  | 'expired'
  | 'rejected'
  | 'superseded'
  | 'dead_lettered';

/** The states of each kind of thing that is delivered. */
export interface DeliveryStates {
  readonly task: TaskDeliveryState;
  readonly message: MessageState;
}

/** What is delivered. */
export type DeliveryKind = keyof DeliveryStates;

type Table = {
  readonly [K in DeliveryKind]: { readonly [from in DeliveryStates[K]]: readonly DeliveryStates[K][] };
};

/**
 * The state machine of delivery: from each state, those that may follow. States without a follower are terminal.
 * A task ends from anywhere, since a run may be stopped at any time. `superseded` is a task whose round was pushed back: the next round is
 * another delivery. A message that was read comes back to `accepted` when the transcript that read it is dropped, and only then.
 */
export const deliveryTransitions: Table = {
  task: {
    scheduled: [
      'ready',
      'awaiting_recipient',
      'retry_scheduled',
      'running',
      'succeeded',
      'failed',
      'cancelled',
      'rejected',
    ],
    ready: [
      'awaiting_recipient',
      'leased',
      'acknowledged',
      'running',
      'succeeded',
      'failed',
      'cancelled',
      'expired',
      'rejected',
    ],
    awaiting_recipient: ['ready', 'leased', 'failed', 'cancelled', 'expired', 'rejected'],
    leased: [
      'acknowledged',
      'running',
      'ready',
      'retry_scheduled',
      'succeeded',
      'failed',
      'cancelled',
      'expired',
      'rejected',
      'dead_lettered',
    ],
    acknowledged: [
      'running',
      'ready',
      'retry_scheduled',
      'succeeded',
      'failed',
      'cancelled',
      'expired',
      'rejected',
      'dead_lettered',
    ],
    running: ['ready', 'retry_scheduled', 'succeeded', 'failed', 'cancelled', 'expired', 'dead_lettered'],
    retry_scheduled: ['ready', 'leased', 'running', 'failed', 'cancelled', 'expired'],
    succeeded: ['superseded'],
    failed: ['superseded'],
    cancelled: ['superseded'],
    expired: [],
    rejected: [],
    superseded: [],
    dead_lettered: ['superseded'],
  },
  message: {
    accepted: ['delivered', 'presented', 'consumed', 'expired', 'rejected', 'dead_lettered'],
    delivered: ['accepted', 'presented', 'consumed', 'expired', 'rejected', 'dead_lettered'],
    presented: ['accepted', 'delivered', 'consumed', 'expired', 'rejected', 'dead_lettered'],
    consumed: ['replied', 'accepted'],
    replied: ['accepted'],
    expired: [],
    rejected: [],
    dead_lettered: [],
  },
};

/** `to`, when it may follow `from`. Throws `illegal_transition`. */
export const moveDelivery = <K extends DeliveryKind, T extends DeliveryStates[K]>(
  kind: K,
  from: DeliveryStates[K],
  to: T,
): T => {
  const followers: readonly DeliveryStates[K][] = deliveryTransitions[kind][from];
  if (followers.includes(to)) return to;
  throw new DomainError('illegal_transition', `a ${kind} does not go from ${from} to ${to}`, { kind, from, to });
};
