import type { DomainError } from '@skein/domain';
import type { Clock, CoordinatorGateway, StreamLink } from '@skein/ports';

/** Where a channel delivers. */
export interface ChannelEnd<M> {
  onMessage(message: M): void;
  onClosed(error?: DomainError): void;
}

/**
 * One direction of an in-memory stream: messages of one event-loop turn arrive together in a later one, in order;
 * a close arrives after the messages before it, once; nothing arrives afterwards.
 */
export const createChannel = <M>(clock: Clock, end: ChannelEnd<M>): StreamLink<M> => {
  let gathered: M[] = [];
  let scheduled = false;
  let closing: { readonly error?: DomainError } | undefined;
  let closed = false;
  const deliver = (): void => {
    scheduled = false;
    const messages = gathered;
    gathered = [];
    for (const message of messages) if (!closed) end.onMessage(message);
    if (closing === undefined || closed || gathered.length > 0) return;
    closed = true;
    end.onClosed(closing.error);
  };
  const schedule = (): void => {
    if (scheduled) return;
    scheduled = true;
    clock.endOfTurn(deliver);
  };
  return {
    send: (message) => {
      if (closing !== undefined) return;
      gathered.push(message);
      schedule();
    },
    close: (error) => {
      if (closing !== undefined) return;
      closing = error === undefined ? {} : { error };
      schedule();
    },
  };
};

/** A gateway in the same process that behaves like a wire: nothing arrives in the turn in which it was sent. */
export const createMemoryGateway = (target: CoordinatorGateway, clock: Clock): CoordinatorGateway => ({
  openWorkerStream: (credentials, listener) => {
    const down = createChannel(clock, listener);
    const link = target.openWorkerStream(credentials, {
      onMessage: (message) => down.send(message),
      onClosed: (error) => down.close(error),
    });
    return createChannel(clock, {
      onMessage: (message) => link.send(message),
      onClosed: (error) => link.close(error),
    });
  },
  reportExit: (credentials, report) => target.reportExit(credentials, report),
  fetchSnapshot: (credentials, sessionId, request, signal) =>
    target.fetchSnapshot(credentials, sessionId, request, signal),
  fetchPart: (credentials, sessionId, request, onBytes, signal) =>
    target.fetchPart(credentials, sessionId, request, onBytes, signal),
  readSecret: (credentials, sessionId, task, secret, signal) =>
    target.readSecret(credentials, sessionId, task, secret, signal),
  fetchBlob: (credentials, sessionId, task, digest, signal) =>
    target.fetchBlob(credentials, sessionId, task, digest, signal),
  storeBlob: (credentials, sessionId, task, bytes, signal) =>
    target.storeBlob(credentials, sessionId, task, bytes, signal),
});
