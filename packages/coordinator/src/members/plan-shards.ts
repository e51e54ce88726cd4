import type { ShardStore } from '@skein/ports';
import { targetsOf } from './targets.ts';

/** A coordinator as far as shards are concerned. */
export interface ShardTaker {
  readonly coordinatorId: string;
  readonly facts: readonly string[];
  readonly leaving: boolean;
  /** It has been there for long enough to be given shards of somebody who lives. */
  readonly isSteady: boolean;
}

/** What this coordinator knows when it plans. */
export interface Standing {
  readonly own: ShardTaker;
  /** The others that are alive. */
  readonly others: readonly ShardTaker[];
  /** Epochs of the shards that are at home here. */
  readonly epochs: ReadonlyMap<number, number>;
  /** Shards that are being given away now. */
  readonly withdrawing: ReadonlySet<number>;
  /** Shards at home here with a run that this build cannot drive. */
  readonly undrivable: ReadonlySet<number>;
}

/** What is to be done with shards. */
export interface ShardPlan {
  /** They were at home here, and are no more. */
  readonly lost: readonly number[];
  /** They are free and should be at home here, with the epoch that was seen. */
  readonly take: readonly { readonly shard: number; readonly epoch: number }[];
  /** They are at home here and should be elsewhere. */
  readonly give: readonly number[];
  /** Their rows name this coordinator, which does not drive them and should not. */
  readonly release: readonly number[];
  /** Who is home to each that has one, as the rows say; only members that are alive. */
  readonly homes: ReadonlyMap<number, string>;
  /** Others are about to give some to this coordinator. */
  readonly isWaiting: boolean;
  /** Another process of the same name took what was at home here. */
  readonly isReplaced: boolean;
}

type Rows = Awaited<ReturnType<ShardStore['readAll']>>;

/** Those that know every fact that somebody knows: what they are given, they can drive. All of them when there is no such one. */
const knowing = (takers: readonly ShardTaker[]): readonly ShardTaker[] => {
  const all = new Set(takers.flatMap(({ facts }) => facts));
  const knowAll = takers.filter(({ facts }) => new Set(facts).size === all.size);
  return knowAll.length === 0 ? takers : knowAll;
};

const idsOf = (takers: readonly ShardTaker[]): readonly string[] => takers.map(({ coordinatorId }) => coordinatorId);

/**
 * What to do with each of `shardCount` shards, by their rows and by who is alive.
 *  P1 a free shard goes to its target among those that know every fact; its target takes it, nobody else
 *  P2 a shard whose owner stays is given away only to its target among all, if that one knows every fact and has proved to stay
 *  P3 one with a run that its owner cannot drive is given away when somebody else may know better
 */
export const planShards = (rows: Rows, { own, others, epochs, withdrawing, undrivable }: Standing): ShardPlan => {
  const staying = [own, ...others].filter(({ leaving }) => !leaving);
  const able = knowing(staying);
  const ableIds = new Set(idsOf(able));
  const steadyIds = new Set(idsOf(others.filter(({ isSteady }) => isSteady)));
  const alive = new Set(idsOf(others));
  const me = own.coordinatorId;
  const targets = targetsOf(idsOf(staying));
  const takers = targetsOf(idsOf(able));
  const lost = new Set(epochs.keys());
  const take: { shard: number; epoch: number }[] = [];
  const give: number[] = [];
  const release: number[] = [];
  const homes = new Map<number, string>();
  let isWaiting = false;
  let isReplaced = false;
  const isToGive = (shard: number): boolean => {
    if (own.leaving) return true;
    const target = targets[shard];
    if (target !== undefined && target !== me && ableIds.has(target) && steadyIds.has(target)) return true;
    return undrivable.has(shard) && !ableIds.has(me) && able.length > 0;
  };
  const seen: Rows[number][] = [];
  for (const row of rows) seen[row.shard] = row;
  for (let shard = 0; shard < targets.length; shard += 1) {
    const { coordinatorId, epoch } = seen[shard] ?? { coordinatorId: undefined, epoch: 0 };
    if (coordinatorId === me && epochs.get(shard) === epoch) {
      lost.delete(shard);
      homes.set(shard, me);
      if (isToGive(shard)) give.push(shard);
      continue;
    }
    if (withdrawing.has(shard)) continue;
    // What this process takes it did not have. An earlier epoch is that of a store that lost its last commits.
    if (coordinatorId === me && epoch > (epochs.get(shard) ?? Number.POSITIVE_INFINITY)) isReplaced = true;
    if (coordinatorId !== undefined && alive.has(coordinatorId)) {
      homes.set(shard, coordinatorId);
      isWaiting ||= takers[shard] === me;
      continue;
    }
    if (takers[shard] === me && !own.leaving) take.push({ shard, epoch });
    else if (coordinatorId === me) release.push(shard);
  }
  return {
    lost: [...lost].filter((shard) => !withdrawing.has(shard)),
    take,
    give,
    release,
    homes,
    isWaiting,
    isReplaced,
  };
};
