import {
  checkAppend,
  type Digest,
  DomainError,
  encodeFact,
  isTerminalRun,
  type RunFact,
  type RunId,
  type RunStatus,
  type TenantId,
} from '@skein/domain';
import type { AppendOutcome, AppendRequest, Page, RunFilter, RunHead, RunStore, StateCheckpoint } from '@skein/ports';
import type { MemoryDeliveryStore } from './memory-delivery-store.ts';
import type { MemoryMemoryStore } from './memory-memory-store.ts';
import type { MemoryRolloutUnits } from './memory-rollout-units.ts';
import type { MemorySnapshotStore } from './memory-snapshot-store.ts';

interface StoredRun {
  head: RunHead;
  /** JSON texts, one per fact, so that no caller shares a value with the store. */
  readonly facts: string[];
  checkpoint?: StateCheckpoint;
}

const key = (...parts: readonly (string | number)[]): string => parts.join('\u0000');

const byAge = (a: RunHead, b: RunHead): number =>
  a.createdAt - b.createdAt || (a.runId < b.runId ? -1 : Number(a.runId > b.runId));

/** The snapshot that a head refers to; one that has ended lets go of it. */
const heldBy = (head: RunHead): Digest | undefined => (isTerminalRun(head.status) ? undefined : head.snapshotDigest);

/** The run log in memory. An append is atomic because nothing awaits inside it. */
export class MemoryRunStore implements RunStore {
  readonly #snapshots: MemorySnapshotStore;
  readonly #memory: MemoryMemoryStore;
  readonly #delivery: MemoryDeliveryStore;
  readonly #units: Pick<MemoryRolloutUnits, 'expose' | 'tally'> | undefined;
  readonly #runs = new Map<string, StoredRun>();
  readonly #requests = new Map<string, { readonly runId: RunId; readonly bodyDigest: string }>();
  readonly #fires = new Map<string, RunId>();

  constructor(deps: {
    readonly snapshots: MemorySnapshotStore;
    readonly memory: MemoryMemoryStore;
    readonly delivery: MemoryDeliveryStore;
    readonly units?: Pick<MemoryRolloutUnits, 'expose' | 'tally'>;
  }) {
    this.#snapshots = deps.snapshots;
    this.#memory = deps.memory;
    this.#delivery = deps.delivery;
    this.#units = deps.units;
  }

  async append(request: AppendRequest): Promise<AppendOutcome> {
    checkAppend(request);
    const texts = request.facts.map(encodeFact);
    const before = this.#runs.get(key(request.tenant, request.runId))?.head;
    const outcome = request.expectedSeq === 0 ? this.#create(request, texts) : this.#advance(request, texts);
    if (outcome.status !== 'appended') return outcome;
    this.#count(request, before);
    this.#memory.propose(request.tenant, request.proposals ?? []);
    this.#delivery.record(request.deadLetters ?? [], request.events ?? []);
    this.#units?.expose(request.tenant, request.exposures ?? []);
    this.#units?.tally(request.tenant, request.tallies ?? []);
    return outcome;
  }

  async readFacts(tenant: TenantId, runId: RunId, afterSeq: number, limit?: number): Promise<readonly RunFact[]> {
    const run = this.#runs.get(key(tenant, runId));
    if (run === undefined) throw new DomainError('not_found', `there is no run ${runId}`, { runId });
    const end = limit === undefined ? undefined : afterSeq + limit;
    // A pruned run is over: nothing follows what was removed.
    return run.facts.slice(afterSeq, end).map((text) => JSON.parse(text) as RunFact);
  }

  async readHead(tenant: TenantId, runId: RunId): Promise<RunHead | undefined> {
    return this.#runs.get(key(tenant, runId))?.head;
  }

