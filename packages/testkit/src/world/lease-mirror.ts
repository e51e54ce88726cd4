import type { RunFact } from '@skein/domain';
import type { RunStore, WorkerMessage } from '@skein/ports';

interface Lease {
  readonly workerId: string;
  readonly token: number;
  readonly attempt: number;
}

/** The current lease of each step, gathered from what is appended; only a mutant needs it. */
export class LeaseMirror {
  readonly #leases = new Map<string, Lease>();

  /** The same store, watched. */
  watch(runs: RunStore): RunStore {
    const note = (runId: string, expectedSeq: number, facts: readonly RunFact[]): void =>
      this.#note(runId, expectedSeq, facts);
    return new Proxy(runs, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        if (name !== 'append') return (member as (...args: unknown[]) => unknown).bind(target);
        const append: RunStore['append'] = async (request) => {
          const outcome = await target.append(request);
          if (outcome.status === 'appended') note(request.runId, request.expectedSeq, request.facts);
          return outcome;
        };
        return append;
      },
    });
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
        this.#leases.set(`${runId} ${fact.step}`, {
          token: expectedSeq + index + 1,
          attempt: fact.attempt,
          workerId: fact.workerId,
        });
      }
    });
  }
}
