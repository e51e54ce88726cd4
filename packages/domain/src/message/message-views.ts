import type { RunId, StepPath } from '../identity/ids.ts';
import type { RunFact } from '../run/run-fact.ts';
import type { MessageView } from './agent-message.ts';

/** What workers said of messages of the current round, by number; memory of the coordinator, never durable. */
export interface MessageHints {
  readonly received: ReadonlySet<number>;
  readonly presented: ReadonlySet<number>;
}

/** All messages of a step, item or handler, of all rounds, in order of acceptance. `facts` is the run's log. */
export const messageViewsOf = (
  _runId: RunId,
  _step: StepPath,
  _facts: readonly RunFact[],
  _hints?: MessageHints,
): readonly MessageView[] => [];
