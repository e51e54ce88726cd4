import type { RolloutId, RolloutRecord, TenantId } from '@skein/domain';
import { isLive, isTerminalRollout } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import { tendReplays } from '../evaluation/replay.ts';
import { RunWatchers } from '../query/run-watchers.ts';
import { BreakerCounts } from './breaker-counts.ts';
import { lookAside } from './look-aside.ts';
import { lookAtRollout } from './look-at-rollout.ts';
import { SharedLooks } from './shared-looks.ts';
import { watchKey } from './watch-key.ts';

/*
 * Any coordinator may evaluate: what they know is in the store, what they do is a compare-and-set on the rollout's revision, so that exactly one
 * action results. In a fleet one has the duty, rollout by rollout; the others see to what only they know or drive (see `lookAside`).
 *  V1 every rollout that the store says is to be tended gets a look: at once after the start, then every `tickMs`, and when it is woken
 *  V2 one look of one rollout at a time; what wakes it meanwhile makes another look after it, or after its rest
 *  V3 nothing in here is needed to detect or to act: a process that dies on any line is replaced by the next look of another
 *  V4 a look that fails costs only itself; an action that could not be written is tried again, later each time, and said aloud
 */

/** Rollouts of each tenant, newest first, that are looked at after a start also when they have ended. */
const newestEnds = 100;

/** After a look that took this long (ms) its rollout rests twice as long, or `longestRestMs`: units that wait by the ten thousand cost a share of a core. */
const longLookMs = 250;
const restShare = 2;
const longestRestMs = 5_000;

/** Looks that run at once. */
const width = 8;

interface Tended {
  readonly tenant: TenantId;
  readonly id: RolloutId;
  busy: boolean;
  again: boolean;
  /** No list names it any more. */
  isEnded: boolean;
  /** The last look lost a race. */
  lost: boolean;
  failures: number;
  /** Nothing is written before this instant (monotonic ms). */
  notBefore: number;
  /** End of the last whole look (monotonic ms). */
  lookedAt: number;
  /** Not looked at before this instant (monotonic ms). */
  restsUntil: number;
}

/** First wait after an action that failed, and the longest (ms). */
const firstWaitMs = 1_000;
const longestWaitMs = 60_000;

