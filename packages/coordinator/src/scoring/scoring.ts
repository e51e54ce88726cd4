import type { RolloutId, RolloutRecord, RunId, TenantId } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import { pauseOf } from '../engine/pause-of.ts';
import type { Judging } from './judging.ts';
import { measureRun } from './measure-run.ts';
import { ScorerCache, scorersOfRun } from './scorers-of.ts';

/*
 * Runs are measured after their end is durable, some at once, so that their commits share one write to the disk, with a pause between: nothing waits
 * for it.
 *  M1 a run that ends costs its turn one push; what does not fit is found again by `settleScores`, if a rollout waits for it
 *  M2 everything is written once, so that a crash, a second coordinator or a repetition changes nothing
 *  M3 a store that does not answer delays the measuring and loses nothing
 */

/** Runs that wait to be measured here, at most. */
const maxQueued = 20_000;

/** Runs that are measured at once. */
const width = 8;

/** Tries of one run, and the first wait between them (ms); after these, only what a rollout waits for is found again. */
const maxTries = 6;
const firstWaitMs = 500;

/** A run that is over. */
export interface EndedRun {
  readonly tenant: TenantId;
  readonly runId: RunId;
  /** Its agents, and the rollouts that decided their versions. */
  readonly agents: readonly { readonly agentId: string; readonly rolloutId?: RolloutId; readonly isUnit: boolean }[];
}

/**
 * How far a rollout is settled: units up to `next` were looked at, and those of them that have not all their values yet are `pending`, each with the
 * instant (monotonic ms) at which it is looked at again.
 */
export interface SettledPlace {
  next: number;
  readonly pending: Map<number, number>;
  busy: boolean;
}

/** What one coordinator remembers of scoring: all of it can be lost. */
export class Scoring {
  readonly cache = new ScorerCache();
  /** Runs that are being measured. */
  readonly measuring = new Map<string, Promise<number | undefined>>();
  readonly judgings = new Map<string, Judging>();
  readonly places = new Map<string, SettledPlace>();
  /** Wall time (ms): what ended before was measured by nobody here. */
  readonly startedAt: number;
  readonly #engine: Engine;
  readonly #queue: { readonly run: EndedRun; tries: number }[] = [];
  #lanes = 0;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.startedAt = engine.deps.clock.now();
  }

  /** A unit of the rollout was looked at and is not settled yet. */
  isPending({ tenant, id }: Pick<RolloutRecord, 'tenant' | 'id'>): boolean {
    return (this.places.get(`${tenant} ${id}`)?.pending.size ?? 0) > 0;
  }

  /** Runs that wait here. */
  get queued(): number {
    return this.#queue.length;
  }

  /** M1. Cheap; never throws. */
  ended(run: EndedRun): void {
    if (this.#queue.length >= maxQueued) {
      this.#engine.deps.meter.count(metric.scoringDropped);
      return;
    }
    this.#queue.push({ run, tries: 0 });
    this.#pump();
  }

  #pump(): void {
    if (this.#lanes >= width) return;
    this.#lanes += 1;
    void this.#drain().finally(() => {
      this.#lanes -= 1;
      // What came between the last look into the queue and this line.
      if (this.#queue.length > 0 && this.#engine.phase !== 'stopped') this.#pump();
    });
  }

  async #drain(): Promise<void> {
    const { clock, meter } = this.#engine.deps;
    const pause = pauseOf(clock);
    for (;;) {
      await pause();
      const next = this.#queue.shift();
      if (next === undefined || this.#engine.phase === 'stopped') return;
      meter.gauge(metric.scoringQueued, this.#queue.length);
      try {
        if (await this.#isWanted(next.run)) await measureRun(this.#engine, next.run.tenant, next.run.runId);
      } catch (thrown) {
        this.#tryAgain(next, thrown);
      }
    }
  }

  /** Most runs use agents of which nothing is to be known: they cost no look into their logs. */
  async #isWanted({ tenant, runId, agents }: EndedRun): Promise<boolean> {
    for (const { agentId, rolloutId, isUnit } of agents) {
      if (isUnit) return true;
      const decision = rolloutId === undefined ? undefined : ({ versionId: '', source: 'stable', rolloutId } as const);
      if ((await scorersOfRun(this.#engine, tenant, runId, agentId, decision)).length > 0) return true;
    }
    return false;
  }

  /** M3 */
  #tryAgain(next: { readonly run: EndedRun; tries: number }, error: unknown): void {
    const { clock, log } = this.#engine.deps;
    next.tries += 1;
    log.warn('a run could not be measured', { runId: next.run.runId, tries: next.tries, error });
    if (next.tries >= maxTries) return;
    clock.after(firstWaitMs * 2 ** next.tries, () => {
      if (this.#engine.phase === 'stopped') return;
      this.#queue.push(next);
      this.#pump();
    });
  }
}
