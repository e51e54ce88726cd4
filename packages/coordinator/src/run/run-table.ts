import type { RunId, RunState, TenantId } from '@skein/domain';
import { DomainError, isDomainError, isTerminalRun, shardOf } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import { recentValues } from '../engine/recent-values.ts';
import { adoptLeases } from './adopt-leases.ts';
import { loadRun } from './load-run.ts';
import { RunActor } from './run-actor.ts';
import { adoptCalls } from './tend-call.ts';

/** How many finished runs stay readable from memory. */
const maxFinished = 256;

/** How many undrivable runs are remembered. */
const maxUndrivable = 10_000;

/** What those are told who wait for a turn of a run that is forgotten: nothing of what they asked for was done. */
const droppedError = (runId: RunId, why: 'reload' | 'moved'): DomainError =>
  why === 'moved'
    ? new DomainError('unavailable', 'another coordinator is home to this run now', { runId, reason: 'moved' })
    : new DomainError('unavailable', 'the run is being loaded again', { runId });

/** The runs in memory, by id. Loading is shared: one run has at most one actor. */
export class RunTable {
  readonly #actors = new Map<RunId, RunActor>();
  readonly #loading = new Map<RunId, Promise<RunActor>>();
  readonly #finished = recentValues<RunId, RunState>(maxFinished);
  readonly #undrivable = new Map<RunId, DomainError>();
  /** Shards that this coordinator is home to. */
  shards: ReadonlySet<number> = new Set();
  /** The epoch under which each of them was claimed. */
  epochs: ReadonlyMap<number, number> = new Map();
  /** On the monotonic clock: after it another coordinator may be home to them, and what is in memory may be behind the log. */
  homeUntil = Number.POSITIVE_INFINITY;
  /** Of these, shards whose open runs have not all been read yet. */
  readonly unread = new Set<number>();

  get size(): number {
    return this.#actors.size;
  }

  get actors(): readonly RunActor[] {
    return [...this.#actors.values()];
  }

  find(runId: RunId): RunActor | undefined {
    return this.#actors.get(runId);
  }

  /** The last state of a run that ended here a short while ago. */
  finished(tenant: TenantId, runId: RunId): RunState | undefined {
    const state = this.#finished.get(runId);
    return state?.tenant === tenant ? state : undefined;
  }

  /** Runs that are left alone because what is stored of them is damaged, or of another version; at most 20 are named. */
  get quarantined(): readonly RunId[] {
    return [...this.#undrivable.keys()].slice(0, 20);
  }

  isUndrivable(runId: RunId): boolean {
    return this.#undrivable.has(runId);
  }

  add(actor: RunActor): void {
    this.#actors.set(actor.runId, actor);
  }

  /** Forgets an actor; a finished state stays readable, and who still waits for a turn is told to ask again. */
  drop(engine: Engine, actor: RunActor, why: 'reload' | 'moved' = 'reload'): void {
    actor.dropped = true;
    if (this.#actors.get(actor.runId) === actor) this.#actors.delete(actor.runId);
    engine.dispatcher.forget(actor);
    engine.wheel.set(actor.runId, undefined);
    engine.window.left(actor);
    if (isTerminalRun(actor.state.status) && actor.inFlight === undefined) this.#finished.set(actor.runId, actor.state);
    const error = droppedError(actor.runId, why);
    for (const { settle } of actor.mailbox.splice(0)) settle?.({ status: 'failed', error });
  }

  /**
   * The run's actor, from memory or from the log. Throws `not_found`, `unimplemented`, and `unavailable`
   * also when another coordinator is home to the run.
   */
  async open(engine: Engine, tenant: TenantId, runId: RunId): Promise<RunActor> {
    const known = this.#actors.get(runId);
    if (known !== undefined) {
      if (known.tenant !== tenant) throw new DomainError('not_found', `there is no run ${runId}`, { runId });
      return known;
    }
    const damage = this.#undrivable.get(runId);
    if (damage !== undefined) throw damage;
    const loading = this.#loading.get(runId);
    if (loading !== undefined) return loading;
    const load = this.#load(engine, tenant, runId).finally(() => this.#loading.delete(runId));
    this.#loading.set(runId, load);
    return load;
  }

  /**
   * Looks at a durable state: in memory, or folded from the log. `look` must be synchronous and keep nothing of a run that goes on:
   * in the next turn the state may be ahead of the log. Reads never wake the engine. Throws like `loadRun`.
   */
  async read<T>(
    engine: Engine,
    tenant: TenantId,
    runId: RunId,
    look: (state: RunState, actor?: RunActor) => T,
  ): Promise<T> {
    const actor = this.#actors.get(runId);
    if (actor !== undefined && actor.tenant === tenant && actor.creation === undefined) {
      // Nothing may come between the end of this loop and the look.
      while (actor.inFlight !== undefined) await actor.inFlight;
      if (!actor.dropped) return look(actor.state, actor);
    }
    const finished = this.finished(tenant, runId);
    return look(finished ?? (await loadRun(engine, tenant, runId)).state);
  }

  clear(): void {
    for (const actor of this.#actors.values()) actor.dropped = true;
    this.#actors.clear();
  }

  async #load(engine: Engine, tenant: TenantId, runId: RunId): Promise<RunActor> {
    const shard = shardOf(runId);
    const epoch = this.epochs.get(shard);
    if (!this.shards.has(shard))
      throw new DomainError('unavailable', 'another coordinator is home to this run', { runId, reason: 'moved' });
    try {
      const { state, checkpointSeq } = await loadRun(engine, tenant, runId);
      // Meanwhile others may have been home to it, and have written.
      if (!this.shards.has(shard) || this.epochs.get(shard) !== epoch)
        throw new DomainError('unavailable', 'another coordinator is home to this run', { runId, reason: 'moved' });
      const actor = new RunActor(shard, state);
      actor.checkpointSeq = checkpointSeq;
      if (engine.phase === 'stopped') throw new DomainError('unavailable', 'the coordinator is stopping');
      this.#actors.set(runId, actor);
      if (state.status === 'running') engine.window.entered(actor);
      adoptLeases(engine, actor, 'from_log');
      adoptCalls(engine, actor);
      return actor;
    } catch (thrown) {
      if (isDomainError(thrown) && (thrown.code === 'unimplemented' || thrown.code === 'data_corrupt'))
        this.#refuse(engine, runId, thrown);
      throw thrown;
    }
  }

  /** Leaves a run alone until the next start: what is stored of it is damaged. */
  quarantine(engine: Engine, actor: RunActor, error: DomainError): void {
    this.drop(engine, actor);
    // One that was never created is no run.
    if (actor.creation === undefined) this.#refuse(engine, actor.runId, error);
  }

  /** Runs of these shards may be read again: somebody else was home to them. */
  forgetUndrivable(shards: ReadonlySet<number>): void {
    for (const runId of this.#undrivable.keys()) if (shards.has(shardOf(runId))) this.#undrivable.delete(runId);
  }

  #refuse(engine: Engine, runId: RunId, error: DomainError): void {
    if (this.#undrivable.has(runId) || this.#undrivable.size >= maxUndrivable) return;
    this.#undrivable.set(runId, error);
    if (error.code === 'unimplemented') engine.members.cannotDrive(shardOf(runId));
    engine.deps.meter.count(metric.runsUndrivable);
    engine.deps.meter.gauge(metric.runsQuarantined, this.quarantined.length);
    engine.deps.log.error('run is not driven here', { runId, error: error.message });
  }
}
