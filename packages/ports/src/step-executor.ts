import type {
  AgentMessage,
  CheckpointEntry,
  Digest,
  JsonValue,
  MemoryProposal,
  Playback,
  StepKind,
  TaskOffer,
  TaskOutcome,
  TaskResult,
  Usage,
} from '@skein/domain';
import type { AgentStores } from './agent-stores.ts';
import type { Checkpoints, WorkTree } from './checkpoints.ts';
import type { Mailbox } from './mailbox.ts';
import type { SecretReader } from './secrets.ts';

/** Where a running attempt reports to. None of these block or throw. */
export interface TaskSink {
  /** The step's code begins now; called once, before the first side effect. */
  started(): void;
  /** `stream` keeps what two sources say at once apart where it matters; the log itself is one. */
  log(bytes: Uint8Array, stream?: 'stdout' | 'stderr'): void;
}

/** Values of the offer, with those by digest already fetched. */
export interface TaskInputs {
  /** By expression, the text between `${` and `}`. */
  readonly refs: { readonly [expression: string]: JsonValue };
  readonly upstreamEnv: { readonly [name: string]: JsonValue };
  readonly item?: { readonly index: number; readonly value: JsonValue };
}

/** What an executor works with. */
export interface ExecutionContext {
  readonly offer: TaskOffer;
  readonly inputs: TaskInputs;
  /** Private directory of this attempt; exists, is empty, and is removed afterwards by the caller. */
  readonly workDir: string;
  /** Present exactly when the step is an agent step: hydrated from the verified snapshot (S1). */
  readonly stores?: AgentStores;
  readonly sink: TaskSink;
  /** Present exactly when the step is an agent step. */
  readonly checkpoints?: Checkpoints;
  readonly mailbox?: Mailbox;
  readonly workTree?: WorkTree;
  /** Recorded tool results that take the place of calls; verified. */
  readonly playback?: Playback;
  /** For names that the step or its agent declares. */
  readonly readSecret: SecretReader;
  /** Takes every secret that the task has read out of a value: for what goes to someone else before the result does, such as a model. */
  readonly redact: (value: JsonValue) => JsonValue;
}

/** What an executor found; the worker turns it into a `TaskResult` and moves large values to blobs. */
export interface ExecutionResult {
  readonly outcome: TaskOutcome;
  readonly exitCode?: number;
  readonly stdout?: string;
  readonly outputs: { readonly [name: string]: JsonValue };
  readonly usage?: Usage;
  readonly proposals?: readonly MemoryProposal[];
}

/**
 * Runs the attempts of some kinds of step. A step's own failure is an outcome; a throw is a bug and becomes `internal`.
 * Abort means: stop side effects now, end children, and answer `cancelled` (the signal's reason is a `DomainError`; `deadline_exceeded` gives `failed`).
 */
export interface StepExecutor {
  readonly kinds: readonly StepKind[];
  execute(context: ExecutionContext, signal: AbortSignal): Promise<ExecutionResult>;
}

/** What a task runner needs from the coordinator while a task runs. */
export interface TaskTransfers {
  fetchSnapshot(digest: Digest, held: readonly Digest[]): Promise<Uint8Array>;
  /** One part of the task's snapshot as one gzip member, with resume. */
  fetchPart(snapshot: Digest, part: Digest): Promise<Uint8Array>;
  fetchBlob(digest: Digest): Promise<Uint8Array>;
  readSecret(secret: string): Promise<string>;
  storeBlob(bytes: Uint8Array): Promise<Digest>;
  /** See `Checkpoints.record`; `index` entries of this transcript were recorded before. */
  checkpoint(index: number, entries: readonly CheckpointEntry[]): Promise<void>;
  /** Messages of the task, those that came before the call too, each number once. Returns what ends it. */
  onMessage(listener: (message: AgentMessage) => void): () => void;
  /** See `Mailbox.presented`. */
  presented(numbers: readonly number[], turn: number): void;
}

/**
 * Runs one whole task: verify the snapshot, hydrate, execute, gather the result. The worker's endpoint knows only this,
 * so that it can live in another thread than the work.
 */
export interface TaskRunner {
  /**
   * `handBack` asks for the task only if step code has not begun: then it ends as `released`, otherwise it goes on as if nobody had asked.
   * `signal` ends it whatever it does. A result that failed with `stale_fencing_token` is none of the step's: it may have begun and must not go
   * on here, and nobody is to record it.
   */
  run(
    offer: TaskOffer,
    sink: TaskSink,
    transfers: TaskTransfers,
    signal: AbortSignal,
    handBack?: AbortSignal,
  ): Promise<TaskResult>;
  /** Digests of snapshots and parts in the cache. */
  held(): readonly Digest[];
  /** Called when digests leave the cache. */
  onEvicted(listener: (digests: readonly Digest[]) => void): void;
  close(): Promise<void>;
}
