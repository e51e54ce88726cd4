import type {
  AgentVersion,
  Dag,
  Digest,
  ErrorData,
  JsonObject,
  JsonValue,
  Manifest,
  Problem,
  RunId,
  RunStatus,
  RunView,
  StepPath,
  StepView,
  TenantId,
  WorkerView,
} from '@skein/domain';
import type {
  AgentSummary,
  AutoModel,
  CoordinatorGateway,
  Page,
  ProjectFile,
  PublicationResult,
  RunFilter,
  TokenKind,
} from '@skein/ports';

/** A run to be started. */
export interface SubmitRun {
  readonly dag: string;
  readonly params?: { readonly [name: string]: JsonValue };
  readonly routingContext?: JsonObject;
  readonly priority?: number;
  /** The input comes from someone who may not write to an agent's memory: what its agents propose waits for review. */
  readonly untrustedInput?: boolean;
  readonly idempotencyKey?: string;
  /** Set by a scheduler: at most one run per (DAG, schedule, nominal instant). `nominalAt` in ms. */
  readonly fire?: { readonly scheduleId: string; readonly nominalAt: number };
}

/** A project to be published. */
export interface ApplyProject {
  readonly files: readonly ProjectFile[];
  readonly autoModel: AutoModel;
  /** Make the published versions the active ones; `new`: only those that are new, or whose agent has no active one yet. */
  readonly activate: boolean | 'new';
  /** Name the published versions the candidates of their agents; not together with `activate: true`. */
  readonly candidate?: boolean;
  /** Validate and say what would change; change nothing. */
  readonly dryRun: boolean;
}

/** What an apply did, or would do. */
export interface ApplyResult extends PublicationResult {
  readonly dryRun: boolean;
  readonly warnings: readonly Problem[];
}

/** One line of the run list. */
export interface RunSummary {
  readonly runId: RunId;
  readonly dag: string;
  readonly status: RunStatus;
  readonly createdAt: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly partial: boolean;
  readonly retryOf?: RunId;
  /** The run whose step called this one; absent for the root of a tree. */
  readonly parentRunId?: RunId;
}

/** One event of a run, in log order. `seq` is the cursor to resume after. */
export interface RunEvent {
  readonly seq: number;
  /** The fact's type, for example `step_finished`. */
  readonly type: string;
  /** ISO 8601. */
  readonly at: string;
  readonly runId: RunId;
  readonly data: JsonObject;
}

/** A schedule of a stored DAG. */
export interface ScheduleView {
  readonly dag: string;
  readonly dagDigest: Digest;
  readonly scheduleId: string;
  readonly cron: string;
  readonly timeZone: string;
}

/** A token as it is listed; the plain text is shown once, at creation. */
export interface TokenView {
  readonly tokenId: string;
  readonly kind: TokenKind;
  readonly name: string;
  readonly createdAt: string;
  readonly expiresAt?: string;
  readonly revokedAt?: string;
}

/** Whether the coordinator can do its work. `unknown` is never reported as ready. */
export interface Readiness {
  readonly status: 'ready' | 'not_ready' | 'unknown';
  readonly checks: {
    readonly [name: string]: { readonly ok: boolean; readonly detail?: string; readonly error?: ErrorData };
  };
}

/**
 * The coordinator, as its surfaces see it. Every method throws `DomainError` only.
 * Reads never wake the engine.
 */
export interface Coordinator {
  readonly coordinatorId: string;
  /** The door for workers; `grpc` serves it. */
  readonly gateway: CoordinatorGateway;
  /** Claims shards, loads open runs, starts timers. Ready to serve when it resolves. */
  start(): Promise<void>;
  /** Stops taking work, flushes, releases shards. Running tasks stay with their workers. */
  stop(): Promise<void>;

