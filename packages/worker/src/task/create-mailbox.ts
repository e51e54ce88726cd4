import type { AgentMessage } from '@skein/domain';
import type { Clock, Mailbox, TaskTransfers } from '@skein/ports';

/** How long a task waits for the messages that were promised with its offer: they follow on the same stream, unless it breaks. */
const maxWaitMs = 2_000;

/** The mailbox of one attempt, fed by its transfers. `close` ends that. */
export const createMailbox = (
  clock: Clock,
  transfers: Pick<TaskTransfers, 'onMessage' | 'presented'>,
): Mailbox & { arrived(count: number, signal: AbortSignal): Promise<void>; close(): void } => {
  const messages = new Map<number, AgentMessage>();
  const known = new Set<number>();
  const listeners = new Set<(message: AgentMessage) => void>();
  const close = transfers.onMessage((message) => {
    if (known.has(message.number)) return;
    known.add(message.number);
    messages.set(message.number, message);
    for (const listener of listeners) listener(message);
  });
  return {
    unread: () => {
      const now = clock.now();
      return [...messages.values()]
        .filter(({ expiresAt }) => expiresAt === undefined || now < expiresAt)
        .toSorted((a, b) => a.number - b.number);
    },
    take: (numbers) => {
      for (const number of numbers) messages.delete(number);
    },
    onMessage: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    presented: (numbers, turn) => {
      if (numbers.length > 0) transfers.presented(numbers, turn);
    },
    /** Resolves when so many came, or when waiting for them makes no sense any more. */
    arrived: async (count, signal) => {
      if (known.size >= count) return;
      const enough = new AbortController();
      const isThere = (): void => {
        if (known.size >= count) enough.abort();
      };
      listeners.add(isThere);
      await clock.sleep(maxWaitMs, AbortSignal.any([signal, enough.signal])).catch(() => undefined);
      listeners.delete(isThere);
    },
    close,
  };
};
