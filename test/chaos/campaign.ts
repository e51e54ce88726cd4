import { eventually } from '../e2e/stack.ts';
import { workerRecoveries } from './chaos-report.ts';
import type { ChaosTarget } from './chaos-target.ts';
import { factsOf, readingsOf } from './judge.ts';
import type { Ledger } from './ledger.ts';
import type { Load } from './load.ts';
import type { ChaosRollouts } from './rollouts.ts';
import type { Talk } from './talk.ts';

/** When nobody has answered for so long, no harm is done until somebody does: on a busy machine processes take long to start. */
const mercyMs = 10_000;

/** A campaign in which too little happens ends all the same after so many times its duration. */
const longest = 3;

/** What must have happened, or a campaign proves nothing. */
export interface Least {
  readonly accepted: number;
  readonly faults: number;
  /** Messages that were read. */
  readonly consumed: number;
  readonly approved: number;
  /** Of each arm of each rollout. */
  readonly units?: number;
  /** Steps that began again after their worker was killed. */
  readonly recoveries?: number;
}

/** Whom a campaign speaks to, and what it looks at. */
export interface CampaignParts {
  readonly target: ChaosTarget;
  readonly load: Load;
  readonly talk: Talk;
  readonly ledger: Ledger;
  readonly rollouts: ChaosRollouts;
  readonly faults: readonly { readonly what: string; readonly pid: number; readonly at: number }[];
}

/** The time of a campaign, and its load: for as long as was asked, and longer on a machine so slow that too little has happened. */
export class Campaign {
  readonly #beganAt = performance.now();
  readonly #parts: CampaignParts;
  readonly #durationMs: number;
  readonly #least: Least | undefined;
  /** Messages that each run which has ended had read. */
  readonly #readings = new Map<string, number>();
  #hasEnough: boolean;

  constructor(parts: CampaignParts, durationMs: number, least?: Least) {
    this.#parts = parts;
    this.#durationMs = durationMs;
    this.#least = least;
    this.#hasEnough = least === undefined;
  }

  get elapsedMs(): number {
    return performance.now() - this.#beganAt;
  }

  get isOver(): boolean {
    return this.elapsedMs > this.#durationMs * (this.#hasEnough ? 1 : longest);
  }

  /** No new harm is to be done. */
  get isQuiet(): boolean {
    return this.isOver || this.#parts.load.awayMs > mercyMs;
  }

  /** Submits and speaks until it is over. */
  async run(): Promise<void> {
    const { load, talk } = this.#parts;
    while (!this.isOver) {
      await load.fill(() => this.isOver);
      await load.look();
      await talk.look();
      if (!this.#hasEnough && this.elapsedMs > this.#durationMs) this.#hasEnough = await this.#isEnough();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Waits until every accepted run has ended, if they do. */
  async settle(withinMs: number): Promise<void> {
    const { load, talk } = this.#parts;
    const settled = eventually(
      'every accepted run ends',
      async () => {
        await load.look();
        await talk.look();
        return load.open.length === 0;
      },
      withinMs,
    );
    await settled.catch(() => undefined);
  }

  async #isEnough(): Promise<boolean> {
    if (this.#least === undefined) return true;
    const { load, talk, ledger, faults, rollouts } = this.#parts;
    const { accepted, approved, consumed, units = 0, recoveries = 0 } = this.#least;
    return (
      load.accepted.length >= accepted &&
      faults.length >= this.#least.faults &&
      talk.answers.approved >= approved &&
      workerRecoveries(ledger.lines, faults).length >= recoveries &&
      (await this.#consumed()) >= consumed &&
      (units === 0 || (await rollouts.haveUnits(units)))
    );
  }

  async #consumed(): Promise<number> {
    const { target, load, talk } = this.#parts;
    const spokenTo = new Set(talk.accepted.map(({ runId }) => runId));
    for (const runId of spokenTo) {
      if (this.#readings.has(runId) || !load.ends.has(runId)) continue;
      const facts = await factsOf(target.client, runId).catch(() => undefined);
      if (facts !== undefined) this.#readings.set(runId, readingsOf(facts));
    }
    return [...this.#readings.values()].reduce((sum, count) => sum + count, 0);
  }
}
