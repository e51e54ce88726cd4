import type { Member, MemberRow, MemberStore } from '@skein/ports';
import { sql } from 'kysely';
import { bound } from '../sql/prepared.ts';
import type { Queries } from '../sql/schema.ts';
import type { Bound, Committer } from '../sql/write-unit.ts';
import type { SqlRow } from '../thread/sql-thread-messages.ts';

/** Members in SQL: a renewal is one unit, which writes the own row and reads all. */
export class SqlMemberStore implements MemberStore {
  readonly #committer: Committer;
  readonly #queries: Queries;
  readonly #readAll: Bound;

  constructor(deps: { readonly committer: Committer; readonly queries: Queries }) {
    this.#committer = deps.committer;
    this.#queries = deps.queries;
    this.#readAll = bound(deps.queries.selectFrom('coordinator_member').selectAll().orderBy('coordinator_id'));
  }

  async renew(member: Member): Promise<readonly MemberRow[]> {
    const row = {
      coordinator_id: member.coordinatorId,
      incarnation: member.incarnation,
      peer_address: member.peerAddress,
      worker_address: member.workerAddress,
      facts: JSON.stringify(member.facts),
      started_at: member.startedAt,
      leaving: Number(member.leaving),
      // Above every row: a count that somebody saw never comes again, also not after the row was buried and written anew.
      renewal: sql<number>`(select coalesce(max(renewal), 0) + 1 from coordinator_member)`,
      secret_fingerprint: member.secretFingerprint ?? null,
    };
    const renew = this.#queries
      .insertInto('coordinator_member')
      .values(row)
      .onConflict((conflict) =>
        conflict.column('coordinator_id').doUpdateSet((eb) => ({
          incarnation: eb.ref('excluded.incarnation'),
          peer_address: eb.ref('excluded.peer_address'),
          worker_address: eb.ref('excluded.worker_address'),
          facts: eb.ref('excluded.facts'),
          started_at: eb.ref('excluded.started_at'),
          leaving: eb.ref('excluded.leaving'),
          renewal: eb.ref('excluded.renewal'),
          secret_fingerprint: eb.ref('excluded.secret_fingerprint'),
        })),
      );
    const outcome = await this.#committer.commit({
      key: `member/${member.coordinatorId}`,
      guards: [],
      writes: [bound(renew), { ...this.#readAll, answers: 'rows' }],
      wantsResults: true,
    });
    const rows = outcome.status === 'done' ? outcome.results[1] : undefined;
    return typeof rows === 'object' ? rows.map(memberOf) : [];
  }

  async list(): Promise<readonly MemberRow[]> {
    const rows = await this.#queries.selectFrom('coordinator_member').selectAll().orderBy('coordinator_id').execute();
    return rows.map((row) => memberOf({ ...row }));
  }

  async leave(coordinatorId: string, incarnation: string): Promise<void> {
    const leave = this.#queries
      .deleteFrom('coordinator_member')
      .where('coordinator_id', '=', coordinatorId)
      .where('incarnation', '=', incarnation);
    await this.#committer.commit({ key: `member/${coordinatorId}`, guards: [], writes: [bound(leave)] });
  }

  async bury(coordinatorId: string, incarnation: string, renewal: number): Promise<boolean> {
    const bury = this.#queries
      .deleteFrom('coordinator_member')
      .where('coordinator_id', '=', coordinatorId)
      .where('incarnation', '=', incarnation)
      .where('renewal', '=', renewal);
    const alive = this.#queries
      .selectFrom('coordinator_member')
      .select('renewal')
      .where('coordinator_id', '=', coordinatorId)
      .where('incarnation', '=', incarnation);
    const outcome = await this.#committer.commit({
      key: `member/${coordinatorId}`,
      guards: [{ must: 'change', ...bound(bury), otherwise: bound(alive) }],
      writes: [],
    });
    // One that is gone already is buried: somebody else did it, or we did and the answer was lost.
    return outcome.status === 'done' || outcome.rows.length === 0;
  }
}

const memberOf = (row: SqlRow): MemberRow => ({
  coordinatorId: row['coordinator_id'] as string,
  incarnation: row['incarnation'] as string,
  peerAddress: row['peer_address'] as string,
  workerAddress: row['worker_address'] as string,
  facts: JSON.parse(row['facts'] as string) as readonly string[],
  startedAt: Number(row['started_at']),
  leaving: Number(row['leaving']) === 1,
  renewal: Number(row['renewal']),
  ...(row['secret_fingerprint'] === null ? {} : { secretFingerprint: row['secret_fingerprint'] as string }),
});
