export type { ApprovalsClient } from './approvals-client.ts';
export type { SkeinClient } from './create-client.ts';
export { createClient } from './create-client.ts';
export type { DeadLettersClient, DeliveryEventsClient } from './delivery-client.ts';
export type {
  ApprovalInfo,
  ApproveInput,
  DeadLetterInfo,
  DeliveryEventInfo,
  DeliveryEvents,
  EffectInfo,
  ListDeadLettersInput,
  MessageInfo,
  RedriveOutcome,
  SendMessageInput,
  StepInfo,
} from './delivery-wire.ts';
export type { FreezesClient, ReplaysClient, ScoresClient } from './evaluation-clients.ts';
export type { MemoryClient } from './memory-client.ts';
export type {
  FoldInfo,
  ListProposalsInput,
  MemoryChangeInfo,
  MemoryHistoryItem,
  MemoryListItem,
  MemoryText,
  ProposalInfo,
  RevertInfo,
} from './memory-wire.ts';
export type { MessagesClient } from './messages-client.ts';
export type {
  AgentDiff,
  AliasChange,
  ApplyPlan,
  PlannedChange,
  SnapshotDiffInfo,
  SnapshotInfo,
} from './plan-wire.ts';
export type { AutoModelChoice } from './project/auto-model.ts';
export { autoModelFrom, offlineModel } from './project/auto-model.ts';
export { readProjectFolder } from './project/read-project-folder.ts';
export type {
  PatchRolloutInput,
  PostScoreInput,
  ReplayInput,
  RuleInput,
  ScorerInput,
  StartRolloutInput,
  StepInput,
  Weight,
} from './rollout-input-wire.ts';
export type {
  FreezeInfo,
  ObservationInfo,
  ObservationPage,
  PostedScore,
  ReplayInfo,
  RolloutEventInfo,
  RolloutEvents,
  ScoreInfo,
} from './rollout-log-wire.ts';
export type {
  ArmInfo,
  MetricResult,
  RolloutForecast,
  RolloutInfo,
  RolloutPage,
  RolloutResults,
  ShadowResults,
  StartedRollout,
} from './rollout-wire.ts';
export type { ChangeRolloutInput, RolloutsClient } from './rollouts-client.ts';
export type { RunsClient } from './runs-client.ts';
export type { AuditClient, SecretsClient, TriggersClient } from './security-client.ts';
export type {
  AuditEntryInfo,
  CreatedTrigger,
  CreateTriggerInput,
  ListAuditInput,
  SecretRotationInfo,
  StoredSecretInfo,
  TokenRole,
  TriggerInfo,
} from './security-wire.ts';
export type { RetryOptions, TransportOptions } from './transport.ts';
export type {
  AgentListItem,
  ApplyFile,
  ApplyInput,
  ApplyOutcome,
  CreatedToken,
  DagDocument,
  DagListItem,
  ListPage,
  ListRunsInput,
  LogInput,
  LogPage,
  ReadinessInfo,
  RunListItem,
  Schedule,
  SubmitRunInput,
  TokenInfo,
  WatchedEvent,
} from './wire.ts';
