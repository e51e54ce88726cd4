import { isTerminalRun, type RunView } from '@skein/domain';
import { segment } from './list-page.ts';
import { readServerEvents } from './read-server-events.ts';
import { backoffMs, mayPass, pause, type Transport } from './transport.ts';
import type { WatchedEvent } from './wire.ts';

/**
 * A run's events in order, each once, until the run has ended. A stream that breaks is opened again after the last event that was
 * seen, for as long as it takes; the caller's signal ends it with `cancelled`.
 */
export async function* watchRun(
  transport: Transport,
  runId: string,
  options: { readonly after?: number; readonly signal?: AbortSignal } = {},
): AsyncGenerator<WatchedEvent> {
  const path = `/api/runs/${segment(runId)}/events`;
  let after = options.after ?? 0;
  for (let failures = 0; ; ) {
    try {
      for await (const { data } of readServerEvents(transport, path, String(after), options.signal)) {
        const event = JSON.parse(data) as WatchedEvent;
        if (event.seq <= after) continue;
        after = event.seq;
        failures = 0;
        yield event;
        if (event.type === 'run_finished') return;
      }
      // The server ended the stream: because it stops, or because there was nothing left after `after`.
      if (await hasEnded(transport, runId)) return;
      failures += 1;
    } catch (error) {
      if (options.signal?.aborted === true || !mayPass(error)) throw error;
      failures += 1;
    }
    await pause(backoffMs(transport.retry, failures), options.signal);
  }
}

const hasEnded = async (transport: Transport, runId: string): Promise<boolean> => {
  const run = await transport.json<RunView>({ method: 'GET', path: `/api/runs/${runId}`, idempotent: true });
  return isTerminalRun(run.status);
};
