export type {
  AgentContent,
  AgentVersion,
  McpServer,
  ModelContent,
  ModelProvider,
  PinnedTool,
  SkillContent,
  SkillFile,
  SoulContent,
  ToolEffects,
  ToolsContent,
} from './agent/agent-content.ts';
export { defaultAgentLimits } from './agent/agent-content.ts';
export type { AgentSettings, DeclaredScorer } from './agent/agent-settings.ts';
export type { ExpandedAgent, VersionChange } from './agent/diff-agents.ts';
export { diffAgents } from './agent/diff-agents.ts';
export type { LineDiff } from './agent/diff-lines.ts';
export { createLineDiff, diffLines } from './agent/diff-lines.ts';
export { collidingSkillPath, skillPathDefect } from './agent/skill-path.ts';
export { versionIdOf } from './agent/version-id.ts';
export type {
  AgentProgress,
  CheckpointEntry,
  PlannedCall,
  ReplyEntry,
  RestartEntry,
  ResumePoint,
  ToolCallClass,
  ToolEntry,
  TreeRef,
  TurnEntry,
} from './checkpoint/checkpoint-entry.ts';
export { maxCheckpointEntryBytes, maxInlineCheckpointBytes, toolCallKey } from './checkpoint/checkpoint-entry.ts';
export { effectsOf } from './checkpoint/effect-ledger.ts';
export type {
  AttemptView,
  EffectStatus,
  EffectView,
  StepDetail,
  ToolCallView,
  TurnView,
} from './checkpoint/effect-view.ts';
export type { Playback } from './checkpoint/playback.ts';
export { maxPlaybackBytes, parsePlayback, unrecordedTools } from './checkpoint/playback.ts';
export type { BodyReader } from './checkpoint/step-detail.ts';
export { stepDetailOf } from './checkpoint/step-detail.ts';
export { calledNamesOf, isChosenCall, outputNamesOfDag } from './dag/called-dags.ts';
export type { Dag, HandlerName, ScheduleEntry, Template } from './dag/dag.ts';
export { findStep, handlerNames, handlerStepId, isHandlerId } from './dag/dag.ts';
export { dagDigest } from './dag/dag-digest.ts';
export type { DagIndex } from './dag/dag-index.ts';
export { handlersOf, indexDag } from './dag/dag-index.ts';
export type { DagPath, DagProblem } from './dag/dag-problem.ts';
export { interpreterOf, isPosixShell } from './dag/interpreter.ts';
export type { OutputDef, ParamDef, ValueType } from './dag/param.ts';
export type {
  AgentLimits,
  ContinueOn,
  CoordinatorKind,
  EnvEntry,
  Foreach,
  MemoryAccess,
  Precondition,
  RetryPolicy,
  Step,
  StepAction,
  StepKind,
  StepSecret,
} from './dag/step.ts';
export { ancestorsOf } from './dag/step-graph.ts';
export { validateDag } from './dag/validate-dag.ts';
export type { AckKind, NackKind } from './delivery/ack-kind.ts';
export { ackTransition, nackTransition } from './delivery/ack-transition.ts';
export type {
  DeadLetter,
  DeadLetterReason,
  DeliveryEvent,
  DeliveryEventKind,
  NumberedDeliveryEvent,
} from './delivery/dead-letter.ts';
export type { DeliveryRecords } from './delivery/delivery-records.ts';
export { deliveryRecords } from './delivery/delivery-records.ts';
export type { DeliveryKind, DeliveryStates, TaskDeliveryState } from './delivery/delivery-transitions.ts';
export { deliveryTransitions, moveDelivery } from './delivery/delivery-transitions.ts';
export type { TaskHints } from './delivery/task-delivery-state.ts';
export { taskDeliveryState } from './delivery/task-delivery-state.ts';
export type { ErrorData, ErrorDetails, Problem, SnapshotInvalidReason } from './errors/domain-error.ts';
export { DomainError, fromErrorData, isDomainError, toErrorData } from './errors/domain-error.ts';
export type { ErrorCode, ErrorMapping, Retry } from './errors/error-catalog.ts';
export { errorCatalog, errorCodes } from './errors/error-catalog.ts';
export { commonFormat } from './fleet/common-format.ts';
export type { WorkerFeature, WorkerInfo, WorkerLoad, WorkerView } from './fleet/worker-info.ts';
export { featureLabel, workerFeatures } from './fleet/worker-info.ts';
export type { TextHasher } from './hashing/text-hasher.ts';
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
export { defaultTenant, isName, itemPath, namePattern, parseStepPath } from './identity/ids.ts';
export { canonicalBytes, canonicalJson, maxCanonicalDepth } from './json/canonical-json.ts';
export type { JsonObject, JsonSchema, JsonValue } from './json/json-value.ts';
export type { FoldableProposal, FoldedMemory, FoldOutcome } from './memory/fold-memory.ts';
export { cleanMemoryText, foldMemory } from './memory/fold-memory.ts';
export type { ForkScope } from './memory/fork-scope.ts';
export { forkScope, parseForkScope } from './memory/fork-scope.ts';
export type {
  MemoryOperation,
  MemoryPolicy,
  MemoryProposal,
  ProposalStatus,
  StoredProposal,
} from './memory/memory-proposal.ts';
export { maxMemoryBytes, maxProposalBytes, maxProposals } from './memory/memory-proposal.ts';
export type { MemoryScope } from './memory/memory-scope.ts';
export { parseMemoryScope } from './memory/memory-scope.ts';
export type {
  AgentMessage,
  MailboxState,
  MessageEndReason,
  MessageMode,
  MessageRecord,
  MessageState,
  MessageView,
} from './message/agent-message.ts';
export { mailboxLimits, messageModes } from './message/agent-message.ts';
export type { MessageHints } from './message/message-views.ts';
export { messageViewsOf, viewMessage } from './message/message-views.ts';
export type { Params } from './params/resolve-params.ts';
export { checkParam, resolveParams } from './params/resolve-params.ts';
export { coerceValue, describeType, matchesType } from './params/value-type.ts';
export type { PlacementRequest } from './placement/place-task.ts';
export { fits, placeTask } from './placement/place-task.ts';
export { shardCount, shardOf } from './placement/shard-of.ts';
export { priorityAgeMs, waitingPriority } from './placement/waiting-priority.ts';
export { parseExpression, parseReferences } from './reference/parse-references.ts';
export type { Reference, ReferenceTarget } from './reference/reference.ts';
export { handlerRunFields, runFields } from './reference/reference.ts';
export type { StepText } from './reference/references-of-step.ts';
export { referencesOfStep, textsOfStep } from './reference/references-of-step.ts';
export { referenceText, renderTemplate } from './reference/render-template.ts';
export { renderValue, wholeReference } from './reference/render-value.ts';
export type { Result } from './result/result.ts';
export { err, ok } from './result/result.ts';
export type { RolloutCommand } from './rollout/decide-rollout.ts';
export { decideRollout } from './rollout/decide-rollout.ts';
export type { VersionChoices, VersionDecision } from './rollout/decide-version.ts';
export { decideVersion } from './rollout/decide-version.ts';
export { advanceEvidence, createEvidence } from './rollout/evidence/advance-evidence.ts';
export { createEProcess, eOf, lnEOf, updateEProcess } from './rollout/evidence/e-process.ts';
export type { MetricNumbers, ResultNumbers, UnitSampler } from './rollout/evidence/evidence-types.ts';
export { judgeRollout } from './rollout/evidence/judge-rollout.ts';
export { mergeEvidence } from './rollout/evidence/merge-evidence.ts';
export type { ResultsState } from './rollout/evidence/results.ts';
export { addToResults, createResults, resultsOf } from './rollout/evidence/results.ts';
export { summarizeEvidence } from './rollout/evidence/summarize-evidence.ts';
export type { Evidence, JudgeInput, Verdict } from './rollout/evidence.ts';
export { explainEvent, explainRollout } from './rollout/explain-rollout.ts';
export type { ForcedRequest, NewRollout, StepRequest } from './rollout/new-rollout.ts';
export { newRollout } from './rollout/new-rollout.ts';
export { positionCount, rolloutPosition } from './rollout/rollout-position.ts';
export type {
  BuiltinMetric,
  EvidenceSummary,
  Explanation,
  ForcedUnit,
  Metric,
  MetricScale,
  RolloutActor,
  RolloutArm,
  RolloutEvent,
  RolloutEventType,
  RolloutId,
  RolloutMemory,
  RolloutReason,
  RolloutRecord,
  RolloutRule,
  RolloutStatus,
  RolloutStep,
  RolloutType,
  RolloutUnit,
  Scorer,
  Segment,
  TestSummary,
} from './rollout/rollout-record.ts';
export { totalParts } from './rollout/rollout-record.ts';
export { isLive, isTerminalRollout } from './rollout/rollout-status.ts';
export type {
  AgentFreeze,
  RolloutExposure,
  RolloutTally,
  RolloutValue,
  Score,
  TallyKind,
} from './rollout/routing-tables.ts';
export type { RuleRequest } from './rollout/rule-defaults.ts';
export { completeRule, completeRules, defaultRules, metricKind, scorerOfMetric } from './rollout/rule-defaults.ts';
export {
  canarySegments,
  initialSegments,
  maxArms,
  maxSegments,
  pickArm,
  retarget,
  routingSegments,
} from './rollout/segments.ts';
export type { Sha256, UnitPlace } from './rollout/unit-place.ts';
export { isSampled, isUnit, placeUnit, unitOf } from './rollout/unit-place.ts';
export { formatPercent, formatWeight, parseWeight, partsOf, weightProblem } from './rollout/weights.ts';
export { checkAppend } from './run/append-shape.ts';
export { createRunState, findTarget } from './run/create-run-state.ts';
export { decide } from './run/decide.ts';
export { maxCallDepth } from './run/decide-call.ts';
export { maxCheckpointBytes } from './run/decide-checkpoint.ts';
export { heldSnapshots, versionsOfStep } from './run/decide-migrate.ts';
export { evolve, evolveAll } from './run/evolve.ts';
export { encodeFact, maxFactBytes } from './run/fact-text.ts';
export { currentHandler, isStopping } from './run/handler-phase.ts';
export { nextAttempt } from './run/next-attempt.ts';
export { defaultReadyLimit, planRun, planRunFully } from './run/plan-run.ts';
export { maxRetryDelayMs, retryDelayMs } from './run/retry-delay.ts';
export { cloneRunState, decodeRunState, encodeRunState, markStarted } from './run/run-checkpoint.ts';
export type { KeptStep, RunCommand } from './run/run-command.ts';
export type {
  AgentDecision,
  CallTargets,
  DecisionSource,
  LossReason,
  RecordedResult,
  RunFact,
  RunFactType,
  RunSource,
} from './run/run-fact.ts';
export { runFieldValue } from './run/run-field.ts';
export type { CallToCancel, ReadyTask, RunPlan, TaskToCancel } from './run/run-plan.ts';
export type {
  CallState,
  CancelState,
  FanoutState,
  LeaseState,
  Migration,
  RunState,
  StepState,
} from './run/run-state.ts';
export type { RunStatus, SkipReason, StepStatus, WaitReason } from './run/run-status.ts';
export { isSettledStep, isTerminalRun } from './run/run-status.ts';
export type { RunView, StepView } from './run/run-view.ts';
export { dependencyVerdict, isTolerated } from './run/step-tolerance.ts';
export type { ValueRef } from './run/value-ref.ts';
export { maxInlineValueBytes, maxOutputsBytes } from './run/value-ref.ts';
export type { ViewHints } from './run/view-run.ts';
export { viewRun, viewStep } from './run/view-run.ts';
export { maxSharedLosses, maxUnstartedLosses, maxWorkerLosses } from './run/worker-loss.ts';
export { foldTreeFact } from './scoring/fold-fact.ts';
export type { BuiltinValues, MeasuredStep, TreeMeasure } from './scoring/measure-tree.ts';
export { builtinMetrics, isInfrastructureFailure, measureTree, treeMeasureOf } from './scoring/measure-tree.ts';
export { meanScore, scoreValue } from './scoring/score-value.ts';
export type { RunFold, TreeFold } from './scoring/tree-fold.ts';
export { createTreeFold, keptOutputs, openRunFold } from './scoring/tree-fold.ts';
export { compileShellText } from './shell/compile-shell-text.ts';
export type { ShellProgram, ShellVariable } from './shell/shell-program.ts';
export { isShellInteger } from './shell/shell-program.ts';
export { collectRequirements, maxDagsInTree } from './snapshot/collect-requirements.ts';
export type { DagSource } from './snapshot/dag-finder.ts';
export type { ManifestDiff, ManifestDiffPart } from './snapshot/diff-manifests.ts';
export { diffManifests } from './snapshot/diff-manifests.ts';
export type { Manifest, ManifestPart, PartKind, SnapshotLimits } from './snapshot/manifest.ts';
export { defaultSnapshotLimits, snapshotFormatVersions } from './snapshot/manifest.ts';
export type { RequiredAgent, RequiredMemory, SnapshotRequirements } from './snapshot/snapshot-requirements.ts';
export { maxAskers } from './snapshot/snapshot-requirements.ts';
export type { SnapshotAttachment, TaskOffer } from './task/task-offer.ts';
export type { TaskOutcome, TaskRef, TaskResult, Usage } from './task/task-result.ts';
export { cleanText, hasLoneSurrogate } from './text/clean-text.ts';
export { suggest } from './text/suggest.ts';
export { utf8Bytes, utf8Length } from './text/utf8.ts';
export type { TraceContext } from './trace/trace-context.ts';
export { formatTraceparent, parseTraceparent } from './trace/trace-context.ts';
export { expectedInstant, parseInstant } from './wait/instant.ts';
export type { ApprovalDecision, ApprovalView, WaitState, WaitsFor } from './wait/wait-state.ts';
export { maxRounds } from './wait/wait-state.ts';
export { approvalsOf, approvalViewOf, waitReasonOf, waitViewOf } from './wait/wait-view.ts';
