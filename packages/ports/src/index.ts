export type { AgentStores } from './agent-stores.ts';
export type { AuditEntry, AuditFilter, AuditStore, SealedSecret, SecretStore } from './audit-store.ts';
export type { BlobStore, LogKey, LogStore } from './blob-store.ts';
export type { Checkpoints, WorkTree, WorkTreeSource, WorkTreeSurroundings } from './checkpoints.ts';
export type { Clock } from './clock.ts';
export type {
  CertificateIdentity,
  CoordinatorGateway,
  CoordinatorMessage,
  ExitReport,
  HeldTask,
  JoinCredentials,
  PartRequest,
  SnapshotRequest,
  StreamLink,
  StreamListener,
  WorkerMessage,
} from './coordinator-gateway.ts';
export { maxSecretBytes, protocolVersions } from './coordinator-gateway.ts';
export type { Cron } from './cron.ts';
export type {
  DeadLetterFilter,
  DeadLetterSettlement,
  DeliveryEventPage,
  DeliveryStore,
} from './delivery-store.ts';
export type { Log, Meter } from './log.ts';
export type { Mailbox } from './mailbox.ts';
export type { Member, MemberRow, MemberStore, WorkerPlace, WorkerPlaceStore } from './member-store.ts';
export type {
  MemoryChange,
  MemoryCommit,
  MemoryRevision,
  MemoryStore,
  ProposalFilter,
} from './memory-store.ts';
export type { Model, ModelMessage, ToolCall, ToolDefinition, Turn, TurnRequest } from './model.ts';
export type {
  FreeSlots,
  PeerCall,
  PeerConnection,
  PeerCredentials,
  PeerDialer,
  PeerGateway,
  PeerMessage,
  PeerWorker,
  SlotWish,
  WorkerGone,
  WorkerHoldings,
} from './peer-gateway.ts';
export { peerProtocolVersions } from './peer-gateway.ts';
export type { LaunchedProcess, ProcessExit } from './process-launcher.ts';
export type { AutoModel, ProjectFile, ProjectReader, ReadProject } from './project-reader.ts';
export type {
  AgentSummary,
  MemoryView,
  ProjectStore,
  Publication,
  PublicationResult,
  StoredDag,
  StoredPart,
} from './project-store.ts';
export type { Hasher, IdSource, Random } from './random.ts';
export type {
  Expression,
  Expressions,
  Observation,
  RolloutChange,
  RolloutEventPage,
  RolloutStore,
  StoredEvidence,
  WebhookCursor,
} from './rollout-store.ts';
export type { ClaimedHint, QueueStatus, RunHint, RunQueue } from './run-queue.ts';
export type {
  AppendOutcome,
  AppendRequest,
  Page,
  RunCreation,
  RunFilter,
  RunHead,
  RunStore,
  StateCheckpoint,
} from './run-store.ts';
export type { Hmac, SealContext, Sealer } from './sealer.ts';
export type { SecretReader, SecretSource, Secrets } from './secrets.ts';
export type { ShardHome, ShardRow, ShardStore } from './shard-store.ts';
export type { CollectedSnapshots, SnapshotStore } from './snapshot-store.ts';
export { spanAttribute } from './span-attribute.ts';
export type {
  ExecutionContext,
  ExecutionResult,
  StepExecutor,
  TaskInputs,
  TaskRunner,
  TaskSink,
  TaskTransfers,
} from './step-executor.ts';
export type { TextPattern, TextPatterns } from './text-pattern.ts';
export type { TokenKind, TokenRecord, TokenRole, TokenScope, TokenStore } from './token-store.ts';
export { tokenRoles } from './token-store.ts';
export type { BashRequest, BashResult, FetchedPage, ReadFile, ToolHost } from './tool-host.ts';
export type { ServerToolResult, ToolServer, ToolServerContext, ToolServers } from './tool-servers.ts';
export type { FinishedSpan, Span, SpanAttributes, SpanEvent, SpanKind, Tracer } from './tracer.ts';
export { noTracer } from './tracer.ts';
export type { WebhookMessage, WebhookSender } from './webhook-sender.ts';
export type { WorkDirs } from './work-dirs.ts';
