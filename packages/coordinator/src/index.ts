export type {
  AgentVersionDiff,
  ApplyProject,
  ApplyResult,
  Coordinator,
  Readiness,
  RunEvent,
  RunSummary,
  ScheduleView,
  SendMessage,
  SubmitRun,
  TokenView,
} from './coordinator.ts';
export { createCoordinator } from './create-coordinator.ts';
export type { CoordinatorConfig, CoordinatorDeps, MemoryConfig } from './engine/coordinator-deps.ts';
export { defaultCoordinatorConfig } from './engine/coordinator-deps.ts';
export { metric as coordinatorMetrics } from './engine/metric-names.ts';
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
