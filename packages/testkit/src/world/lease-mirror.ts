import type { RunFact, TaskRef } from '@skein/domain';
import type { AppendOutcome, RunStore, WorkerMessage } from '@skein/ports';
import { goesOn, isOf } from './transcripts.ts';

interface Lease extends TaskRef {
  readonly workerId: string;
}

/** The current lease of each step, gathered from what is appended: for the oracle, and for mutants. */
export class LeaseMirror {
  /** The last lease of each step, also when it is over. */
  readonly #leases = new Map<string, Lease>();
  readonly #live = new Map<string, Lease>();
  /** How many durable points the transcript of each step has. */
  readonly #recorded = new Map<string, number>();

  /** The same store, watched; `told` hears what became of each append. */
  watch(runs: RunStore, told: (status: AppendOutcome['status']) => void): RunStore {
    const note = (runId: string, expectedSeq: number, facts: readonly RunFact[]): void =>
      this.#note(runId, expectedSeq, facts);
    return new Proxy(runs, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        if (name !== 'append') return (member as (...args: unknown[]) => unknown).bind(target);
        const append: RunStore['append'] = async (request) => {
          const outcome = await target.append(request);
          told(outcome.status);
          if (outcome.status === 'appended') note(request.runId, request.expectedSeq, request.facts);
          return outcome;
        };
        return append;
      },
    });
  }

  /** True while the log says that this lease is the current one. */
  isCurrent({ runId, step, token }: TaskRef): boolean {
    return this.#live.get(`${runId} ${step}`)?.token === token;
  }

  /** How many durable points the transcript has that the holder of this lease writes; undefined for a lease that is over. */
  recorded(task: TaskRef): number | undefined {
    return this.isCurrent(task) ? (this.#recorded.get(`${task.runId} ${task.step}`) ?? 0) : undefined;
  }

  /** What the log says that a worker holds. */
  heldBy(workerId: string): readonly TaskRef[] {
    return [...this.#live.values()].filter((lease) => lease.workerId === workerId);
  }

  /** A result as if its sender held the current lease of the step. */
  withCurrentToken(message: WorkerMessage): { readonly message: WorkerMessage; readonly as?: string } {
    if (message.type !== 'result') return { message };
    const lease = this.#leases.get(`${message.result.runId} ${message.result.step}`);
    if (lease === undefined) return { message };
    const { token, attempt, workerId } = lease;
    return { message: { ...message, result: { ...message.result, token, attempt } }, as: workerId };
  }

  #note(runId: string, expectedSeq: number, facts: readonly RunFact[]): void {
    facts.forEach((fact, index) => {
      if (fact.type === 'step_leased') {
        const { step, attempt, workerId } = fact;
        const lease = { runId, step, token: expectedSeq + index + 1, attempt, workerId };
        this.#leases.set(`${runId} ${step}`, lease);
        this.#live.set(`${runId} ${step}`, lease);
      }
      if (fact.type === 'step_finished' || fact.type === 'step_lost') this.#live.delete(`${runId} ${fact.step}`);
      if ((fact.type === 'step_finished' && !goesOn(fact)) || fact.type === 'agent_restarted')
        this.#recorded.delete(`${runId} ${fact.step}`);
      if (fact.type === 'step_pushed_back') for (const step of fact.steps) this.#forget(`${runId} ${step}`);
      if (fact.type === 'turn_planned' || fact.type === 'tool_done' || fact.type === 'message_replied') {
        const key = `${runId} ${fact.step}`;
        this.#recorded.set(key, (this.#recorded.get(key) ?? 0) + 1);
      }
    });
  }

  /** A round begins anew: the step, and its items. */
  #forget(key: string): void {
    for (const known of this.#recorded.keys()) if (isOf(known, key)) this.#recorded.delete(known);
  }
}
