import { explainEvent } from './explain-rollout.ts';
import type {
  EvidenceSummary,
  RolloutActor,
  RolloutEvent,
  RolloutEventType,
  RolloutReason,
  RolloutRecord,
} from './rollout-record.ts';

/** The event of a write: `record` is as it is written. `rule`: id of the rule that breached. */
export const eventOf = (
  record: RolloutRecord,
  type: RolloutEventType,
  reason: RolloutReason,
  by: RolloutActor,
  evidence?: EvidenceSummary,
  rule?: string,
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
  return { ...event, explanation: explainEvent(record, event, rule) };
};
