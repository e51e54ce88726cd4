import type { DeadLetterInfo, DeliveryEvents, ListDeadLettersInput, RedriveOutcome } from './delivery-wire.ts';
import { listPage, segment, type WirePage } from './list-page.ts';
import type { Transport } from './transport.ts';
import type { ListPage } from './wire.ts';

/** Tasks and messages that were given up. */
export interface DeadLettersClient {
  /** Newest first. */
  list(input?: ListDeadLettersInput): Promise<ListPage<DeadLetterInfo>>;
  get(id: string): Promise<DeadLetterInfo>;
  /** Not repeated by itself: a second one finds the dead letter settled. */
  redrive(id: string, options?: { readonly dryRun?: boolean; readonly runId?: string }): Promise<RedriveOutcome>;
  /** Gives it up for good. Not repeated by itself, for the same reason. */
  purge(id: string): Promise<DeadLetterInfo>;
}

/** What left the normal way, one event per item. */
export interface DeliveryEventsClient {
  read(options?: { readonly after?: number; readonly limit?: number }): Promise<DeliveryEvents>;
}

/** The part of the client that deals with dead letters. */
export const createDeadLettersClient = (transport: Transport): DeadLettersClient => {
  const one = (id: string) => `/api/dead-letters/${segment(id)}`;
  return {
    list: async (input = {}) =>
      listPage(
        await transport.json<WirePage<DeadLetterInfo>>({
          method: 'GET',
          path: '/api/dead-letters',
          query: { ...input },
          idempotent: true,
        }),
      ),
    get: (id) => transport.json({ method: 'GET', path: one(id), idempotent: true }),
    redrive: (id, options = {}) =>
      transport.json({
        method: 'POST',
        path: `${one(id)}/redrive`,
        body: { ...options },
        idempotent: options.dryRun === true,
      }),
    purge: (id) => transport.json({ method: 'POST', path: `${one(id)}/purge`, body: {}, idempotent: false }),
  };
};

/** The part of the client that deals with delivery events. */
export const createDeliveryEventsClient = (transport: Transport): DeliveryEventsClient => ({
  read: async (options = {}) => {
    const { gap, ...page } = await transport.json<
      Omit<DeliveryEvents, 'gap'> & { readonly gap: DeliveryEvents['gap'] | null }
    >({
      method: 'GET',
      path: '/api/delivery-events',
      query: { ...options },
      idempotent: true,
    });
    return gap === null || gap === undefined ? page : { ...page, gap };
  },
});
