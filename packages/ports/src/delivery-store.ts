import type { DeadLetter, DeadLetterReason, DeliveryEvent, NumberedDeliveryEvent, TenantId } from '@skein/domain';
import type { Page } from './run-store.ts';

/** Filter of the dead letters; newest first. */
export interface DeadLetterFilter {
  readonly tenant: TenantId;
  readonly status?: DeadLetter['status'];
  readonly kind?: DeadLetter['kind'];
  readonly reason?: DeadLetterReason;
  readonly runId?: string;
  readonly limit: number;
  readonly cursor?: string;
}

/** How a dead letter was settled. */
export interface DeadLetterSettlement {
  readonly status: 'redriven' | 'purged';
  /** ms since the epoch. */
  readonly at: number;
  readonly by: string;
  readonly redrivenRunId?: string;
}

/** A page of the delivery events. */
export interface DeliveryEventPage {
  readonly items: readonly NumberedDeliveryEvent[];
  /** Events that were removed by retention between the cursor and the first item: never silent. */
  readonly gap?: { readonly from: number; readonly to: number };
  /** Cursor to read on from: `seq` of the last item, or with none the end of the gap, or else the cursor given. */
  readonly next: number;
}

/**
 * Dead letters, and the stream of what left the normal way. Both are written with the facts that they belong to
 * (`AppendRequest.deadLetters`, `AppendRequest.events`); a repeated id changes nothing. A write is durable when it resolves.
 */
export interface DeliveryStore {
  /** Throws `invalid_argument` for a cursor that no page gave. */
  listDeadLetters(filter: DeadLetterFilter): Promise<Page<DeadLetter>>;
  readDeadLetter(tenant: TenantId, id: string): Promise<DeadLetter | undefined>;
  /** False when it was not `open` any more (nothing changes). The event is written in the same commit. A purge clears the body, keeps the row. */
  settleDeadLetter(
    tenant: TenantId,
    id: string,
    settlement: DeadLetterSettlement,
    event: DeliveryEvent,
  ): Promise<boolean>;
  /** Open ones. */
  countDeadLetters(tenant?: TenantId): Promise<number>;
  /** Events that belong to no append, for example a message that was refused. */
  appendEvents(events: readonly DeliveryEvent[]): Promise<void>;
  /** Events after `afterSeq`, in order, at most `limit`. */
  readEvents(tenant: TenantId, afterSeq: number, limit: number): Promise<DeliveryEventPage>;
  /**
   * Removes from the beginning of each tenant's stream the events older than `before` (ms), and all but the newest `maxEvents`.
   * An old event that follows a newer one stays with it. Returns how many.
   */
  pruneEvents(before: number, maxEvents: number): Promise<number>;
}
