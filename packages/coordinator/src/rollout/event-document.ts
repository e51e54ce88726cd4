import type { JsonObject, RolloutEvent } from '@skein/domain';
import type { WebhookBody } from './rollout-api.ts';

/** An event as webhooks and the event stream show it. Every undefined field is left out. */
export const eventDocument = (event: RolloutEvent & { readonly seq: number }): WebhookBody => {
  const { tenant, seq, rolloutId, agentId, revision, type, at, by, reason, evidence, explanation } = event;
  const data = { tenant, seq, rolloutId, agentId, revision, by, reason, evidence, explanation };
  return {
    type: `rollout.${type}`,
    timestamp: new Date(at).toISOString(),
    data: JSON.parse(JSON.stringify(data)) as JsonObject,
  };
};
