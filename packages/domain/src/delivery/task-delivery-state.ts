import type { StepState } from '../run/run-state.ts';
import type { TaskDeliveryState } from './delivery-transitions.ts';

/** What is known of a task in memory only. */
export interface TaskHints {
  /** The worker said that it has it. */
  readonly received?: boolean;
  /** No connected worker may take it. */
  readonly recipientAbsent?: boolean;
}

/**
 * Where the task of a step, item or handler is: the delivery row of the specification as a view of the run's state. A step that was
 * skipped is `cancelled`: nobody is asked to run it. Calls and waits, which no worker takes, are `running` while they are under way.
 */
export const taskDeliveryState = (step: StepState, hints: TaskHints = {}): TaskDeliveryState => {
  switch (step.status) {
    case 'pending':
      return 'scheduled';
    case 'ready':
      return hints.recipientAbsent === true ? 'awaiting_recipient' : 'ready';
    case 'retrying':
      return 'retry_scheduled';
    case 'waiting':
      return 'running';
    case 'running':
      if (step.lease === undefined || step.lease.startedAt !== undefined) return 'running';
      return hints.received === true ? 'acknowledged' : 'leased';
    case 'succeeded':
      return 'succeeded';
    case 'failed':
      return step.deadLetter === undefined ? 'failed' : 'dead_lettered';
    case 'skipped':
    case 'cancelled':
      return 'cancelled';
  }
};
