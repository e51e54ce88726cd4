import { DomainError, isTerminalRun, type RunFact, type RunId, type RunStatus, type TenantId } from '@skein/domain';
import type { AppendOutcome, AppendRequest, Page, RunFilter, RunHead, RunStore, StateCheckpoint } from '@skein/ports';
import { bound } from '../sql/prepared.ts';
import type { Queries } from '../sql/schema.ts';
import type { Committer } from '../sql/write-unit.ts';
import { type AppendUnitBuilder, createAppendUnits } from './append-unit.ts';
import { dueQuery, listQuery, openQuery, queuedQuery } from './head-queries.ts';
import { headOf } from './head-row.ts';
import { RecentHeads } from './recent-heads.ts';

/** The run log in SQL: durable writes through the committer, reads beside it. */
export class SqlRunStore implements RunStore {
  readonly #committer: Committer;
  readonly #queries: Queries;
  readonly #appendUnit: AppendUnitBuilder;
  readonly #recent = new RecentHeads();
  /** Unlike that of any other opening of the database; with the count it names each append for ever. */
  readonly #writer: string;
  #count = 0;

  constructor(deps: { readonly committer: Committer; readonly queries: Queries; readonly writer: string }) {
    this.#committer = deps.committer;
    this.#queries = deps.queries;
    this.#appendUnit = createAppendUnits(deps.queries);
    this.#writer = deps.writer;
  }

  async append(request: AppendRequest): Promise<AppendOutcome> {
    this.#count += 1;
    const key = `${request.tenant}\u0000${request.runId}`;
    const commitId = `${this.#writer}.${this.#count.toString(36)}`;
    const { unit, outcomeOf } = this.#appendUnit(request, commitId, this.#recent.get(key));
    const outcome = outcomeOf(await this.#committer.commit(unit));
    if (outcome.status === 'appended' && !isTerminalRun(request.head.status)) this.#recent.set(key, request.head);
    else this.#recent.delete(key);
    return outcome;
  }

  async readFacts(tenant: TenantId, runId: RunId, afterSeq: number, limit?: number): Promise<readonly RunFact[]> {
    const ofRun = this.#queries.selectFrom('run_log').where('tenant', '=', tenant).where('run_id', '=', runId);
    // The row that holds fact `afterSeq + 1` is the last that begins there or before.
    const begin = ofRun.select((eb) => eb.fn.max('seq').as('seq')).where('seq', '<=', afterSeq + 1);
    const rows = await ofRun
      .select(['seq', 'facts'])
      .where('seq', '>=', (eb) => eb.fn.coalesce(begin, eb.lit(0)))
      .orderBy('seq')
      .$if(limit !== undefined, (query) => query.limit(limit ?? 0))
      .execute();
    const first = rows[0];
    if (first === undefined) {
      if ((await this.readHead(tenant, runId)) !== undefined) return [];
      throw new DomainError('not_found', 'unknown run', { runId });
    }
    const skip = Math.max(0, afterSeq + 1 - Number(first.seq));
    return rows
      .flatMap((row) => JSON.parse(row.facts) as RunFact[])
      .slice(skip, limit === undefined ? undefined : skip + limit);
  }

  async readHead(tenant: TenantId, runId: RunId): Promise<RunHead | undefined> {
    const row = await this.#queries
      .selectFrom('run_head')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('run_id', '=', runId)
      .executeTakeFirst();
    return row === undefined ? undefined : headOf(row);
  }

  async listRuns(filter: RunFilter): Promise<Page<RunHead>> {
    const rows = await listQuery(this.#queries, filter).execute();
    const items = rows.slice(0, filter.limit).map(headOf);
    const last = items.at(-1);
    return rows.length > filter.limit && last !== undefined ? { items, nextCursor: last.runId } : { items };
  }

  async listOpen(shards: readonly number[]): Promise<readonly RunHead[]> {
    return (await openQuery(this.#queries, shards).execute()).map(headOf);
  }

  async nextQueued(shards: readonly number[], limit: number): Promise<readonly RunHead[]> {
    return (await queuedQuery(this.#queries, shards, limit).execute()).map(headOf);
  }

  async listDue(shards: readonly number[], now: number, limit: number): Promise<readonly RunHead[]> {
    return (await dueQuery(this.#queries, shards, now, limit).execute()).map(headOf);
  }

  async saveCheckpoint({ tenant, runId, seq, body }: StateCheckpoint): Promise<void> {
    const save = this.#queries
      .insertInto('run_checkpoint')
      .values({ tenant, run_id: runId, seq, body })
      .onConflict((conflict) =>
        conflict
          .columns(['tenant', 'run_id'])
          .doUpdateSet((eb) => ({ seq: eb.ref('excluded.seq'), body: eb.ref('excluded.body') }))
          .whereRef('run_checkpoint.seq', '<', 'excluded.seq'),
      );
    await this.#committer.commit({ key: `${tenant}\u0000${runId}`, guards: [], writes: [bound(save)] });
  }

  async loadCheckpoint(tenant: TenantId, runId: RunId): Promise<StateCheckpoint | undefined> {
    const row = await this.#queries
      .selectFrom('run_checkpoint')
      .select(['seq', 'body'])
      .where('tenant', '=', tenant)
      .where('run_id', '=', runId)
      .executeTakeFirst();
    return row === undefined ? undefined : { tenant, runId, seq: Number(row.seq), body: new Uint8Array(row.body) };
  }

  async listPrunable(): Promise<readonly RunHead[]> {
    throw new DomainError('unimplemented', 'runs are not pruned yet');
  }

  async pruneRun(): Promise<boolean> {
    throw new DomainError('unimplemented', 'runs are not pruned yet');
  }

  async probeWrite(): Promise<void> {
    throw new DomainError('unimplemented', 'writes are not probed yet');
  }

  async countByStatus(tenant?: TenantId): Promise<{ readonly [status in RunStatus]?: number }> {
    const rows = await this.#queries
      .selectFrom('run_head')
      .select((eb) => ['status', eb.fn.countAll<number>().as('runs')])
      .$if(tenant !== undefined, (query) => query.where('tenant', '=', tenant ?? ''))
      .groupBy('status')
      .execute();
    return Object.fromEntries(rows.map((row) => [row.status, Number(row.runs)]));
  }
}
