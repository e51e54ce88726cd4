import { DomainError, isDomainError, isTerminalRun, type RunView } from '@skein/domain';
import { createParser } from 'eventsource-parser';
import { parseProblem } from './problem-error.ts';
import { backoffMs, mayPass, pause, type Transport, unreachable } from './transport.ts';
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
  let after = options.after ?? 0;
  for (let failures = 0; ; ) {
    try {
      for await (const event of readEvents(transport, runId, after, options.signal)) {
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

async function* readEvents(
  transport: Transport,
  runId: string,
  after: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<WatchedEvent> {
  const response = await transport.send({
    method: 'GET',
    path: `/api/runs/${encodeURIComponent(runId)}/events`,
    headers: { 'last-event-id': String(after), accept: 'text/event-stream' },
    idempotent: false,
    stream: true,
    ...(signal === undefined ? {} : { signal }),
  });
  const ready: (WatchedEvent | DomainError)[] = [];
  const parser = createParser({
    onEvent: (event) => {
      if (event.event === 'problem') {
        ready.push(parseProblem(event.data) ?? new DomainError('internal', 'the event stream failed'));
      } else ready.push(JSON.parse(event.data) as WatchedEvent);
    },
  });
  const decoder = new TextDecoder();
  for await (const bytes of readBytes(response, signal)) {
    parser.feed(decoder.decode(bytes, { stream: true }));
    for (const event of ready.splice(0)) {
      if (isDomainError(event)) throw event;
      yield event;
    }
  }
}

/** The bytes of an answer; a connection that breaks is `unavailable`, an abort `cancelled`. */
export async function* readBytes(response: Response, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value as Uint8Array;
    }
  } catch (error) {
    if (isDomainError(error)) throw error;
    if (signal?.aborted) throw new DomainError('cancelled', 'the call was given up', undefined, error);
    throw unreachable('the given address', error);
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
