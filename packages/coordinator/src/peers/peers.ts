import type { JsonValue, TenantId } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type {
  CoordinatorGateway,
  CoordinatorMessage,
  ExitReport,
  PeerCall,
  PeerGateway,
  WorkerGone,
  WorkerMessage,
} from '@skein/ports';
import type { WorkerSession } from '../fleet/worker-session.ts';
import type { RunActor } from '../run/run-actor.ts';

/** Carries out a call of a peer: one of the use cases of this coordinator. Throws `unimplemented` for a method that peers may not call. */
export type PeerCallHandler = (call: PeerCall, signal?: AbortSignal) => Promise<JsonValue>;

/** Where what a worker says of a run goes: to this coordinator, to a peer, or, undefined, nowhere that is known now. */
export type RunRoute = 'here' | { readonly coordinatorId: string } | undefined;

/**
 * The other coordinators, as the engine uses them: their workers, and their runs' tasks at workers of ours. Nothing here awaits a peer, but
 * for `call`. On one coordinator every call is a cheap no-op.
 */
export interface Peers {
  /** There may be other coordinators: what is said of a run may be for one of them. */
  readonly isActive: boolean;
  /** The door for other coordinators. */
  readonly gateway: PeerGateway;
  /** Begins to reach the others. */
  start(): void;
  /** Tells the others that this coordinator leaves, and ends every stream. Idempotent. */
  stop(): void;

  /** Calls a use case at a peer. Throws what it throws, and `unavailable` when the peer is not known or does not answer. */
  call(coordinatorId: string, call: PeerCall, signal?: AbortSignal): Promise<JsonValue>;
  /** Who carries out what peers call. */
  serve(handler: PeerCallHandler): void;
  /** Peers whose streams are open now. */
  readonly connected: readonly string[];
  /** Where messages of workers about this run go. */
  routeOf(runId: string): RunRoute;
  /** The door for workers of a run's home, when that is a peer that is known. */
  workersOf(runId: string): CoordinatorGateway | undefined;

  /** A worker's message about a run that is not at home here goes to its home. True: it is dealt with. */
  passOn(session: WorkerSession, message: WorkerMessage): boolean;
  /** A worker opened a stream here, or what others know of it has changed. */
  announce(session: WorkerSession, isNew: boolean): void;
  /** A worker's stream no longer ends here. */
  gone(session: WorkerSession, reason: WorkerGone): void;
  /** A launcher told this coordinator of an exit: the others are told. */
  exited(tenant: TenantId, report: ExitReport): void;
  /** What a worker of a peer is to be told goes through that peer. */
  toWorker(session: WorkerSession, message: CoordinatorMessage): void;

  /** Monotonic ms of the last sign of life of a peer; undefined when no stream of it is open. */
  heardAt(coordinatorId: string): number | undefined;
  /** The lease of a worker is about to lapse here. False: it may live elsewhere, and gets one more period. */
  mayLapse(session: WorkerSession): boolean;
  /** A run was read whose leases its workers' holders must confirm. */
  confirmLeases(actor: RunActor): void;
  /** Slots may have become free, or are no longer wanted. To be called after every change of who waits. */
  slotsChanged(): void;
  /** A run that is driven elsewhere was changed in the store: its home is told. A hint. */
  wake(tenant: TenantId, runId: string): void;
}

const nothing = (): void => undefined;

const nobody = (): DomainError => new DomainError('permission_denied', 'this coordinator has no peers');

/** For the only coordinator on its stores. */
export const singlePeers: Peers = {
  isActive: false,
  connected: [],
  gateway: {
    openPeerStream: (_credentials, listener) => {
      listener.onClosed(nobody());
      return { send: nothing, close: nothing };
    },
    callPeer: () => Promise.reject(nobody()),
  },
  start: nothing,
  stop: nothing,
  call: (coordinatorId) =>
    Promise.reject(new DomainError('unavailable', 'the coordinator is not known here', { coordinatorId })),
  serve: nothing,
  routeOf: () => 'here',
  workersOf: () => undefined,
  passOn: () => false,
  announce: nothing,
  gone: nothing,
  exited: nothing,
  toWorker: nothing,
  heardAt: () => undefined,
  mayLapse: () => true,
  confirmLeases: nothing,
  slotsChanged: nothing,
  wake: nothing,
};
