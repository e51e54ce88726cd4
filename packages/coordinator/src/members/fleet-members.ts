import type { TenantId } from '@skein/domain';
import { DomainError, shardOf } from '@skein/domain';
import type { Member, MemberRow, MemberStore } from '@skein/ports';
import type { FleetConfig } from '../engine/coordinator-deps.ts';
import type { Engine } from '../engine/engine.ts';
import { isPassing } from '../engine/is-passing.ts';
import { metric } from '../engine/metric-names.ts';
import { factName, knownFacts } from '../run/known-facts.ts';
import { forgetCaches } from './forget-caches.ts';
import { giveWay } from './give-way.ts';
import { LifeSigns } from './life-signs.ts';
import { MemberEvents } from './member-events.ts';
import { ownRow, signOf } from './member-row.ts';
import type { ChangedThing, HomeOfShard, Members } from './members.ts';
import type { ShardPlan } from './plan-shards.ts';
import { planShards } from './plan-shards.ts';
import { requirePlace } from './require-place.ts';
import { ShardMoves } from './shard-moves.ts';
import { troubleOf } from './trouble-of.ts';

/*
 * One member of a fleet. Safety is in the store: leases, results and admissions are compare-and-set on the run's log, whoever writes. All
 * of this only sees to it that each shard has one home that drives it, and soon another when that one is gone.
 *  M1 a look renews the own row and reads the others; the coordinator drives nothing from `memberLeaseMs` after the last look that went
 *     through began (T7), which is before anybody may judge it by its silence alone. Whoever saw its stream end may judge it sooner (M3)
 *  M2 a look that came too late reads all shards before anything is driven again: their epochs say what was taken meanwhile
 *  M3 who was silent for a whole lease is buried, and the shards of whoever has no row are free; a free shard has one taker. Of one whose
 *     stream ended two missed renewals are enough: if it lives all the same, two drive its runs until its own next look, and one of each
 *     two appends is refused
 *  M4, M5 how shards come and go: shard-moves.ts
 *  M6 whoever leaves says so first, so that the others look often, then gives all away, then removes its row
 *  M7 nobody joins beside a live process of its name, or a live member with another secret: require-place.ts. Of two processes of one name
 *     all the same, because one was stopped for long, the later takes what the other has, which then does nothing any more: give-way.ts
 */

/** Wait between two looks while shards move, or somebody is suspect (ms). */
const busyLookMs = 50;
/** How long the waiting for others' shards makes looks frequent (ms). */
const maxBusyMs = 5_000;
/** Looks between two that read all shards, when nothing seems to change. */
const readEvery = 5;
/** Renewals for the time of which a newcomer proves that it stays. */
const steadyRenewals = 2;
/** Renewals that a member whose stream ended has missed when it is dead. */
const suspectRenewals = 2;

/** A coordinator among others. */
export class FleetMembers implements Members {
  readonly isFleet = true;
  readonly incarnation: string;
  readonly knownFacts: ReadonlySet<string>;
  readonly #engine: Engine;
  readonly #store: MemberStore;
  readonly #fleet: FleetConfig;
  readonly #signs: LifeSigns;
  readonly #startedAt: number;
  readonly #events = new MemberEvents();
  readonly #moves: ShardMoves;
  #live: readonly MemberRow[] = [];
  #sign = '';
  #homes = new Map<number, { readonly coordinatorId: string; readonly epoch: number }>();
  #common: ReadonlySet<string>;
  #cancel: () => void = () => undefined;
  #looking: Promise<void> | undefined;
  #again = false;
  #isRunning = false;
  #isLeaving = false;
  #leavingSince = 0;
  #isOver = false;
  #count = 0;
  #failures = 0;
  /** Why the last look did not go through. */
  #trouble: string | undefined;
  /** Monotonic ms at which the look began that is under way. */
  #askedAt: number | undefined;
  #isMoving = false;
  #changedAt = 0;

