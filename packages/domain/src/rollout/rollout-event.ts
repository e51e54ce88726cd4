import { explainEvent } from './explain-rollout.ts';
import type {
  EvidenceSummary,
  RolloutActor,
  RolloutEvent,
  RolloutEventType,
  RolloutReason,
  RolloutRecord,
} from './rollout-record.ts';

/** What an event tells beside its record. `rule`: id of the rule that breached; `alphaAdded`: by how much the false-rollback bound rose. */
export interface EventFacts {
  readonly evidence?: EvidenceSummary;
  readonly rule?: string;
  readonly alphaAdded?: number;
}

/** The event of a write: `record` is as it is written. */
export const eventOf = (
  record: RolloutRecord,
  type: RolloutEventType,
  reason: RolloutReason,
  by: RolloutActor,
  { evidence, rule, alphaAdded }: EventFacts = {},
): RolloutEvent => {
  const event = {
    tenant: record.tenant,
    rolloutId: record.id,
    agentId: record.agentId,
    revision: record.revision,
    type,
    at: record.updatedAt,
    by,
    reason,
    ...(evidence === undefined ? {} : { evidence }),
  };
  return { ...event, explanation: explainEvent(record, event, rule, alphaAdded) };
};
