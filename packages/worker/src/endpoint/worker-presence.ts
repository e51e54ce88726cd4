import type { DomainError } from '@skein/domain';
import type { Clock, CoordinatorGateway, Log, Meter, Random, TaskRunner } from '@skein/ports';

/** What an endpoint works with. */
export interface EndpointDeps {
  readonly gateway: CoordinatorGateway;
  readonly runner: TaskRunner;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly meter: Meter;
  /** Told whenever it changes for how long, from now on, this worker may act for its tasks, in ms; 0: not any more. */
  readonly onLease?: (remainingMs: number) => void;
}

/** Why an endpoint ended. `refused` carries the coordinator's error: credentials or versions that time does not heal. */
export type EndpointEnd =
  | { readonly reason: 'drained' }
  | { readonly reason: 'stopped' }
  | { readonly reason: 'refused'; readonly error: DomainError };

/** What can be seen of an endpoint from outside. */
export interface EndpointState {
  readonly joined: boolean;
  readonly draining: boolean;
  readonly running: number;
  readonly unacknowledged: number;
}

/** A worker's presence at its coordinator. */
export interface WorkerEndpoint {
  /** Connects, and keeps connecting until the end. */
  start(): void;
  /** Takes nothing new, finishes what runs (up to the deadline), hands back what did not start, says goodbye. Idempotent. */
  drain(reason: string): Promise<void>;
  /** Aborts everything, reports nothing more, leaves. Idempotent. */
  stop(): Promise<void>;
  /** Resolves once, when the endpoint is over. */
  readonly ended: Promise<EndpointEnd>;
  state(): EndpointState;
}
