import type { TaskOutcome, TaskRef } from '@skein/domain';
import type { HeldTask } from '@skein/ports';
import { TaskInbox } from './task-inbox.ts';
import { taskKey, taskRef } from './task-key.ts';

/**
 * What becomes of a task's result: `report` it; `release` it (the task was asked back: it is handed back if its code had
 * not begun, and goes on to its end otherwise); or `forget` it, because the lease is not ours any more.
 */
export type Fate = 'report' | 'release' | 'forget';

/** A task that was accepted and whose runner has not answered yet. It occupies a slot, whatever its fate. */
export interface RunningTask {
  readonly ref: TaskRef;
  readonly abort: AbortController;
  /** Asks for the task as long as its code has not begun. */
  readonly handBack: AbortController;
  readonly inbox: TaskInbox;
  started: boolean;
  fate: Fate;
}

/** Names of finished tasks that are remembered, so that a duplicated offer runs nothing. */
const maxSettled = 4_096;

/** Tasks that were given up and are named in every hello; with one more it names none any more. */
const maxGivenUp = 1_000;

/** The tasks that a worker runs, and the names of those that it is done with. */
export class HeldTasks {
  readonly #running = new Map<string, RunningTask>();
  readonly #settled = new Set<string>();
  readonly #givenUp = new Map<string, TaskRef>();
  #isGivenUpKnown = true;

  /** Slots in use. */
  get size(): number {
    return this.#running.size;
  }

  find(task: TaskRef): RunningTask | undefined {
    return this.#running.get(taskKey(task));
  }

  all(): readonly RunningTask[] {
    return [...this.#running.values()];
  }

  /** Tasks that the worker still considers its own, in the form of the hello. */
  own(): readonly HeldTask[] {
    return this.all()
      .filter((task) => task.fate !== 'forget')
      .map((task) => ({ ...task.ref, started: task.started }));
  }

  /** Another lease of the same step of the same run, if one is held. */
  otherLease(task: TaskRef): RunningTask | undefined {
    return this.all().find(
      (held) => held.ref.runId === task.runId && held.ref.step === task.step && held.ref.token !== task.token,
    );
  }

  add(task: TaskRef): RunningTask {
    const held: RunningTask = {
      ref: taskRef(task),
      abort: new AbortController(),
      handBack: new AbortController(),
      inbox: new TaskInbox(),
      started: false,
      fate: 'report',
    };
    this.#running.set(taskKey(task), held);
    return held;
  }

  remove(task: TaskRef): void {
    this.#running.delete(taskKey(task));
  }

  /** Tasks that began here and ended without a result, in the form of the hello; nothing when they were too many to be known. */
  gaveUp(): { readonly gaveUp?: readonly TaskRef[] } {
    if (!this.#isGivenUpKnown) return {};
    const leaving = this.all().filter(({ fate, started }) => fate === 'forget' && started);
    return { gaveUp: [...this.#givenUp.values(), ...leaving.map(({ ref }) => ref)] };
  }

  /** Settles a task without a result; one that `began` may have done something. */
  giveUp(task: TaskRef, began: boolean): void {
    this.settle(task);
    if (!began || !this.#isGivenUpKnown) return;
    this.#givenUp.set(taskKey(task), taskRef(task));
    if (this.#givenUp.size <= maxGivenUp) return;
    this.#isGivenUpKnown = false;
    this.#givenUp.clear();
  }

  isSettled(task: TaskRef): boolean {
    return this.#settled.has(taskKey(task));
  }

  settle(task: TaskRef): void {
    this.#settled.add(taskKey(task));
    if (this.#settled.size <= maxSettled) return;
    for (const oldest of this.#settled) {
      this.#settled.delete(oldest);
      break;
    }
  }
}

/** One that was asked back and cut short all the same has no result worth recording (E1). */
export const shallReport = (task: RunningTask, outcome: TaskOutcome): boolean => {
  if (task.fate === 'forget') return false;
  if (task.fate === 'report') return true;
  return outcome.status !== 'cancelled';
};

/** The executors found the leases over before the fence did, or had to end what ran: no failure of the step (see `TaskRunner.run`). */
export const isGivenUp = (task: RunningTask, outcome: TaskOutcome): boolean =>
  task.fate !== 'forget' && outcome.status === 'failed' && outcome.error.code === 'stale_fencing_token';
