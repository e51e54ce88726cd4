export { defaultAgentLimits } from './agent/agent-content.ts';
export type {
  AgentContent,
  AgentVersion,
  ModelContent,
  ModelProvider,
  SkillContent,
  SkillFile,
  SoulContent,
  ToolPolicy,
} from './agent/agent-content.ts';
export { findStep } from './dag/dag.ts';
export type { Dag, HandlerName, ScheduleEntry, Template } from './dag/dag.ts';
export type { OutputDef, ParamDef, ValueType } from './dag/param.ts';
export type {
  AgentLimits,
  ContinueOn,
  EnvEntry,
  Foreach,
  MemoryAccess,
  Precondition,
  RetryPolicy,
  Step,
  StepAction,
  StepKind,
} from './dag/step.ts';
export { DomainError, fromErrorData, isDomainError, toErrorData } from './errors/domain-error.ts';
export type { ErrorData, ErrorDetails, Problem, SnapshotInvalidReason } from './errors/domain-error.ts';
export { errorCatalog, errorCodes } from './errors/error-catalog.ts';
export type { ErrorCode, ErrorMapping, Retry } from './errors/error-catalog.ts';
export type { WorkerInfo, WorkerLoad, WorkerView } from './fleet/worker-info.ts';
export { defaultTenant, isName, itemPath, namePattern, parseStepPath } from './identity/ids.ts';
export type {
  Digest,
  FencingToken,
  RunId,
  SessionId,
  StepId,
  StepPath,
  TenantId,
  VersionId,
  WorkerId,
} from './identity/ids.ts';
export type { JsonObject, JsonSchema, JsonValue } from './json/json-value.ts';
export { err, ok } from './result/result.ts';
export type { Result } from './result/result.ts';
export type { KeptStep, RunCommand } from './run/run-command.ts';
export type {
  AgentDecision,
  LossReason,
  RecordedResult,
  RunFact,
  RunFactType,
  RunSource,
} from './run/run-fact.ts';
export type { ReadyTask, RunPlan, TaskToCancel } from './run/run-plan.ts';
export type { FanoutState, LeaseState, RunState, StepState } from './run/run-state.ts';
export { isSettledStep, isTerminalRun } from './run/run-status.ts';
export type { RunStatus, SkipReason, StepStatus, WaitReason } from './run/run-status.ts';
export { maxInlineValueBytes, maxOutputsBytes } from './run/value-ref.ts';
export type { ValueRef } from './run/value-ref.ts';
export type { RunView, StepView } from './run/run-view.ts';
export { defaultSnapshotLimits, snapshotFormatVersions } from './snapshot/manifest.ts';
export type { Manifest, ManifestPart, PartKind, SnapshotLimits } from './snapshot/manifest.ts';
export type { SnapshotAttachment, TaskOffer } from './task/task-offer.ts';
export type { TaskOutcome, TaskRef, TaskResult, Usage } from './task/task-result.ts';
