import type { ShardHome, ShardRow, ShardStore } from '@skein/ports';
import { sql } from 'kysely';
import { bound } from '../sql/prepared.ts';
import type { Queries } from '../sql/schema.ts';
import type { Committer, UnitLock, UnitOutcome, Write } from '../sql/write-unit.ts';

/** Leases of shards in SQL; a claim of any number of shards is one statement. */
export class SqlShardStore implements ShardStore {
  readonly #committer: Committer;
  readonly #queries: Queries;

  constructor(deps: { readonly committer: Committer; readonly queries: Queries }) {
    this.#committer = deps.committer;
    this.#queries = deps.queries;
  }

  async claim(
    coordinatorId: string,
    shards: readonly number[],
    lapsed: number,
    leaseMs: number,
  ): Promise<readonly ShardHome[]> {
    const wanted = [...new Set(shards)];
    if (wanted.length === 0) return [];
    const claim = this.#queries
      .insertInto('shard_home')
      .values(wanted.map((shard) => ({ shard, owner: coordinatorId, epoch: 1, lease_until: lapsed + leaseMs })))
      .onConflict((conflict) =>
        conflict
          .column('shard')
          .doUpdateSet((eb) => ({
            epoch: sql<number>`shard_home.epoch + case when shard_home.owner = excluded.owner then 0 else 1 end`,
            owner: eb.ref('excluded.owner'),
            // A count that only rises; what once was an instant is as good a beginning as any.
            lease_until: sql<number>`case when shard_home.lease_until > ${lapsed} then shard_home.lease_until + ${leaseMs} else excluded.lease_until end`,
          }))
          .where((eb) =>
            eb.or([
              eb('shard_home.owner', 'is', null),
              eb('shard_home.owner', '=', coordinatorId),
              eb('shard_home.lease_until', '<=', lapsed),
            ]),
          ),
      )
      .returning(['shard', 'epoch']);
    const outcome = await this.#committer.commit({
      key: shardsKey,
      locks: [shardsLock],
      guards: [],
      writes: [{ ...bound(claim), answers: 'rows' }],
      wantsResults: true,
    });
    return homesOf(coordinatorId, outcome, 0);
  }

  async takeOver(
    coordinatorId: string,
    seen: readonly { readonly shard: number; readonly epoch: number }[],
  ): Promise<readonly ShardHome[]> {
    if (seen.length === 0) return [];
    const epochs = [...new Set(seen.map(({ epoch }) => epoch))].toSorted((a, b) => a - b);
    const writes: Write[] = [];
    for (const epoch of epochs) {
      const shards = [...new Set(seen.flatMap((row) => (row.epoch === epoch ? [row.shard] : [])))];
      writes.push(bound(epoch === 0 ? this.#found(coordinatorId, shards) : this.#take(coordinatorId, shards, epoch)));
    }
    const wanted = [...new Set(seen.map(({ shard }) => shard))];
    const ours = this.#queries
      .selectFrom('shard_home')
      .select(['shard', 'epoch'])
      .where('owner', '=', coordinatorId)
      .where('shard', 'in', wanted);
    const outcome = await this.#committer.commit({
      key: shardsKey,
      locks: [shardsLock],
      guards: [],
      writes: [...writes, { ...bound(ours), answers: 'rows' }],
      wantsResults: true,
    });
    // What is ours at another epoch than the next was not taken by this call. Sent again, it finds what it took.
    return homesOf(coordinatorId, outcome, writes.length).filter(({ shard, epoch }) =>
      seen.some((row) => row.shard === shard && row.epoch + 1 === epoch),
    );
  }

  /** Takes shards that never had a row. */
  #found(coordinatorId: string, shards: readonly number[]) {
    return this.#queries
      .insertInto('shard_home')
      .values(shards.map((shard) => ({ shard, owner: coordinatorId, epoch: 1, lease_until: 1 })))
      .onConflict((conflict) => conflict.column('shard').doNothing());
  }

  #take(coordinatorId: string, shards: readonly number[], epoch: number) {
    return this.#queries
      .updateTable('shard_home')
      .set({ owner: coordinatorId, epoch: epoch + 1, lease_until: sql<number>`lease_until + 1` })
      .where('shard', 'in', [...shards])
      .where('epoch', '=', epoch);
  }

  async read(): Promise<readonly ShardRow[]> {
    const rows = await this.#queries.selectFrom('shard_home').selectAll().where('owner', 'is not', null).execute();
    return rows.flatMap(({ shard, owner, epoch, lease_until: renewal }) =>
      owner === null ? [] : [{ shard, coordinatorId: owner, epoch: Number(epoch), renewal: Number(renewal) }],
    );
  }

  async readAll(): Promise<
    readonly { readonly shard: number; readonly coordinatorId?: string; readonly epoch: number }[]
  > {
    const rows = await this.#queries
      .selectFrom('shard_home')
      .select(['shard', 'owner', 'epoch'])
      .orderBy('shard')
      .execute();
    return rows.map(({ shard, owner, epoch }) => ({
      shard,
      ...(owner === null ? {} : { coordinatorId: owner }),
      epoch: Number(epoch),
    }));
  }

  async release(coordinatorId: string, shards?: readonly number[]): Promise<void> {
    if (shards?.length === 0) return;
    let release = this.#queries.updateTable('shard_home').set({ owner: null }).where('owner', '=', coordinatorId);
    if (shards !== undefined) release = release.where('shard', 'in', [...new Set(shards)]);
    await this.#committer.commit({ key: shardsKey, locks: [shardsLock], guards: [], writes: [bound(release)] });
  }
}

const shardsKey = 'shards';

/** Units that write many rows: without it, two of them could wait for one another. */
const shardsLock: UnitLock = { name: 'shards', mode: 'exclusive' };

const homesOf = (coordinatorId: string, outcome: UnitOutcome, write: number): readonly ShardHome[] => {
  const rows = outcome.status === 'done' ? outcome.results[write] : undefined;
  if (typeof rows !== 'object') return [];
  return rows
    .map((row) => ({ shard: Number(row['shard']), coordinatorId, epoch: Number(row['epoch']) }))
    .toSorted((a, b) => a.shard - b.shard);
};