  constructor(engine: Engine, fleet: FleetConfig, store: MemberStore) {
    this.#engine = engine;
    this.#fleet = fleet;
    this.#store = store;
    this.incarnation = fleet.incarnation;
    const known = fleet.facts ?? knownFacts;
    this.knownFacts = new Set(known);
    this.#common = this.knownFacts;
    this.#signs = new LifeSigns({
      leaseMs: fleet.memberLeaseMs,
      gapMs: fleet.renewMs * 1.5,
      steadyMs: fleet.renewMs * steadyRenewals,
      suspectMs: Math.min(fleet.memberLeaseMs, fleet.renewMs * suspectRenewals),
    });
    this.#startedAt = engine.deps.clock.now();
    this.#moves = new ShardMoves(engine, (isGiven) => {
      this.#events.tell();
      if (isGiven) this.lookNow();
    });
  }

  get live(): readonly MemberRow[] {
    return this.#live;
  }

  get isLeaving(): boolean {
    return this.#isLeaving;
  }

  get storeTrouble(): string | undefined {
    if (this.#trouble !== undefined) return this.#trouble;
    if (this.#askedAt === undefined) return undefined;
    const waitedMs = this.#engine.deps.clock.monotonicMs() - this.#askedAt;
    return waitedMs < this.#fleet.memberLeaseMs ? undefined : `no answer for ${Math.round(waitedMs)} ms`;
  }

  homeOf(shard: number): HomeOfShard {
    if (this.#engine.runs.shards.has(shard)) return 'here';
    const home = this.#homes.get(shard);
    return home === undefined ? undefined : { coordinatorId: home.coordinatorId };
  }

  isReady(shard: number): boolean {
    const { runs } = this.#engine;
    return runs.shards.has(shard) && !runs.unread.has(shard);
  }

  epochOf(shard: number): number | undefined {
    return this.#engine.runs.epochs.get(shard);
  }

  hasDuty(key: string): boolean {
    const { runs, deps } = this.#engine;
    return runs.shards.has(shardOf(key)) && deps.clock.monotonicMs() < runs.homeUntil;
  }

  mayWrite(factType: string): boolean {
    return this.#common.has(factName(factType));
  }

  suspect(coordinatorId: string): void {
    if (!this.#live.some((row) => row.coordinatorId === coordinatorId)) return;
    this.#signs.suspect(coordinatorId);
    this.lookNow();
  }

  lookNow(): void {
    if (!this.#isRunning) return;
    this.#count = 0;
    if (this.#looking === undefined) this.#lookAndPlan();
    else this.#again = true;
  }

  heardHomes(coordinatorId: string, shards: readonly { readonly shard: number; readonly epoch: number }[]): void {
    const named = new Set(shards.map(({ shard }) => shard));
    let isNew = false;
    for (const [shard, home] of this.#homes) {
      if (home.coordinatorId !== coordinatorId || named.has(shard)) continue;
      // It gives this one away, or lost it.
      this.#homes.delete(shard);
      isNew = true;
    }
    for (const { shard, epoch } of shards) {
      const known = this.#homes.get(shard);
      if (known !== undefined && known.epoch >= epoch) continue;
      this.#homes.set(shard, { coordinatorId, epoch });
      isNew = true;
    }
    if (!isNew) return;
    this.#events.tell();
    this.lookNow();
  }

  cannotDrive(shard: number): void {
    this.#moves.undrivable.add(shard);
  }

  onChange(listener: () => void): () => void {
    return this.#events.onChange(listener);
  }

  invalidate(tenant: TenantId, what: ChangedThing): void {
    forgetCaches(this.#engine, tenant, what);
  }

  changed(tenant: TenantId, what: ChangedThing): void {
    this.#events.changed(tenant, what);
  }

  onChanged(listener: (tenant: TenantId, what: ChangedThing) => void): () => void {
    return this.#events.onChanged(listener);
  }

  async start(): Promise<void> {
    this.#engine.runs.homeUntil = Number.NEGATIVE_INFINITY;
    await requirePlace(this.#engine, this.#fleet, this.#store);
    await this.#look();
    await this.#moves.read();
    if (this.#engine.runs.unread.size > 0) throw new DomainError('unavailable', 'the open runs cannot be read now');
    this.#isRunning = true;
    this.#plan();
  }

  async stop(): Promise<void> {
    if (this.#isOver) return;
    const { clock, log, shards } = this.#engine.deps;
    const { coordinatorId } = this.#engine.config;
    if (this.#isRunning) {
      this.#isLeaving = true;
      this.#leavingSince = clock.monotonicMs();
      const until = clock.monotonicMs() + 4 * this.#fleet.memberLeaseMs;
      this.lookNow();
      // M6
      while (this.#engine.runs.shards.size + this.#moves.withdrawing.size > 0 && clock.monotonicMs() < until)
        await clock.sleep(busyLookMs);
    }
    this.#isOver = true;
    this.#isRunning = false;
    this.#cancel();
    this.#moves.close();
    // A store that does not answer keeps nobody from going.
    await Promise.race([this.#looking, clock.sleep(this.#fleet.memberLeaseMs)]);
    this.#moves.forget(new Set(this.#engine.runs.shards));
    try {
      await shards.release(coordinatorId);
      await this.#store.leave(coordinatorId, this.#fleet.incarnation);
    } catch (thrown) {
      log.warn('the fleet could not be told that this coordinator leaves: it will notice', { error: thrown });
    }
  }

  /** One look after the other; what asks for one meanwhile makes one more. */
  #lookAndPlan(): void {
    this.#cancel();
    const { clock, log } = this.#engine.deps;
    this.#again = false;
    this.#askedAt = clock.monotonicMs();
    this.#looking = this.#look()
      .then(
        () => {
          if (this.#failures > 0) log.info('the fleet can be seen again', { failures: this.#failures });
          this.#failures = 0;
          this.#trouble = undefined;
        },
        (thrown: unknown) => {
          this.#failures += 1;
          this.#trouble = troubleOf(thrown);
          this.#count = 0;
          if (this.#failures === 1 || !isPassing(thrown)) log.warn('the fleet cannot be seen now', { error: thrown });
          if (clock.monotonicMs() >= this.#engine.runs.homeUntil && this.#failures === 2)
            log.error('no sign of life could be given for a whole lease: nothing is driven here until one can');
        },
      )
      .then(() => {
        this.#looking = undefined;
        this.#askedAt = undefined;
        if (this.#isOver) return;
        if (this.#again) this.#lookAndPlan();
        else this.#plan();
      });
  }

  #plan(): void {
    const { clock } = this.#engine.deps;
    const isBusy =
      this.#signs.hasSuspects ||
      this.#isLeaving ||
      (this.#isMoving && clock.monotonicMs() - this.#changedAt < maxBusyMs);
    const waitMs = Math.min(isBusy ? busyLookMs : this.#fleet.renewMs, Math.max(1, Math.ceil(this.#signs.nextMs)));
    this.#cancel();
    this.#cancel = clock.after(waitMs, () => this.#lookAndPlan());
  }

  /** M1. Throws what the stores throw. */
  async #look(): Promise<void> {
    const { deps, runs } = this.#engine;
    const askedAt = deps.clock.monotonicMs();
    this.#signs.beginLook();
    const rows = await this.#store.renew(this.#row());
    const now = deps.clock.monotonicMs();
    const others = rows.filter((row) => row.coordinatorId !== this.#engine.config.coordinatorId);
    const living = await this.#buryDead(others, now);
    const isNew = this.#meet(living);
    const isLate = now >= runs.homeUntil;
    if (!isLate) runs.homeUntil = askedAt + this.#fleet.memberLeaseMs;
    const isDue = this.#count % readEvery === 0;
    this.#count += 1;
    if (isLate || isNew || isDue || this.#isMoving || this.#isLeaving) await this.#settle();
    if (!isLate || this.#isOver) return;
    runs.homeUntil = askedAt + this.#fleet.memberLeaseMs;
    for (const actor of runs.actors) this.#engine.wake(actor);
  }

  #row(): Member {
    return ownRow(this.#fleet, {
      coordinatorId: this.#engine.config.coordinatorId,
      facts: [...this.knownFacts],
      startedAt: this.#startedAt,
      leaving: this.#isLeaving,
    });
  }

  /** M3 */
  async #buryDead(others: readonly MemberRow[], now: number): Promise<readonly MemberRow[]> {
    const dead = this.#signs.look(others, now);
    const buried = new Set<MemberRow>();
    for (const row of dead) {
      const { coordinatorId, incarnation, renewal } = row;
      if (!(await this.#store.bury(coordinatorId, incarnation, renewal))) continue;
      buried.add(row);
      this.#signs.forget(coordinatorId);
      this.#engine.deps.meter.count(metric.membersBuried);
      this.#engine.deps.log.warn('a coordinator gave no sign of life and is taken for dead', { member: coordinatorId });
    }
    return others.filter((row) => !buried.has(row));
  }

  /** True when somebody came, went, or said something new of itself. */
  #meet(living: readonly MemberRow[]): boolean {
    const sign = living.map((row) => signOf(row, this.#signs.isSteady(row.coordinatorId))).join();
    const isNew = sign !== this.#sign;
    this.#sign = sign;
    this.#live = living;
    if (!isNew) return false;
    this.#changedAt = this.#engine.deps.clock.monotonicMs();
    this.#common = new Set([...this.knownFacts].filter((fact) => living.every(({ facts }) => facts.includes(fact))));
    this.#engine.deps.meter.gauge(metric.members, living.length + 1);
    this.#events.tell();
    return true;
  }

  /** Compares the rows of all shards with what is here, and does what follows. */
  async #settle(): Promise<void> {
    const { deps, runs, config } = this.#engine;
    const rows = await deps.shards.readAll();
    const { coordinatorId } = config;
    const steady = (row: MemberRow): boolean => this.#signs.isSteady(row.coordinatorId);
    const plan = planShards(rows, {
      own: { coordinatorId, facts: [...this.knownFacts], leaving: this.#isLeaving, isSteady: true },
      others: this.#live.map((row) => ({ ...row, isSteady: steady(row) })),
      epochs: runs.epochs,
      withdrawing: this.#moves.withdrawing,
      undrivable: this.#moves.undrivable,
    });
    if (plan.isReplaced) return this.#giveWay();
    if (plan.lost.length > 0) {
      deps.log.warn('other coordinators are home to shards of this one now', { shards: plan.lost.length });
      this.#moves.forget(new Set(plan.lost));
    }
    this.#seeHomes(plan.homes, new Map(rows.map(({ shard, epoch }) => [shard, epoch] as const)));
    if (plan.release.length > 0) await deps.shards.release(coordinatorId, plan.release);
    const won = plan.take.length === 0 ? [] : await deps.shards.takeOver(coordinatorId, plan.take);
    this.#moves.gain(won);
    if (this.#mayGive) this.#moves.give(plan.give);
    this.#noteMoves(plan, won.length);
    if (runs.unread.size > 0 && this.#isRunning) void this.#moves.read();
  }

  /** M7. The rows are the other's: nothing is released. */
  #giveWay(): void {
    this.#isLeaving = true;
    this.#isOver = true;
    this.#isRunning = false;
    this.#cancel();
    this.#moves.close();
    this.#engine.runs.homeUntil = Number.NEGATIVE_INFINITY;
    this.#moves.forget(new Set(this.#engine.runs.shards));
    giveWay(this.#engine);
  }

  /** The homes of the others, as the rows say. */
  #seeHomes(homes: ReadonlyMap<number, string>, epochs: ReadonlyMap<number, number>): void {
    const before = this.#homes;
    this.#homes = new Map();
    let isNew = false;
    for (const [shard, coordinatorId] of homes) {
      if (coordinatorId === this.#engine.config.coordinatorId) continue;
      this.#homes.set(shard, { coordinatorId, epoch: epochs.get(shard) ?? 0 });
      isNew ||= before.get(shard)?.coordinatorId !== coordinatorId;
    }
    if (isNew || before.size !== this.#homes.size) this.#events.tell();
  }

  /** M6 */
  get #mayGive(): boolean {
    const toldMs = this.#engine.deps.clock.monotonicMs() - this.#leavingSince;
    return !this.#isLeaving || this.#live.length === 0 || toldMs >= this.#fleet.renewMs;
  }

  #noteMoves({ lost, take, give, isWaiting }: ShardPlan, won: number): void {
    this.#isMoving = isWaiting || take.length > 0 || give.length > 0;
    if (lost.length + won > 0) this.#changedAt = this.#engine.deps.clock.monotonicMs();
    this.#engine.deps.meter.gauge(metric.shardsAtHome, this.#engine.runs.shards.size);
  }
}
