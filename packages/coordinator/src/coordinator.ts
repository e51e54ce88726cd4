import type {
  AgentVersion,
  ApprovalDecision,
  ApprovalView,
  Dag,
  DeadLetter,
  Digest,
  EffectView,
  ErrorData,
  JsonObject,
  JsonValue,
  MessageMode,
  MessageView,
  Problem,
  RunId,
  RunStatus,
  RunView,
  StepDetail,
  StepPath,
  StepView,
  TenantId,
  VersionChange,
  VersionId,
  WorkerView,
} from '@skein/domain';
import type {
  AgentSummary,
  AutoModel,
  CoordinatorGateway,
  DeadLetterFilter,
  DeliveryEventPage,
  Page,
  PeerGateway,
  ProjectFile,
  PublicationResult,
  RunFilter,
  TokenKind,
  TokenRole,
} from '@skein/ports';
import type { Audit } from './audit/audit-api.ts';
import type {
  FoldResult,
  ListProposals,
  MemoryDocument,
  MemoryHistoryEntry,
  MemorySummary,
  ProposalView,
  RevertResult,
} from './memory/memory-views.ts';
import type { ApplyPlan } from './project/apply-plan.ts';
import type { InspectedSnapshot, SnapshotDiff } from './project/snapshot-views.ts';
import type { Rollouts } from './rollout/rollout-api.ts';
import type { StoredSecrets } from './secrets/secrets-api.ts';
import type { SubmitRun } from './submit/submit-request.ts';
import type { CreateTokenOptions, TokenView } from './token/token-views.ts';
import type { Triggers } from './trigger/trigger-api.ts';

/** A message for a running agent, or for a step that waits for one. */
export interface SendMessage {
  /** At most 16 KiB of UTF-8. */
  readonly text: string;
  /** Default `next_turn`. */
  readonly mode?: MessageMode;
  /** Chosen by the sender to be able to repeat the call; made when absent. `[A-Za-z0-9_.:-]{1,128}`. */
  readonly messageId?: string;
  /** Read within this time or never, ms. */
  readonly ttlMs?: number;
  readonly requireAck?: boolean;
  readonly wantsReply?: boolean;
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
  /** Who is named as having ended the rollouts of agents that get another active version. */
  readonly by?: string;
}

/** What an apply did, or would do. */
export interface ApplyResult extends PublicationResult {
  readonly dryRun: boolean;
  readonly warnings: readonly Problem[];
  readonly plan: ApplyPlan;
}

/** How two versions of an agent differ. */
export interface AgentVersionDiff {
  readonly agentId: string;
  readonly from: { readonly versionId: VersionId; readonly alias: string };
  readonly to: { readonly versionId: VersionId; readonly alias: string };
  readonly changes: readonly VersionChange[];
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

/** Whether the coordinator can do its work. `unknown` is never reported as ready. */
export interface Readiness {
  readonly status: 'ready' | 'not_ready' | 'unknown';
  readonly checks: {
    readonly [name: string]: { readonly ok: boolean; readonly detail?: string; readonly error?: ErrorData };
  };
  /** How late the loop's last beat was, ms. */
  readonly loopLagMs: number;
  /** Since the last durable commit, ms; absent when there was none yet. */
  readonly lastCommitAgeMs?: number;
  /** Age of the oldest write that is not acknowledged, ms; absent when none waits. */
  readonly oldestWaitingMs?: number;
  readonly coordinator: CoordinatorStanding;
}

/** One coordinator of a deployment, and what it sees of the others; for people. */
export interface CoordinatorStanding {
  readonly coordinatorId: string;
  /** Its own clock, ISO 8601. */
  readonly now: string;
  /** Workers whose streams end here. */
  readonly workers: number;
  /** Shards that it is home to. */
  readonly shards: number;
  /** The others that it sees alive: whether it reaches them, and whether they know the same facts as it does, as those of one version do. */
  readonly others: readonly {
    readonly coordinatorId: string;
    readonly reached: boolean;
    readonly sameFacts: boolean;
    readonly leaving: boolean;
  }[];
}

/**
 * The coordinator, as its surfaces see it. Every method throws `DomainError` only.
 * Reads never wake the engine.
 */
export interface Coordinator {
  readonly coordinatorId: string;
  /** The door for workers; `grpc` serves it. */
  readonly gateway: CoordinatorGateway;
  /** The door for other coordinators of the fleet; refuses everybody without one. */
  readonly peerGateway: PeerGateway;
  /** Claims shards, loads open runs, starts timers. Ready to serve when it resolves. */
  start(): Promise<void>;
  /** Stops taking work, flushes, releases shards. Running tasks stay with their workers. */
  stop(): Promise<void>;

