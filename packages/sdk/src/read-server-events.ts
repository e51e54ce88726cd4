import { DomainError, isDomainError } from '@skein/domain';
import { createParser } from 'eventsource-parser';
import { parseProblem } from './problem-error.ts';
import { type Transport, unreachable } from './transport.ts';

/** One server-sent event. */
export interface ServerEvent {
  readonly id?: string;
  readonly data: string;
}

/** Events of one stream until the server ends it; an event `problem` is thrown as the error that it carries. */
export async function* readServerEvents(
  transport: Transport,
  path: string,
  lastEventId: string | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<ServerEvent> {
  const response = await transport.send({
    method: 'GET',
    path,
    headers: { ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }), accept: 'text/event-stream' },
    idempotent: false,
    stream: true,
    ...(signal === undefined ? {} : { signal }),
  });
  const ready: (ServerEvent | DomainError)[] = [];
  const parser = createParser({
    onEvent: ({ id, event, data }) => {
      if (event === 'problem') {
        ready.push(parseProblem(data) ?? new DomainError('internal', 'the event stream failed'));
      } else ready.push(id === undefined ? { data } : { id, data });
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
