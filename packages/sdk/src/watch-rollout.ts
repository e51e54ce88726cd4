import { segment } from './list-page.ts';
import { readServerEvents } from './read-server-events.ts';
import type { RolloutInfo } from './rollout-wire.ts';
import { backoffMs, mayPass, pause, type Transport } from './transport.ts';

/**
 * An agent's rollout as it is now, then whenever it changes, until it has ended; a draft is watched on when it becomes active. A stream that
 * breaks is opened again for as long as it takes, and stays with the rollout that it began with; the caller's signal ends it with `cancelled`.
 * One that has ended already is told once. Throws `not_found` when the agent never had one.
 */
export async function* watchRollout(
  transport: Transport,
  agentId: string,
  options: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<RolloutInfo> {
  const path = `/api/agents/${segment(agentId)}/rollout/watch`;
  let lastId: string | undefined;
  for (let failures = 0; ; ) {
    try {
      for await (const { id, data } of readServerEvents(transport, path, lastId, options.signal)) {
        const rollout = JSON.parse(data) as RolloutInfo;
        lastId = id;
        failures = 0;
        yield rollout;
        if (rollout.completedAt !== null) return;
      }
      // The server ended the stream because it stops.
      failures += 1;
    } catch (error) {
      if (options.signal?.aborted === true || !mayPass(error)) throw error;
      failures += 1;
    }
    await pause(backoffMs(transport.retry, failures), options.signal);
  }
}
