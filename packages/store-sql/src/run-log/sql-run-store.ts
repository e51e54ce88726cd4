import { isTerminalRun, type RunFact, type RunId, type RunStatus, type TenantId } from '@skein/domain';
import type { AppendOutcome, AppendRequest, Page, RunFilter, RunHead, RunStore, StateCheckpoint } from '@skein/ports';
import type { Selectable } from 'kysely';
import { dialectOf } from '../sql/dialect.ts';
import { probeWrite } from '../sql/probe-write.ts';
import type { Queries, RunHeadTable } from '../sql/schema.ts';
import { createStoreWatch, type StoreWatch } from '../sql/store-watch.ts';
import type { Committer } from '../sql/write-unit.ts';
import { type AppendUnitBuilder, createAppendUnits } from './append-unit.ts';
import { dueQuery, isEveryShard, listQuery, nextQueuedQuery, openQuery, queuedQuery } from './head-queries.ts';
import { headOf } from './head-row.ts';
import { prunableQuery, pruneRun } from './prune-run.ts';
import { damaged, readLog } from './read-log.ts';
import { RecentHeads } from './recent-heads.ts';
import { checkpointUnit, readCheckpoint } from './state-checkpoints.ts';

/** The run log in SQL: durable writes through the committer, reads beside it. */
export class SqlRunStore implements RunStore {
  readonly #committer: Committer;
  readonly #queries: Queries;
  readonly #lists: Queries;
  readonly #appendUnit: AppendUnitBuilder;
  readonly #recent = new RecentHeads();
  /** Unlike that of any other opening of the database; with the count it names each append for ever. */
  readonly #writer: string;
  readonly #watch: StoreWatch;
  #count = 0;

  constructor(deps: {
    readonly committer: Committer;
    readonly queries: Queries;
    /** See `OpenDatabase.lists`; when absent, one damaged head makes a list fail. */
    readonly lists?: Queries;
    readonly writer: string;
    readonly watch?: StoreWatch;
  }) {
    this.#committer = deps.committer;
    this.#queries = deps.queries;
    this.#lists = deps.lists ?? deps.queries;
    this.#appendUnit = createAppendUnits(deps.queries);
    this.#writer = deps.writer;
    this.#watch = deps.watch ?? createStoreWatch({});
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
    return readLog(this.#queries, tenant, runId, afterSeq, limit);
  }

  async readHead(tenant: TenantId, runId: RunId): Promise<RunHead | undefined> {
    const row = await this.#queries
      .selectFrom('run_head')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('run_id', '=', runId)
      .executeTakeFirst();
    if (row === undefined) return undefined;
    if (row.run_id !== runId || row.tenant !== tenant) throw damaged(runId, 1, 'its head is that of another run');
    return headOf(row);
  }

  async listRuns(filter: RunFilter): Promise<Page<RunHead>> {
    const rows = await listQuery(this.#lists, filter).execute();
    const page = rows.slice(0, filter.limit);
    const items = this.#headsOf(page);
    const last = page.at(-1);
    return rows.length > filter.limit && last !== undefined ? { items, nextCursor: last.run_id } : { items };
  }

  async listOpen(shards: readonly number[]): Promise<readonly RunHead[]> {
    return this.#headsOf(await openQuery(this.#lists, shards).execute());
  }

  async nextQueued(shards: readonly number[], limit: number): Promise<readonly RunHead[]> {
    const rows = isEveryShard(shards)
      ? (await nextQueuedQuery(limit, dialectOf(this.#lists).name).execute(this.#lists)).rows
      : await queuedQuery(this.#lists, shards, limit).execute();
    return this.#headsOf(rows);
  }

  async listDue(shards: readonly number[], now: number, limit: number): Promise<readonly RunHead[]> {
    return this.#headsOf(await dueQuery(this.#lists, shards, now, limit).execute());
  }

  async saveCheckpoint(checkpoint: StateCheckpoint): Promise<void> {
    await this.#committer.commit(checkpointUnit(this.#queries, checkpoint));
  }

  async loadCheckpoint(tenant: TenantId, runId: RunId): Promise<StateCheckpoint | undefined> {
    return (await readCheckpoint(this.#parts(), tenant, runId))?.checkpoint;
  }

  async listPrunable(before: number, limit: number): Promise<readonly RunHead[]> {
    return this.#headsOf(await prunableQuery(this.#lists, before, limit).execute());
  }

  pruneRun(tenant: TenantId, runId: RunId): Promise<boolean> {
    return pruneRun(this.#parts(), tenant, runId);
  }

  probeWrite(): Promise<void> {
    return probeWrite(this.#queries, this.#committer);
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

  /** One damaged head must not keep the others from being listed. */
  #headsOf(rows: readonly Selectable<RunHeadTable>[]): readonly RunHead[] {
    return rows.flatMap((row) => {
      if (!`${row.tenant} ${row.run_id} ${row.status}`.includes('\uFFFD')) return [headOf(row)];
      this.#watch.headIgnored(row.run_id);
      return [];
    });
  }

  #parts() {
    return { committer: this.#committer, queries: this.#queries, watch: this.#watch };
  }
}