/** Tends every live rollout. */
export class Evaluator {
  readonly breaker = new BreakerCounts();
  /** Of the rollouts of an agent: see `watchKey`. */
  readonly watchers = new RunWatchers();
  readonly looks = new SharedLooks();
  readonly #engine: Engine;
  readonly #tended = new Map<TenantId, Map<RolloutId, Tended>>();
  readonly #waiting: Tended[] = [];
  /** Rollouts whose last look failed or left something to do, by id: they are looked at again also when they have ended. */
  readonly #owed = new Map<RolloutId, TenantId>();
  #looks = 0;
  #cancel: () => void = () => {};
  #running = false;
  #listing = false;
  #adopted = false;
  #epochs: ReadonlyMap<number, number> | undefined;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** There is something new to see of this rollout. Cheap; never throws. */
  wake(tenant: TenantId, id: RolloutId): void {
    if (!this.#running) return;
    const tended = this.#of(tenant, id);
    if (tended.busy) {
      tended.again = true;
      return;
    }
    const { clock } = this.#engine.deps;
    const restMs = tended.restsUntil - clock.monotonicMs();
    if (restMs > 0) {
      if (!tended.again) clock.after(restMs, () => this.wake(tenant, id));
      tended.again = true;
      return;
    }
    tended.again = false;
    tended.busy = true;
    this.#waiting.push(tended);
    this.#pump();
  }

  /** Another coordinator changed some rollout: all are looked at. Cheap; never throws. */
  lookSoon(): void {
    if (this.#running) this.#lookAtAll();
  }

  /** The evidence of a rollout moved on: whoever watches it sees that. */
  moved({ tenant, id, agentId }: Pick<RolloutRecord, 'tenant' | 'id' | 'agentId'>): void {
    this.looks.forget(tenant, id);
    this.watchers.notify(watchKey(tenant, agentId));
  }

  start(): void {
    this.#running = true;
    this.#onTick();
  }

  stop(): void {
    this.#running = false;
    this.#cancel();
    this.#waiting.length = 0;
  }

  #of(tenant: TenantId, id: RolloutId): Tended {
    let rollouts = this.#tended.get(tenant);
    if (rollouts === undefined) {
      rollouts = new Map();
      this.#tended.set(tenant, rollouts);
    }
    let tended = rollouts.get(id);
    if (tended === undefined) {
      const lookedAt = this.#engine.deps.clock.monotonicMs();
      tended = {
        tenant,
        id,
        busy: false,
        again: false,
        isEnded: false,
        lost: false,
        failures: 0,
        notBefore: 0,
        lookedAt,
        restsUntil: 0,
      };
      rollouts.set(id, tended);
    }
    return tended;
  }

  /** V1 */
  #onTick(): void {
    if (!this.#running) return;
    this.#cancel = this.#engine.deps.clock.after(this.#engine.config.rollouts.tickMs, () => this.#onTick());
    void tendReplays(this.#engine);
    const { members, runs } = this.#engine;
    // Duties came with shards: what their last holder had still to do for rollouts that ended is found again.
    if (members.isFleet && this.#epochs !== runs.epochs) this.#adopted = false;
    this.#epochs = runs.epochs;
    if (!this.#adopted) this.#adopt();
    this.#lookAtAll();
  }

  #lookAtAll(): void {
    if (this.#listing) return;
    const { log } = this.#engine.deps;
    this.#listing = true;
    void this.#list()
      .catch((thrown: unknown) => log.warn('rollouts could not be listed', { error: thrown }))
      .finally(() => {
        this.#listing = false;
      });
  }

  /** No list names what has ended: the newest ends are looked at once after a start, for units whose run was not over. */
  #adopt(): void {
    this.#adopted = true;
    const { rollouts, log } = this.#engine.deps;
    const read = async (): Promise<void> => {
      for (const tenant of await rollouts.eventTenants()) {
        const { rollouts: newest } = await rollouts.list(tenant, undefined, 0, newestEnds);
        for (const { id, status } of newest) if (isTerminalRollout(status)) this.wake(tenant, id);
      }
    };
    void read().catch((thrown: unknown) => {
      this.#adopted = false;
      log.warn('ended rollouts could not be read', { error: thrown });
    });
  }

  async #list(): Promise<void> {
    const records = await this.#engine.deps.rollouts.listTended();
    if (!this.#running) return;
    const named = new Set(records.map(({ id }) => id));
    for (const [tenant, rollouts] of this.#tended) {
      for (const tended of rollouts.values()) {
        if (named.has(tended.id) || tended.busy) continue;
        // Somebody else ended it, and may be gone: one look finds what the end left to do, and `held` keeps it.
        if (tended.isEnded) rollouts.delete(tended.id);
        else this.wake(tenant, tended.id);
        tended.isEnded = true;
      }
      if (rollouts.size === 0) this.#tended.delete(tenant);
    }
    this.breaker.retain(named);
    this.#gauge(records);
    for (const { tenant, id } of records) this.wake(tenant, id);
    for (const [id, tenant] of this.#owed) this.wake(tenant, id);
  }

  #gauge(records: readonly RolloutRecord[]): void {
    const { clock, meter } = this.#engine.deps;
    const now = clock.monotonicMs();
    let lag = 0;
    for (const record of records.filter(({ status }) => isLive(status)))
      lag = Math.max(lag, now - this.#of(record.tenant, record.id).lookedAt);
    meter.gauge(metric.rolloutEvaluatorLag, lag / 1_000);
    for (const status of ['active', 'paused'] as const)
      meter.gauge(metric.rolloutsActive, records.filter((record) => record.status === status).length, { status });
  }

  /** V2 */
  #pump(): void {
    while (this.#looks < width) {
      const tended = this.#waiting.shift();
      if (tended === undefined) return;
      this.#looks += 1;
      const beganAt = this.#engine.deps.clock.monotonicMs();
      void this.#look(tended).finally(() => {
        this.#looks -= 1;
        tended.busy = false;
        const now = this.#engine.deps.clock.monotonicMs();
        const took = now - beganAt;
        if (took >= longLookMs) tended.restsUntil = now + Math.min(longestRestMs, restShare * took);
        if (tended.again && this.#running) {
          tended.again = false;
          this.wake(tended.tenant, tended.id);
        }
        this.#pump();
      });
    }
  }

  /** V4 */
  async #look(tended: Tended): Promise<void> {
    const { clock, log, meter } = this.#engine.deps;
    const { tenant, id } = tended;
    const beganAt = clock.monotonicMs();
    try {
      const isOurs = this.#engine.members.hasDuty(`rollout/${id}`);
      const looked = await (isOurs ? lookAtRollout : lookAside)(this.#engine, tenant, id, beganAt >= tended.notBefore);
      const now = clock.monotonicMs();
      // An ended one whose units are not all settled is named by no list.
      if (looked.outcome === 'held') this.#owed.set(id, tenant);
      else this.#owed.delete(id);
      meter.count(metric.rolloutEvaluations, 1, { outcome: looked.outcome });
      meter.observe(metric.rolloutEvaluationSeconds, (now - beganAt) / 1_000);
      tended.lookedAt = now;
      // Twice in a row is no race of two: the next tick is soon enough.
      if (looked.outcome === 'lost' && !tended.lost) tended.again = true;
      tended.lost = looked.outcome === 'lost';
      if (looked.outcome === 'failed') {
        tended.failures += 1;
        tended.notBefore = now + Math.min(longestWaitMs, firstWaitMs * 2 ** Math.min(tended.failures - 1, 16));
        meter.count(metric.rolloutActionFailures, 1, { action: looked.action });
        log.error('an action on a rollout could not be written; it will be tried again', {
          tenant,
          rolloutId: id,
          action: looked.action,
          failures: tended.failures,
          error: looked.error,
        });
      } else if (looked.outcome !== 'held') {
        tended.failures = 0;
        tended.notBefore = 0;
      }
    } catch (thrown) {
      if (!this.#running) return;
      this.#owed.set(id, tenant);
      meter.count(metric.rolloutEvaluations, 1, { outcome: 'error' });
      log.warn('a rollout could not be looked at', { tenant, rolloutId: id, error: thrown });
    }
  }
}
