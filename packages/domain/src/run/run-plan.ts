import type { FencingToken, RunId, StepId, StepPath, WorkerId } from '../identity/ids.ts';
import type { RunFact } from './run-fact.ts';

/** A task that may be leased now. */
export interface ReadyTask {
  readonly step: StepPath;
  readonly stepId: StepId;
  /** Attempt number that a lease would have. */
  readonly attempt: number;
}

/** A running task that its worker must stop. */
export interface TaskToCancel {
  readonly step: StepPath;
  readonly token: FencingToken;
  readonly workerId: WorkerId;
}

/** A child run that must be cancelled, because its caller is. */
export interface CallToCancel {
  readonly step: StepPath;
  readonly childRunId: RunId;
}

/**
 * What to do next for one run, as values.
 * `facts` follow from the state alone (skips, the end of the run, the run's timeout, waits whose time came, messages that expired or outlived their step): append and evolve them, then plan again.
 * `expand` are fan-out steps whose list must be resolved; `ready` is in DAG order; `dueAt` is the next instant (ms) at which time alone changes the plan.
 */
export interface RunPlan {
  readonly facts: readonly RunFact[];
  readonly expand: readonly StepId[];
  readonly ready: readonly ReadyTask[];
  /** `call` steps and items that may begin; they need no worker. */
  readonly calls: readonly ReadyTask[];
  /** `wait` and `approval` steps that may begin; they need no worker. */
  readonly waits: readonly ReadyTask[];
  readonly cancel: readonly TaskToCancel[];
  readonly cancelCalls: readonly CallToCancel[];
  readonly dueAt?: number;
}
