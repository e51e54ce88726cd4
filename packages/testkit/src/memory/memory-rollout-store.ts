import {
  type AgentFreeze,
  type Evidence,
  isLive,
  isTerminalRollout,
  type RolloutExposure,
  type RolloutId,
  type RolloutRecord,
  type RolloutTally,
  type RolloutUnit,
  type RolloutValue,
  type Score,
  type TenantId,
  type VersionId,
} from '@skein/domain';
import type {
  Observation,
  Page,
  RolloutChange,
  RolloutEventPage,
  RolloutStore,
  StoredEvidence,
  WebhookCursor,
} from '@skein/ports';
import { MemoryAgentPointers } from './memory-agent-pointers.ts';
import type { MemoryMemoryStore } from './memory-memory-store.ts';
import { MemoryRolloutEvents } from './memory-rollout-events.ts';
import { MemoryRolloutUnits } from './memory-rollout-units.ts';

type Replay = Parameters<RolloutStore['saveReplay']>[1];

const keyOf = (...parts: readonly string[]): string => parts.join('\u0000');
const byId = (a: RolloutRecord, b: RolloutRecord): number =>
  keyOf(a.tenant, a.id) < keyOf(b.tenant, b.id) ? -1 : Number(keyOf(a.tenant, a.id) > keyOf(b.tenant, b.id));
const newestFirst = (a: RolloutRecord, b: RolloutRecord): number => b.createdAt - a.createdAt || byId(b, a);

/** Rollouts in memory: the rules of the database, and copies on both sides. A write is atomic because nothing awaits inside it. */
export class MemoryRolloutStore implements RolloutStore {
  readonly units = new MemoryRolloutUnits();
  readonly #memory: MemoryMemoryStore;
  readonly #pointers: MemoryAgentPointers;
  readonly #events = new MemoryRolloutEvents();
  readonly #records = new Map<string, RolloutRecord>();
  readonly #freezes = new Map<string, { readonly tenant: TenantId; readonly freeze: AgentFreeze }>();
  readonly #evidence = new Map<string, { readonly version: number; readonly evidence: Evidence }>();
  readonly #scores = new Map<string, { readonly tenant: TenantId; readonly score: Score }>();
  readonly #replays = new Map<string, Replay & { readonly tenant: TenantId }>();

  constructor(deps: { readonly memory: MemoryMemoryStore; readonly pointers?: MemoryAgentPointers }) {
    this.#memory = deps.memory;
    this.#pointers = deps.pointers ?? new MemoryAgentPointers();
  }

  /** The live rollout of an agent; the store's own record. */
  liveOf(tenant: TenantId, agentId: string, but?: RolloutId): RolloutRecord | undefined {
    for (const record of this.#records.values()) {
      if (record.tenant === tenant && record.agentId === agentId && record.id !== but && isLive(record.status))
        return record;
    }
    return undefined;
  }

  /** Stores units, but for those of a rollout that is over. */
  expose(tenant: TenantId, exposures: readonly RolloutExposure[]): void {
    const counted = exposures.filter(({ rolloutId }) => {
      const record = this.#records.get(keyOf(tenant, rolloutId));
      return record === undefined || !isTerminalRollout(record.status);
    });
    this.units.expose(tenant, counted);
  }

  tally(tenant: TenantId, tallies: readonly RolloutTally[]): void {
    this.units.tally(tenant, tallies);
  }

  /** Whether the record may be replaced by this one: one revision on, and not terminal but for the end of its run policy. */
  mayReplace({ record }: RolloutChange): boolean {
    const before = this.#records.get(keyOf(record.tenant, record.id));
    if (before?.revision !== record.revision - 1) return false;
    if (!isTerminalRollout(before.status)) return true;
    return before.policyPending === true && record.policyPending === undefined && before.status === record.status;
  }

  /** Writes the record and its event; whoever asks has checked, and raises the project's revision. */
  write({ record, event }: RolloutChange): void {
    this.#records.set(keyOf(record.tenant, record.id), structuredClone(record));
    this.#events.add(event);
  }

