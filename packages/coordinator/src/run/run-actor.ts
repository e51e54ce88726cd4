import type {
  Digest,
  DomainError,
  RolloutTally,
  RunCommand,
  RunId,
  RunState,
  StepPath,
  TenantId,
  WaitReason,
} from '@skein/domain';
import type { RunCreation } from '@skein/ports';
import type { Preparation } from '../dispatch/preparation.ts';
import type { PreparedCall } from '../dispatch/prepare-call.ts';
import type { TaskClass } from '../dispatch/task-class.ts';
import type { WorkerSession } from '../fleet/worker-session.ts';

/**
 * What became of a command, known only after its turn is durable.
 * `recorded` with 0 facts: it changes nothing (a repetition). `failed`: nothing is recorded and the caller may try again.
 */
export type Settlement =
  | { readonly status: 'recorded'; readonly facts: number }
  | { readonly status: 'refused'; readonly error: DomainError }
  | { readonly status: 'failed'; readonly error: DomainError }
  | { readonly status: 'duplicate'; readonly runId: RunId; readonly sameBody: boolean };

/** A command in a run's mailbox. `settle` is called exactly once, and must not throw. */
export interface PendingCommand {
  readonly command: RunCommand;
  readonly settle?: (settlement: Settlement) => void;
}

/** A slot that the dispatcher keeps for a run until its turn. */
export interface Grant {
  readonly taskClass: TaskClass;
  readonly session: WorkerSession;
}

/**
 * One open run in memory: its state and its mailbox. The state may be ahead of the log only while `inFlight` is set;
 * whoever shows it goes through `RunTable.read`.
 */
export class RunActor {
  readonly tenant: TenantId;
  readonly runId: RunId;
  readonly shard: number;
  state: RunState;
  mailbox: PendingCommand[] = [];
  scheduled = false;
  inFlight: Promise<void> | undefined;
  /** No longer the run's owner; every reference to it is to be dropped. */
  dropped = false;
  /** Set until the run's first append is durable. */
  creation: RunCreation | undefined;
  /** Params of a run that is being created, when they are too large for its first fact. */
  largeParams: RunState['params'] | undefined;
  /** Snapshot that the next append pins. */
  pins: Digest | undefined;
  /** The project's revision that the next append must still find. */
  expectsRevision: number | undefined;
  /** How the admission in the next append stands to live rollouts. */
  tallies: readonly RolloutTally[] = [];
  /** Agents whose unit was exposed by an append of this run; after a restart a repetition changes nothing. */
  readonly exposed = new Set<string>();
  grants: Grant[] = [];
  readonly preparations = new Map<StepPath, Preparation>();
  /** Why ready tasks of a class hold no lease. */
  readonly waits = new Map<TaskClass, WaitReason>();
  /** Calls whose children are about to be created, as their turn prepared them. */
  readonly called = new Map<RunId, PreparedCall>();
  /** Children that are to be cancelled, by the last durable plan, and those of them that were told. */
  stopping: ReadonlySet<RunId> = new Set();
  readonly stopped = new Set<RunId>();
  /** Steps whose worker came back while an append was in flight, and gets its unread messages after it. */
  readonly redeliver = new Set<StepPath>();
  /** Monotonic instants (ms) from which steps that were lost more than once may be leased again: see `RedeliveryBudget`. */
  readonly redeliveries = new Map<StepPath, number>();
  /** Steps whose last worker was only suspect when they were taken from it, and turned out to be gone: see `late` of `step_lost`. */
  readonly lateLosses = new Map<StepPath, 'alone' | 'shared'>();
  checkpointSeq = 0;
  /** Appends in a row that were not known to be durable. */
  doubts = 0;
  /** Turns in a row that ended in a bug; a run that keeps failing waits for the sweep. */
  bugs = 0;
  /** Counts in the admission window. */
  counted = false;

  constructor(shard: number, state: RunState) {
    this.tenant = state.tenant;
    this.runId = state.runId;
    this.shard = shard;
    this.state = state;
  }
}