  async listRuns(filter: RunFilter): Promise<Page<RunHead>> {
    const { tenant, dag, status, parentRunId, limit, cursor } = filter;
    const found = this.#heads((head) => head.tenant === tenant && head.parentRunId === parentRunId)
      .filter((head) => (dag === undefined || head.dag === dag) && (status === undefined || head.status === status))
      .filter((head) => cursor === undefined || head.runId < cursor)
      .toSorted((a, b) => (a.runId < b.runId ? 1 : -1));
    const items = found.slice(0, limit);
    const last = items.at(-1);
    return found.length > limit && last !== undefined ? { items, nextCursor: last.runId } : { items };
  }

  async listOpen(shards: readonly number[]): Promise<readonly RunHead[]> {
    const wanted = new Set(shards);
    const open = (head: RunHead) => head.status !== 'queued' && !isTerminalRun(head.status) && wanted.has(head.shard);
    return this.#heads(open).toSorted(byAge);
  }

  async nextQueued(shards: readonly number[], limit: number): Promise<readonly RunHead[]> {
    const wanted = new Set(shards);
    const turns = new Map<string, number>();
    return this.#heads((head) => head.status === 'queued' && wanted.has(head.shard))
      .toSorted(byAge)
      .map((head) => {
        const lane = key(head.priority, head.tenant, head.dag);
        const turn = (turns.get(lane) ?? 0) + 1;
        turns.set(lane, turn);
        return { head, turn };
      })
      .toSorted((a, b) => b.head.priority - a.head.priority || a.turn - b.turn || byAge(a.head, b.head))
      .slice(0, limit)
      .map(({ head }) => head);
  }

  async listDue(shards: readonly number[], now: number, limit: number): Promise<readonly RunHead[]> {
    const wanted = new Set(shards);
    return this.#heads((head) => head.dueAt !== undefined && head.dueAt <= now && wanted.has(head.shard))
      .toSorted((a, b) => (a.dueAt ?? 0) - (b.dueAt ?? 0) || (a.runId < b.runId ? -1 : 1))
      .slice(0, limit);
  }

  async saveCheckpoint(checkpoint: StateCheckpoint): Promise<void> {
    const run = this.#runs.get(key(checkpoint.tenant, checkpoint.runId));
    if (run === undefined || (run.checkpoint !== undefined && run.checkpoint.seq > checkpoint.seq)) return;
    run.checkpoint = { ...checkpoint, body: checkpoint.body.slice() };
  }

  async loadCheckpoint(tenant: TenantId, runId: RunId): Promise<StateCheckpoint | undefined> {
    const checkpoint = this.#runs.get(key(tenant, runId))?.checkpoint;
    return checkpoint === undefined ? undefined : { ...checkpoint, body: checkpoint.body.slice() };
  }

  async listPrunable(before: number, limit: number): Promise<readonly RunHead[]> {
    return this.#heads((head) => isTerminalRun(head.status) && head.prunedSeq === undefined)
      .filter(({ finishedAt }) => finishedAt !== undefined && finishedAt < before)
      .toSorted((a, b) => (a.finishedAt ?? 0) - (b.finishedAt ?? 0) || (a.runId < b.runId ? -1 : 1))
      .slice(0, limit);
  }

  async pruneRun(tenant: TenantId, runId: RunId): Promise<boolean> {
    const run = this.#runs.get(key(tenant, runId));
    if (run === undefined || !isTerminalRun(run.head.status) || run.head.prunedSeq !== undefined) return false;
    if (run.checkpoint?.seq !== run.head.seq) return false;
    run.head = { ...run.head, prunedSeq: run.head.seq };
    run.facts.length = 0;
    return true;
  }

  async probeWrite(): Promise<void> {}

  async countByStatus(tenant?: TenantId): Promise<{ readonly [status in RunStatus]?: number }> {
    const counts: { [status in RunStatus]?: number } = {};
    for (const { status } of this.#heads((head) => tenant === undefined || head.tenant === tenant)) {
      counts[status] = (counts[status] ?? 0) + 1;
    }
    return counts;
  }