  async insert(change: RolloutChange): ReturnType<RolloutStore['insert']> {
    const { record } = change;
    const { tenant, agentId, id } = record;
    const known = this.#records.get(keyOf(tenant, id));
    const current = known ?? (isLive(record.status) ? this.liveOf(tenant, agentId) : undefined);
    if (current !== undefined) return { status: 'conflict', current: structuredClone(current) };
    if (this.#pointers.active(tenant, agentId) !== record.stableVersionId) return { status: 'stale' };
    this.write(change);
    this.#memory.raiseRevision(tenant);
    return { status: 'inserted' };
  }

  async update(change: RolloutChange): ReturnType<RolloutStore['update']> {
    const { record, activates } = change;
    const { tenant, agentId, id } = record;
    const before = this.#records.get(keyOf(tenant, id));
    if (before === undefined) return { status: 'conflict' };
    if (!this.mayReplace(change)) return { status: 'conflict', current: structuredClone(before) };
    const active = this.#pointers.active(tenant, agentId);
    const stale = { status: 'stale', current: structuredClone(before) } as const;
    if (before.status === 'draft' && isLive(record.status) && active !== record.stableVersionId) return stale;
    const other = isLive(record.status) ? this.liveOf(tenant, agentId, id) : undefined;
    if (other !== undefined) return { status: 'conflict', current: structuredClone(other) };
    if (activates !== undefined && active !== activates.expected) return stale;
    this.write(change);
    if (activates !== undefined) this.#pointers.activate(tenant, agentId, activates.versionId);
    this.#memory.raiseRevision(tenant);
    return { status: 'updated' };
  }

  async find(tenant: TenantId, id: RolloutId): Promise<RolloutRecord | undefined> {
    return structuredClone(this.#records.get(keyOf(tenant, id)));
  }

  async listLive(tenant: TenantId, agentId?: string): Promise<readonly RolloutRecord[]> {
    return this.#select(
      (record) =>
        record.tenant === tenant && isLive(record.status) && (agentId === undefined || record.agentId === agentId),
    ).toSorted(byId);
  }

  async listTended(): Promise<readonly RolloutRecord[]> {
    return this.#select(
      (record) =>
        isLive(record.status) ||
        record.policyPending === true ||
        (record.status === 'draft' && record.replayGate !== undefined),
    ).toSorted(byId);
  }

