import { DomainError } from '@skein/domain';
import type { Clock, WorkerPlace, WorkerPlaceStore } from '@skein/ports';
import { sql } from 'kysely';
import { bound } from '../sql/prepared.ts';
import type { Queries } from '../sql/schema.ts';
import type { Committer } from '../sql/write-unit.ts';

/** Places of workers in SQL. A row without a session is held by nobody. */
export class SqlWorkerPlaceStore implements WorkerPlaceStore {
  readonly #committer: Committer;
  readonly #queries: Queries;
  readonly #clock: Clock;
  /** Unlike that of any other opening of the database; with the count it names each claim for ever. */
  readonly #writer: string;
  #count = 0;

  constructor(deps: {
    readonly committer: Committer;
    readonly queries: Queries;
    readonly clock: Clock;
    readonly writer: string;
  }) {
    this.#committer = deps.committer;
    this.#queries = deps.queries;
    this.#clock = deps.clock;
    this.#writer = deps.writer;
  }

  async claim(tenant: string, workerId: string, coordinatorId: string, sessionId: string): Promise<WorkerPlace> {
    this.#count += 1;
    const commitId = `${this.#writer}.${this.#count.toString(36)}`;
    const claim = this.#queries
      .insertInto('worker_place')
      .values({
        tenant,
        worker_id: workerId,
        epoch: 1,
        coordinator_id: coordinatorId,
        session_id: sessionId,
        commit_id: commitId,
        at: this.#clock.now(),
      })
      .onConflict((conflict) =>
        conflict.columns(['tenant', 'worker_id']).doUpdateSet((eb) => ({
          // A claim that is sent again, because its answer was lost, finds its own name.
          epoch: sql<number>`worker_place.epoch + case when worker_place.commit_id = excluded.commit_id then 0 else 1 end`,
          coordinator_id: eb.ref('excluded.coordinator_id'),
          session_id: eb.ref('excluded.session_id'),
          commit_id: eb.ref('excluded.commit_id'),
          at: eb.ref('excluded.at'),
        })),
      )
      .returning('epoch');
    const outcome = await this.#committer.commit({
      key: placeKey(tenant, workerId),
      guards: [],
      writes: [{ ...bound(claim), answers: 'rows' }],
      wantsResults: true,
    });
    const rows = outcome.status === 'done' ? outcome.results[0] : undefined;
    const epoch = typeof rows === 'object' ? rows[0]?.['epoch'] : undefined;
    if (epoch === undefined) throw new DomainError('internal', 'the claim of a place has no epoch');
    return { workerId, epoch: Number(epoch), coordinatorId, sessionId };
  }

  async read(tenant: string, workerId: string): Promise<WorkerPlace | undefined> {
    const row = await this.#queries
      .selectFrom('worker_place')
      .select(['epoch', 'coordinator_id', 'session_id'])
      .where('tenant', '=', tenant)
      .where('worker_id', '=', workerId)
      .where('session_id', '<>', '')
      .executeTakeFirst();
    if (row === undefined) return undefined;
    return { workerId, epoch: Number(row.epoch), coordinatorId: row.coordinator_id, sessionId: row.session_id };
  }

  async release(tenant: string, workerId: string, epoch: number): Promise<void> {
    const release = this.#queries
      .updateTable('worker_place')
      .set({ coordinator_id: '', session_id: '', at: this.#clock.now() })
      .where('tenant', '=', tenant)
      .where('worker_id', '=', workerId)
      .where('epoch', '=', epoch);
    await this.#committer.commit({ key: placeKey(tenant, workerId), guards: [], writes: [bound(release)] });
  }

  async prune(before: number, liveCoordinators: readonly string[]): Promise<number> {
    let prune = this.#queries.deleteFrom('worker_place').where('at', '<', before);
    if (liveCoordinators.length > 0) prune = prune.where('coordinator_id', 'not in', [...liveCoordinators]);
    const outcome = await this.#committer.commit({
      key: 'worker_place',
      guards: [],
      writes: [bound(prune)],
      wantsResults: true,
    });
    return outcome.status === 'done' ? Number(outcome.results[0]) : 0;
  }
}

const placeKey = (tenant: string, workerId: string): string => `place/${tenant}/${workerId}`;