  /** Durable when it resolves. `created` is false for a repeated idempotency key or fire. Throws `not_found`, `invalid_argument` (params), `already_exists`, `unavailable`. */
  submitRun(tenant: TenantId, submit: SubmitRun): Promise<{ readonly run: RunView; readonly created: boolean }>;
  /** Idempotent while the run is open; `illegal_transition` for a finished one. */
  cancelRun(tenant: TenantId, runId: RunId, by: string, message?: string): Promise<RunView>;
  /** A new run that keeps what succeeded (R1). `illegal_transition` unless the run failed or was cancelled, and for a called run. `latest` takes today's versions; without it, a version that was rolled back meanwhile gives way to the active one, unless `sameVersions` is set. The same `idempotencyKey` gives the same new run. */
  retryRun(
    tenant: TenantId,
    runId: RunId,
    options: {
      readonly latest?: boolean;
      readonly sameVersions?: boolean;
      readonly by: string;
      readonly idempotencyKey?: string;
      /** See `SubmitRun`. */
      readonly traceparent?: string;
    },
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

  /**
   * Durable when it resolves: the message will be read, or its end is told. Repeating it with its id changes nothing.
   * Throws `not_found` (run, step), `illegal_transition` (the step is finished, or takes no messages), `mailbox_full` (details: depth,
   * oldestAgeMs), `too_large`, `already_exists` (the id with another text), `unavailable`.
   */
  sendMessage(
    tenant: TenantId,
    runId: RunId,
    step: StepPath,
    message: SendMessage,
    sender: string,
  ): Promise<{ readonly message: MessageView; readonly created: boolean }>;
  /** In order of number; of all rounds. Throws `not_found`. */
  listMessages(tenant: TenantId, runId: RunId, step: StepPath): Promise<readonly MessageView[]>;
  readMessage(tenant: TenantId, runId: RunId, step: StepPath, messageId: string): Promise<MessageView>;
  /** The message once it is consumed (with `for: 'reply'`: replied) or ended, or as it is after `waitMs` or when the signal aborts. */
  waitMessage(
    tenant: TenantId,
    runId: RunId,
    step: StepPath,
    messageId: string,
    until: 'consumed' | 'reply',
    waitMs: number,
    signal: AbortSignal,
  ): Promise<MessageView>;
  /**
   * Approvals that wait now, oldest first; of one run, or of all. Throws `not_found`, and `unavailable` when another coordinator is home to
   * runs: ask that one.
   */
  listApprovals(tenant: TenantId, runId?: RunId): Promise<readonly ApprovalView[]>;
  /** Throws `not_found`, `illegal_transition` (it does not wait, or was answered otherwise), `invalid_argument` (inputs). The same answer again changes nothing. */
  answerApproval(
    tenant: TenantId,
    runId: RunId,
    step: StepPath,
    answer: {
      readonly decision: ApprovalDecision;
      readonly inputs?: { readonly [name: string]: JsonValue };
      readonly reason?: string;
      readonly by: string;
      /** The round that the person saw; another one by now is refused with `illegal_transition`. Absent: any. */
      readonly round?: number;
    },
  ): Promise<RunView>;
  /** Runs the steps from `to` on again in a new round. Throws `not_found`, `illegal_transition`, `invalid_argument`. */
  pushBack(
    tenant: TenantId,
    runId: RunId,
    step: StepPath,
    options: { readonly to?: string; readonly feedback: string; readonly by: string; readonly round?: number },
  ): Promise<RunView>;
  /** The effect ledger of a run, in order of planning. Throws `not_found`. */
  listEffects(tenant: TenantId, runId: RunId, limit: number, cursor?: string): Promise<Page<EffectView>>;
  /** What the log says of one agent step; with `transcript` the texts, inputs and outputs too. Throws `not_found`. */
  describeStep(
    tenant: TenantId,
    runId: RunId,
    step: StepPath,
    options: { readonly transcript: boolean },
  ): Promise<StepDetail>;
  listDeadLetters(filter: DeadLetterFilter): Promise<Page<DeadLetter>>;
  /** Throws `not_found`. */
  readDeadLetter(tenant: TenantId, id: string): Promise<DeadLetter>;
  /**
   * A task: a new run that keeps what succeeded (R1); its run must be over. A message: sent again with its id to its step, in the run or in
   * `runId`. With `dryRun` says what would happen. Throws `not_found`, `illegal_transition` (settled already, run still open).
   */
  redriveDeadLetter(
    tenant: TenantId,
    id: string,
    options: { readonly by: string; readonly dryRun: boolean; readonly runId?: RunId },
  ): Promise<{ readonly deadLetter: DeadLetter; readonly runId: RunId; readonly dryRun: boolean }>;
  /** Gives it up for good: one event, body cleared, the row stays. Throws `not_found`, `illegal_transition`. */
  purgeDeadLetter(tenant: TenantId, id: string, by: string): Promise<DeadLetter>;
  /** What left the normal way, after `afterSeq`. */
  readDeliveryEvents(tenant: TenantId, afterSeq: number, limit: number): Promise<DeliveryEventPage>;

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
  /** Of all DAGs, or of one. Throws `not_found` for a DAG that is not there. */
  listSchedules(tenant: TenantId, dag?: string): Promise<readonly ScheduleView[]>;
  listAgents(tenant: TenantId): Promise<readonly AgentSummary[]>;
  /** Throws `not_found` for an agent that was never published. */
  listVersions(tenant: TenantId, agentId: string): Promise<readonly AgentVersion[]>;
  /**
   * A version is named by its id, its alias, or at least 6 hex digits with which its id begins. Throws `not_found`, and
   * `invalid_argument` with `details.candidates` when more than one begins so. A live rollout of the agent ends in the same transaction,
   * cancelled by `by`, when another version becomes active (I6).
   */
  activateVersion(tenant: TenantId, agentId: string, version: string, by?: string): Promise<AgentVersion>;
  /** Versions are named as for `activateVersion`. */
  diffAgentVersions(tenant: TenantId, agentId: string, from: string, to: string): Promise<AgentVersionDiff>;
  /** By digest, or by at least 6 hex digits with which it begins. Throws like `activateVersion`. */
  inspectSnapshot(tenant: TenantId, digest: string): Promise<InspectedSnapshot>;
  diffSnapshots(tenant: TenantId, a: string, b: string): Promise<SnapshotDiff>;
  /** The whole sealed snapshot as one gzip envelope. */
  exportSnapshot(tenant: TenantId, digest: string): Promise<Uint8Array>;

  /** Every memory scope, sorted. */
  listMemory(tenant: TenantId): Promise<readonly MemorySummary[]>;
  /** A scope as it is now, or as it was. Throws `not_found`. */
  readMemory(tenant: TenantId, scope: string, revision?: number): Promise<MemoryDocument>;
  /** Newest first. Throws `not_found`. */
  memoryHistory(tenant: TenantId, scope: string, limit: number, cursor?: string): Promise<Page<MemoryHistoryEntry>>;
  listProposals(tenant: TenantId, filter: ListProposals): Promise<Page<ProposalView>>;
  /**
   * A person's word on a proposal that waits. Approving folds it at once. Repeating it changes nothing. Throws `not_found`, and
   * `illegal_transition` when it does not wait (any more), or cannot be folded: then it goes on waiting and the error says why.
   */
  reviewProposal(
    tenant: TenantId,
    proposalId: string,
    verdict: 'approve' | 'reject',
    by: string,
  ): Promise<ProposalView>;
  /** Writes a scope as a whole; equal text makes no revision. Throws `too_large`, and `version_conflict` when it is not at `expectedRevision` (0: does not exist). */
  setMemory(
    tenant: TenantId,
    scope: string,
    text: string,
    options: { readonly by: string; readonly expectedRevision?: number },
  ): Promise<MemoryDocument>;
  /**
   * Undoes all that a run, and the runs that it called, wrote to memory: each scope is folded anew without it, and what still waits is
   * rejected. Idempotent; a run that goes on may propose again afterwards. Throws `not_found`.
   */
  revertRun(tenant: TenantId, runId: RunId, by: string): Promise<RevertResult>;
  /** Folds what waits now, in one scope or in all; one entry for each scope in which something waited. */
  foldNow(tenant: TenantId, scope?: string): Promise<readonly FoldResult[]>;

  /** Workers that joined by a token of the tenant, wherever in the fleet. */
  listWorkers(tenant: TenantId): readonly WorkerView[];
  /** Lets a worker of the tenant finish what it holds, and leave. Throws `not_found`, `unavailable`. */
  drainWorker(tenant: TenantId, workerId: string): void;

  createToken(
    tenant: TenantId,
    kind: TokenKind,
    name: string,
    ttlMs?: number,
    options?: CreateTokenOptions,
  ): Promise<{ readonly token: string; readonly view: TokenView }>;
  listTokens(tenant: TenantId): Promise<readonly TokenView[]>;
  revokeToken(tenant: TenantId, tokenId: string): Promise<void>;
  /** Throws `unauthenticated` for an unknown, expired, revoked or wrong-kind token. */
  authenticate(
    token: string,
    kind: TokenKind,
  ): Promise<{
    readonly tenant: TenantId;
    readonly tokenId: string;
    readonly name: string;
    /** Of an API token. */
    readonly role: TokenRole;
  }>;

  readonly rollouts: Rollouts;
  readonly audit: Audit;
  readonly secrets: StoredSecrets;
  readonly triggers: Triggers;

  readiness(): Readiness;
}