  async list(
    tenant: TenantId,
    agentId: string | undefined,
    page: number,
    perPage: number,
  ): Promise<{ readonly rollouts: readonly RolloutRecord[]; readonly total: number }> {
    const all = this.#select(
      (record) => record.tenant === tenant && (agentId === undefined || record.agentId === agentId),
    ).toSorted(newestFirst);
    return { rollouts: perPage === 0 ? all : all.slice(page * perPage, (page + 1) * perPage), total: all.length };
  }

  async rolledBack(
    tenant: TenantId,
    agentId: string,
  ): Promise<readonly { readonly versionId: VersionId; readonly at: number; readonly rolloutId: RolloutId }[]> {
    const last = new Map<VersionId, RolloutRecord>();
    const ended = this.#select(
      (record) => record.tenant === tenant && record.agentId === agentId && isTerminalRollout(record.status),
    );
    for (const record of ended.toSorted((a, b) => (a.completedAt ?? 0) - (b.completedAt ?? 0) || byId(a, b))) {
      for (const { versionId } of record.arms.slice(1)) last.set(versionId, record);
    }
    return [...last]
      .filter(([, { status }]) => status === 'rolled_back')
      .map(([versionId, { id, completedAt, updatedAt }]) => ({
        versionId,
        at: completedAt ?? updatedAt,
        rolloutId: id,
      }))
      .toSorted((a, b) => b.at - a.at || (a.versionId < b.versionId ? -1 : 1));
  }

  async setFreeze(tenant: TenantId, agentId: string, freeze: AgentFreeze | undefined): Promise<void> {
    if (freeze === undefined) this.#freezes.delete(keyOf(tenant, agentId));
    else this.#freezes.set(keyOf(tenant, agentId), { tenant, freeze: { ...freeze } });
    this.#memory.raiseRevision(tenant);
  }

  async listFreezes(tenant: TenantId): Promise<readonly AgentFreeze[]> {
    return [...this.#freezes.values()]
      .filter((frozen) => frozen.tenant === tenant)
      .map(({ freeze }) => ({ ...freeze }))
      .toSorted((a, b) => (a.agentId < b.agentId ? -1 : 1));
  }

  async readUnits(tenant: TenantId, id: RolloutId, afterSeq: number, limit: number): Promise<readonly RolloutUnit[]> {
    return this.units.read(tenant, id, afterSeq, limit);
  }

  async unitsOfRun(
    tenant: TenantId,
    runId: string,
  ): Promise<readonly (RolloutUnit & { readonly rolloutId: RolloutId })[]> {
    return this.units.ofRun(tenant, runId);
  }

  async endUnits(tenant: TenantId, ends: Parameters<RolloutStore['endUnits']>[1]): Promise<void> {
    this.units.end(tenant, ends);
  }

  async recordValues(tenant: TenantId, values: readonly RolloutValue[]): Promise<number> {
    return this.units.record(tenant, values);
  }

  async readTallies(tenant: TenantId, id: RolloutId): ReturnType<RolloutStore['readTallies']> {
    return this.units.tallies(tenant, id);
  }

  async listObservations(
    tenant: TenantId,
    id: RolloutId,
    metric: string | undefined,
    limit: number,
    cursor?: string,
  ): Promise<Page<Observation>> {
    return this.units.observations(tenant, id, metric, limit, cursor);
  }

  async loadEvidence(tenant: TenantId, id: RolloutId): Promise<StoredEvidence> {
    return structuredClone(this.#evidence.get(keyOf(tenant, id))) ?? { version: 0 };
  }

  async saveEvidence(tenant: TenantId, id: RolloutId, expectedVersion: number, evidence: Evidence): Promise<boolean> {
    const key = keyOf(tenant, id);
    if ((this.#evidence.get(key)?.version ?? 0) !== expectedVersion) return false;
    this.#evidence.set(key, { version: expectedVersion + 1, evidence: structuredClone(evidence) });
    return true;
  }

  async readEvents(
    tenant: TenantId,
    afterSeq: number,
    limit: number,
    rolloutId?: RolloutId,
  ): Promise<RolloutEventPage> {
    return this.#events.read(tenant, afterSeq, limit, rolloutId);
  }

  async eventTenants(): Promise<readonly TenantId[]> {
    return this.#events.tenants();
  }

  async loadCursor(tenant: TenantId, webhook: string): Promise<WebhookCursor> {
    return this.#events.cursor(tenant, webhook);
  }

  async saveCursor(tenant: TenantId, webhook: string, cursor: WebhookCursor): Promise<void> {
    this.#events.setCursor(tenant, webhook, cursor);
  }

  async recordScore(tenant: TenantId, score: Score): Promise<boolean> {
    const key = keyOf(tenant, score.runId, score.agentId, score.scorer, score.step);
    if (this.#scores.has(key)) return false;
    this.#scores.set(key, { tenant, score: { ...score } });
    return true;
  }

  async listScores(tenant: TenantId, runId: string): Promise<readonly Score[]> {
    const placeOf = ({ agentId, scorer, step }: Score): string => keyOf(agentId, scorer, step);
    return [...this.#scores.values()]
      .filter((stored) => stored.tenant === tenant && stored.score.runId === runId)
      .map(({ score }) => ({ ...score }))
      .toSorted((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
  }

  async saveReplay(tenant: TenantId, replay: Replay): Promise<boolean> {
    const key = keyOf(tenant, replay.id);
    if ((this.#replays.get(key)?.version ?? 0) !== replay.version) return false;
    this.#replays.set(key, { ...replay, version: replay.version + 1, tenant });
    return true;
  }

  async findReplay(
    tenant: TenantId,
    id: string,
  ): Promise<{ readonly version: number; readonly body: string } | undefined> {
    const replay = this.#replays.get(keyOf(tenant, id));
    return replay === undefined ? undefined : { version: replay.version, body: replay.body };
  }

  async listReplays(filter: Parameters<RolloutStore['listReplays']>[0]): ReturnType<RolloutStore['listReplays']> {
    const { tenant, agentId, open, limit } = filter;
    return [...this.#replays.values()]
      .filter((replay) => tenant === undefined || replay.tenant === tenant)
      .filter((replay) => agentId === undefined || replay.agentId === agentId)
      .filter((replay) => open === undefined || replay.open === open)
      .toSorted((a, b) => b.at - a.at || (keyOf(a.tenant, a.id) < keyOf(b.tenant, b.id) ? 1 : -1))
      .slice(0, limit)
      .map((replay) => ({ tenant: replay.tenant, id: replay.id, version: replay.version, body: replay.body }));
  }

  #select(wanted: (record: RolloutRecord) => boolean): RolloutRecord[] {
    return structuredClone([...this.#records.values()].filter(wanted));
  }
}
