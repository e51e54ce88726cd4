import type { PeerMessage, WorkerGone } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import type { WorkerSession } from '../fleet/worker-session.ts';
import type { Outbox } from './outbox.ts';
import type { PeerLink } from './peer-link.ts';
import type { PeerStreams } from './peer-streams.ts';
import type { SlotMarket } from './slot-market.ts';
import type { SlotWishes } from './slot-wishes.ts';

/** What the parts of the peers share. */
export interface PeerState {
  readonly engine: Engine;
  readonly streams: PeerStreams;
  readonly outbox: Outbox;
  readonly market: SlotMarket;
  readonly wishes: SlotWishes;
  /** Shards at home here whose runs are read, with their epochs, as of the last look. */
  ready: ReadonlyMap<number, number>;
  /** Homes may have changed. */
  readonly look: () => void;
  /** Has a peer say once more what its workers hold. */
  readonly askAgain: (link: PeerLink) => void;
  readonly gone: (session: WorkerSession, reason: WorkerGone) => void;
  readonly releasePlace: (session: WorkerSession, reason: WorkerGone) => void;
}

/** Says the same to every peer. */
export const tellAll = ({ streams }: Pick<PeerState, 'streams'>, message: PeerMessage): void => {
  for (const link of streams.links) link.send(message);
};

/** The peer that is home to a shard by its own word; of two that say so the one with the higher epoch. */
export const homeOf = (streams: PeerStreams, shard: number): PeerLink | undefined => {
  let best: PeerLink | undefined;
  let highest = 0;
  for (const link of streams.links) {
    const epoch = link.homes.get(shard);
    if (epoch === undefined || (best !== undefined && epoch <= highest)) continue;
    best = link;
    highest = epoch;
  }
  return best;
};

/** Whether the shard is at home here, also while its runs are being read; not when a peer says that it is home under a later epoch. */
export const isOurs = ({ engine, streams }: Pick<PeerState, 'engine' | 'streams'>, shard: number): boolean => {
  const { runs } = engine;
  if (!runs.shards.has(shard)) return false;
  const other = homeOf(streams, shard)?.homes.get(shard);
  return other === undefined || other <= (runs.epochs.get(shard) ?? 0);
};

/** Whether what is said of the shard's runs can be judged here now: it is at home here and read, and is not being given away. */
export const isReady = (state: PeerState, shard: number): boolean =>
  state.ready.has(shard) && isOurs(state, shard) && !state.engine.runs.unread.has(shard);
