import type { ShardHome, ShardRow, ShardStore } from '@skein/ports';
import { sql } from 'kysely';
import { bound } from '../sql/prepared.ts';
import type { Queries } from '../sql/schema.ts';
import type { Committer } from '../sql/write-unit.ts';

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
      key: '',
      guards: [],
      writes: [{ ...bound(claim), answers: 'rows' }],
      wantsResults: true,
    });
    const rows = outcome.status === 'done' ? outcome.results[0] : undefined;
    if (typeof rows !== 'object') return [];
    return rows
      .map((row) => ({ shard: Number(row['shard']), coordinatorId, epoch: Number(row['epoch']) }))
      .toSorted((a, b) => a.shard - b.shard);
  }

  async read(): Promise<readonly ShardRow[]> {
    const rows = await this.#queries.selectFrom('shard_home').selectAll().where('owner', 'is not', null).execute();
    return rows.flatMap(({ shard, owner, epoch, lease_until: renewal }) =>
      owner === null ? [] : [{ shard, coordinatorId: owner, epoch: Number(epoch), renewal: Number(renewal) }],
    );
  }

  async release(coordinatorId: string): Promise<void> {
    const release = this.#queries.updateTable('shard_home').set({ owner: null }).where('owner', '=', coordinatorId);
    await this.#committer.commit({ key: '', guards: [], writes: [bound(release)] });
  }
}
