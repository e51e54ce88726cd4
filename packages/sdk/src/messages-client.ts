import type { MessageInfo, SendMessageInput } from './delivery-wire.ts';
import { listPage, segment, type WirePage } from './list-page.ts';
import type { Transport } from './transport.ts';
import type { ListPage } from './wire.ts';

/** Messages to steps over HTTP. Steps are named by id, item (`triage[3]`) or handler (`@failure`). */
export interface MessagesClient {
  /**
   * Stored when it resolves. Without an id a fresh one is made, so a call that is tried again sends one message; `created` is false when
   * the id had been sent before. Throws `mailbox_full` (details: `depth`, `oldestAgeMs`, `retryAfterMs`), which is not tried again by itself.
   */
  send(
    runId: string,
    step: string,
    message: SendMessageInput,
  ): Promise<{ readonly message: MessageInfo; readonly created: boolean }>;
  /** In the order in which they are read. */
  list(
    runId: string,
    step: string,
    options?: { readonly limit?: number; readonly cursor?: string },
  ): Promise<ListPage<MessageInfo>>;
  /** With `waitMs` (at most 60,000) the answer comes when it was consumed (`until: 'reply'`: replied to) or has ended, or after that time. */
  get(
    runId: string,
    step: string,
    messageId: string,
    options?: { readonly waitMs?: number; readonly until?: 'consumed' | 'reply'; readonly signal?: AbortSignal },
  ): Promise<MessageInfo>;
}

/** The part of the client that deals with messages. */
export const createMessagesClient = (transport: Transport): MessagesClient => {
  const path = (runId: string, step: string) => `/api/runs/${segment(runId)}/steps/${segment(step)}/messages`;
  return {
    send: (runId, step, message) =>
      transport.read(
        {
          method: 'POST',
          path: path(runId, step),
          body: { ...message, messageId: message.messageId ?? `msg_${crypto.randomUUID()}` },
          idempotent: true,
        },
        async (response) => ({ message: (await response.json()) as MessageInfo, created: response.status === 201 }),
      ),
    list: async (runId, step, options = {}) =>
      listPage(
        await transport.json<WirePage<MessageInfo>>({
          method: 'GET',
          path: path(runId, step),
          query: { ...options },
          idempotent: true,
        }),
      ),
    get: (runId, step, messageId, { waitMs, until, signal } = {}) =>
      transport.json({
        method: 'GET',
        path: `${path(runId, step)}/${segment(messageId)}`,
        query: { waitMs, until },
        idempotent: true,
        ...(waitMs === undefined ? {} : { timeoutMs: waitMs + 30_000 }),
        ...(signal === undefined ? {} : { signal }),
      }),
  };
};