  #heads(wanted: (head: RunHead) => boolean): RunHead[] {
    const heads: RunHead[] = [];
    for (const { head } of this.#runs.values()) if (wanted(head)) heads.push(head);
    return heads;
  }

  /** Everything that an append which has won the race is still refused for. */
  #check({ tenant, pinsSnapshot, expectsRevision, head, holds }: AppendRequest, before: RunHead | undefined): void {
    const after = heldBy(head);
    const taken = after === (before && heldBy(before)) ? undefined : after;
    for (const digest of [taken, pinsSnapshot, ...(holds?.take ?? [])]) {
      if (digest === undefined || this.#snapshots.holds(tenant, digest)) continue;
      throw new DomainError('version_conflict', 'the snapshot is no longer stored', { digest });
    }
    if (expectsRevision !== undefined && this.#memory.projectRevision(tenant) !== expectsRevision) {
      throw new DomainError('version_conflict', 'the project has changed', { expectsRevision });
    }
  }

  /** Moves the references to snapshots along with the head. */
  #count({ tenant, head, facts, holds }: AppendRequest, before: RunHead | undefined): void {
    const at = head.finishedAt ?? facts.at(-1)?.at ?? 0;
    for (const digest of holds?.take ?? []) this.#snapshots.take(tenant, digest);
    for (const digest of holds?.release ?? []) this.#snapshots.release(tenant, digest, at);
    const [from, to] = [before && heldBy(before), heldBy(head)];
    if (from === to) return;
    if (to !== undefined) this.#snapshots.take(tenant, to);
    if (from !== undefined) this.#snapshots.release(tenant, from, at);
  }

  #create(request: AppendRequest, texts: readonly string[]): AppendOutcome {
    const { tenant, runId, head, creation } = request;
    const requestKey = creation?.idempotency && key(tenant, creation.idempotency.key);
    const earlier = requestKey === undefined ? undefined : this.#requests.get(requestKey);
    if (earlier !== undefined) {
      const sameBody = earlier.bodyDigest === creation?.idempotency?.bodyDigest;
      return { status: 'duplicate', runId: earlier.runId, sameBody };
    }
    const fire = creation?.fire;
    const fireKey = fire && key(tenant, head.dag, fire.scheduleId, fire.nominalAt);
    const fired = fireKey === undefined ? undefined : this.#fires.get(fireKey);
    if (fired !== undefined) return { status: 'duplicate', runId: fired, sameBody: true };
    const existing = this.#runs.get(key(tenant, runId));
    if (existing !== undefined) return { status: 'conflict', seq: existing.head.seq };
    this.#check(request, undefined);
    if (requestKey !== undefined && creation?.idempotency !== undefined) {
      this.#requests.set(requestKey, { runId, bodyDigest: creation.idempotency.bodyDigest });
    }
    if (fireKey !== undefined) this.#fires.set(fireKey, runId);
    this.#runs.set(key(tenant, runId), { head: { ...head }, facts: [...texts] });
    return { status: 'appended' };
  }

  #advance(request: AppendRequest, texts: readonly string[]): AppendOutcome {
    const run = this.#runs.get(key(request.tenant, request.runId));
    if (run === undefined) return { status: 'conflict', seq: 0 };
    if (run.head.seq !== request.expectedSeq) return { status: 'conflict', seq: run.head.seq };
    this.#check(request, run.head);
    for (const text of texts) run.facts.push(text);
    // What names the run was fixed when it was created.
    const { dag, dagDigest, shard, createdAt, retryOf, parentRunId, rootRunId } = run.head;
    const names = {
      ...(retryOf === undefined ? {} : { retryOf }),
      ...(parentRunId === undefined ? {} : { parentRunId }),
      ...(rootRunId === undefined ? {} : { rootRunId }),
    };
    const { retryOf: _1, parentRunId: _2, rootRunId: _3, ...moving } = request.head;
    run.head = { ...moving, dag, dagDigest, shard, createdAt, ...names };
    return { status: 'appended' };
  }
}
