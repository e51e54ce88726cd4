import type { JsonObject, RolloutEvent } from '@skein/domain';
import type { WebhookBody } from './rollout-views.ts';

/** An event as webhooks show it: `data` is the event of the event stream. */
export const eventDocument = (event: RolloutEvent & { readonly seq: number }): WebhookBody => {
  const { tenant: _tenant, at, ...rest } = event;
  const timestamp = new Date(at).toISOString();
  return {
    type: `rollout.${event.type}`,
    timestamp,
    data: JSON.parse(JSON.stringify({ ...rest, at: timestamp })) as JsonObject,
  };
};
