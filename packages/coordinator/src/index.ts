export type { Audit } from './audit/audit-api.ts';
export type { AuditConfig, AuditNote } from './audit/audit-log.ts';
export { defaultAuditConfig } from './audit/audit-log.ts';
export type {
  AgentVersionDiff,
  ApplyProject,
  ApplyResult,
  Coordinator,
  CoordinatorStanding,
  Readiness,
  RunEvent,
  RunSummary,
  ScheduleView,
  SendMessage,
} from './coordinator.ts';
export { createCoordinator } from './create-coordinator.ts';
export type { CoordinatorConfig, CoordinatorDeps, FleetConfig, MemoryConfig } from './engine/coordinator-deps.ts';
export { defaultCoordinatorConfig, defaultFleetTimes } from './engine/coordinator-deps.ts';
export { metric as coordinatorMetrics } from './engine/metric-names.ts';
export type { ChangedThing, HomeOfShard, Members } from './members/members.ts';
export type {
  FoldResult,
  ListProposals,
  MemoryDocument,
  MemoryHistoryEntry,
  MemorySummary,
  ProposalView,
  RevertedScope,
  RevertResult,
} from './memory/memory-views.ts';
export type { PeerCallHandler, Peers, RunRoute } from './peers/peers.ts';
export type {
  AliasChange,
  ApplyPlan,
  PlannedAgent,
  PlannedChange,
  PlannedDag,
  PlannedPart,
} from './project/apply-plan.ts';
export type { InspectedSnapshot, SnapshotDiff } from './project/snapshot-views.ts';
export type { Rollouts } from './rollout/rollout-api.ts';
export type {
  By,
  PatchRollout,
  PostScore,
  ReplayInput,
  RuleInput,
  ScorerInput,
  StartRollout,
  StepInput,
  Weight,
} from './rollout/rollout-requests.ts';
export type {
  ArmView,
  MetricResult,
  ReplayView,
  RolloutForecast,
  RolloutResults,
  RolloutView,
  ShadowResults,
  WebhookBody,
} from './rollout/rollout-views.ts';
export type { FireSchedulesDeps, Scheduler, ScheduleSource } from './schedule/fire-schedules.ts';
export { createScheduler } from './schedule/fire-schedules.ts';
export type { SecretRotation, StoredSecrets, StoredSecretView } from './secrets/secrets-api.ts';
export type { SubmitRun } from './submit/submit-request.ts';
export type { Permission } from './token/permissions.ts';
export { permissions, roleMay } from './token/permissions.ts';
export type { CreateTokenOptions, TokenView } from './token/token-views.ts';
export type { CreateTrigger, Triggered, TriggerRequest, Triggers, TriggerView } from './trigger/trigger-api.ts';
