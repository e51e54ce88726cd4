import type { DomainError } from '@skein/domain';
import { shardOf } from '@skein/domain';
import type { FreeSlots, PeerMessage, SlotWish, StreamLink } from '@skein/ports';

/** One open stream to another coordinator, and what the other side said on it. A new stream begins anew (P1). */
export class PeerLink {
  readonly coordinatorId: string;
  readonly incarnation: string;
  /** Monotonic ms of the last message. */
  heardAt: number;
  /** Shards at home there, with their epochs. */
  homes: ReadonlyMap<number, number> = new Map();
  free: readonly FreeSlots[] = [];
  /** Runs of ours that have watchers there. */
  watching: ReadonlySet<string> = new Set();
  /** `homes` that were sent, and answers to them that came: the n-th `holdings` answers the n-th `homes`. */
  homesSent = 0;
  holdingsSeen = 0;
  /** As last sent, to say nothing twice. */
  readonly told = { homes: '', slots: '', watching: '', wishes: new Map<string, SlotWish>() };
  /** The other side said that it leaves: it gets nothing new. */
  leaving = false;
  readonly #out: StreamLink<PeerMessage>;

  constructor(
    peer: { readonly coordinatorId: string; readonly incarnation: string },
    out: StreamLink<PeerMessage>,
    heardAt: number,
  ) {
    this.coordinatorId = peer.coordinatorId;
    this.incarnation = peer.incarnation;
    this.#out = out;
    this.heardAt = heardAt;
  }

  send(message: PeerMessage): void {
    this.#out.send(message);
  }

  close(error?: DomainError): void {
    this.#out.close(error);
  }

  /** The epoch under which the run's shard is at home there; undefined when it is not. */
  homeEpoch(runId: string): number | undefined {
    return this.homes.get(shardOf(runId));
  }
}
