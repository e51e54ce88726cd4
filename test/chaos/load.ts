import { randomUUID } from 'node:crypto';
import type { Random } from '@skein/ports';
import type { RunJson } from '../e2e/stack.ts';
import { rolledOut, stepsOf } from './chaos-project.ts';
import type { ChaosTarget } from './chaos-target.ts';

/** A run that the coordinator said it took. */
export interface AcceptedRun {
  readonly runId: string;
  readonly dag: string;
}

const ended = (run: RunJson): boolean => ['succeeded', 'failed', 'cancelled'].includes(run.status);

/** Keeps a number of runs under way, and as many of the agents that have a rollout. A submit without an answer is repeated with its key until there is one. */
export class Load {
  readonly accepted: AcceptedRun[] = [];
  readonly ends = new Map<string, RunJson>();
  readonly #stack: ChaosTarget;
  readonly #random: Random;
  readonly #ledger: string;
  readonly #width: number;
  /** Longest time without an answer of the API, and when it was last there. */
  readonly outagesMs: number[] = [];
  #answeredAt = performance.now();
  #away = false;

  constructor(stack: ChaosTarget, random: Random, ledger: string, width: number) {
    this.#stack = stack;
    this.#random = random;
    this.#ledger = ledger;
    this.#width = width;
  }

  /** Runs accepted and not seen to have ended. */
  get open(): readonly AcceptedRun[] {
    return this.accepted.filter((run) => !this.ends.has(run.runId));
  }

  /** How long nobody has answered; 0 while somebody does. ms. */
  get awayMs(): number {
    return this.#away ? performance.now() - this.#answeredAt : 0;
  }

  /** Submits until enough is under way, or `stop` says that it is over. */
  async fill(stop: () => boolean): Promise<void> {
    const routed: readonly string[] = Object.values(rolledOut);
    const others = Object.keys(stepsOf).filter((dag) => !routed.includes(dag));
    await this.#keep(others, stop);
    await this.#keep(routed, stop);
  }

  /** Of these DAGs as many runs as the width says. */
  async #keep(dags: readonly string[], stop: () => boolean): Promise<void> {
    while (!stop() && this.open.filter(({ dag }) => dags.includes(dag)).length < this.#width) {
      const dag = dags[Math.floor(this.#random.next() * dags.length)] ?? 'chain';
      const pause = (this.#random.next() * 1.5).toFixed(2);
      await this.#submit(dag, { ledger: this.#ledger, pause });
    }
  }

  /** Asks after the open runs. */
  async look(): Promise<void> {
    for (const { runId } of this.open) {
      const answer = await this.call<RunJson>('GET', `/api/runs/${runId}`);
      if (answer?.status === 404) throw new Error(`the accepted run ${runId} is unknown`);
      if (answer?.status === 200 && ended(answer.body)) this.ends.set(runId, answer.body);
    }
  }

  async #submit(dag: string, params: Readonly<Record<string, string>>): Promise<void> {
    const headers = { 'idempotency-key': randomUUID() };
    // Each run is a customer's own: rollouts count it as a unit.
    const body = { dag, params, routingContext: { resourceId: randomUUID() } };
    for (;;) {
      const answer = await this.call<RunJson>('POST', '/api/runs', body, headers);
      if (answer?.status === 200 || answer?.status === 201) {
        this.accepted.push({ runId: answer.body.runId, dag });
        return;
      }
      if (answer !== undefined && answer.status < 500 && answer.status !== 429) {
        throw new Error(`a submit was refused: ${answer.status} ${JSON.stringify(answer.body)}`);
      }
    }
  }

  /** An answer, or nothing while the coordinator is away, which it is too when it says that it cannot (5xx). Gives way to others in any case. */
  async call<T>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<{ readonly status: number; readonly body: T } | undefined> {
    const answer = await this.#stack
      .call<T>(method, path, body, headers, AbortSignal.timeout(5_000))
      .catch(() => undefined);
    const now = performance.now();
    if (answer === undefined || answer.status >= 500) {
      this.#away = true;
      await new Promise((resolve) => setTimeout(resolve, 25));
      return answer;
    }
    if (this.#away) this.outagesMs.push(now - this.#answeredAt);
    this.#away = false;
    this.#answeredAt = now;
    return answer;
  }
}