  /** Durable when it resolves. `created` is false for a repeated idempotency key or fire. Throws `not_found`, `invalid_argument` (params), `already_exists`, `unavailable`. */
  submitRun(tenant: TenantId, submit: SubmitRun): Promise<{ readonly run: RunView; readonly created: boolean }>;
  /** Idempotent while the run is open; `illegal_transition` for a finished one. */
  cancelRun(tenant: TenantId, runId: RunId, by: string, message?: string): Promise<RunView>;
  /** A new run that keeps what succeeded (R1). `illegal_transition` unless the run failed or was cancelled. `latest` takes today's versions. */
  retryRun(
    tenant: TenantId,
    runId: RunId,
    options: { readonly latest?: boolean; readonly by: string },
  ): Promise<RunView>;
  getRun(tenant: TenantId, runId: RunId): Promise<RunView>;
  /** The run as soon as it is finished, or as it is after `waitMs` or when the signal aborts. */
  waitRun(tenant: TenantId, runId: RunId, waitMs: number, signal: AbortSignal): Promise<RunView>;
  listRuns(filter: RunFilter): Promise<Page<RunSummary>>;
  /** Items of a fan-out step, in item order. */
  listItems(tenant: TenantId, runId: RunId, stepId: string, limit: number, cursor?: string): Promise<Page<StepView>>;
  /** One output in full, also when it is stored by digest. `stdout` is a name too. */
  readOutput(tenant: TenantId, runId: RunId, step: StepPath, name: string): Promise<JsonValue>;
  /** Events after `afterSeq`, then live ones, until the run is terminal or the signal aborts. A slow reader is not waited for: it reads on from the store. */
  watchRun(tenant: TenantId, runId: RunId, afterSeq: number, signal: AbortSignal): AsyncIterable<RunEvent>;
  /** Bytes of an attempt's log (the latest attempt when not given) from `offset`. `complete` says that no more will come. */
  readLog(
    tenant: TenantId,
    runId: RunId,
    step: StepPath,
    options: { readonly attempt?: number; readonly offset: number; readonly limit: number },
  ): Promise<{
    readonly attempt: number;
    readonly bytes: Uint8Array;
    readonly next: number;
    readonly complete: boolean;
  }>;

  /** Validates all of it, then publishes in one transaction, or changes nothing. Throws `invalid_argument` with every problem. */
  applyProject(tenant: TenantId, apply: ApplyProject): Promise<ApplyResult>;
  listDags(
    tenant: TenantId,
  ): Promise<
    readonly { readonly name: string; readonly digest: Digest; readonly description?: string; readonly steps: number }[]
  >;
  getDag(
    tenant: TenantId,
    name: string,
  ): Promise<{ readonly name: string; readonly digest: Digest; readonly dag: Dag; readonly source?: string }>;
  listSchedules(tenant: TenantId): Promise<readonly ScheduleView[]>;
  listAgents(tenant: TenantId): Promise<readonly AgentSummary[]>;
  listVersions(tenant: TenantId, agentId: string): Promise<readonly AgentVersion[]>;
  activateVersion(tenant: TenantId, agentId: string, version: string): Promise<AgentVersion>;
  inspectSnapshot(
    tenant: TenantId,
    digest: Digest,
  ): Promise<{ readonly digest: Digest; readonly manifest: Manifest; readonly bytes: number }>;
  /** The whole sealed snapshot as one gzip envelope. */
  exportSnapshot(tenant: TenantId, digest: Digest): Promise<Uint8Array>;
  listWorkers(): readonly WorkerView[];
  drainWorker(workerId: string): void;

  createToken(
    tenant: TenantId,
    kind: TokenKind,
    name: string,
    ttlMs?: number,
  ): Promise<{ readonly token: string; readonly view: TokenView }>;
  listTokens(tenant: TenantId): Promise<readonly TokenView[]>;
  revokeToken(tenant: TenantId, tokenId: string): Promise<void>;
  /** Throws `unauthenticated` for an unknown, expired, revoked or wrong-kind token. */
  authenticate(
    token: string,
    kind: TokenKind,
  ): Promise<{ readonly tenant: TenantId; readonly tokenId: string; readonly name: string }>;

  readiness(): Readiness;
}
