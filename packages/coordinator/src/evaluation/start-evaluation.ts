import type { AgentLimits, Digest, JsonSchema, RunId, StepPath, TenantId, VersionId } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { unimplemented } from '../rollout/unimplemented.ts';

/** One agent step that Skein runs for itself, about a step of a run. */
export interface EvaluationRequest {
  readonly tenant: TenantId;
  readonly purpose: 'judge' | 'replay' | 'shadow';
  readonly ofRunId: RunId;
  /** The root of that run's tree. */
  readonly rootRunId: RunId;
  readonly step: StepPath;
  /** The scorer, replay or rollout that it is for. */
  readonly for: string;
  readonly agentId: string;
  readonly versionId: VersionId;
  /** Literal: nothing in it is read as a reference. */
  readonly prompt: string;
  readonly outputSchema?: JsonSchema;
  readonly limits?: Partial<AgentLimits>;
  /** Default 10 min for the whole run. */
  readonly timeoutMs?: number;
  /** A `Playback` in the blob store. */
  readonly playback?: { readonly digest: Digest; readonly bytes: number };
  /** The same key makes one run, however often it is asked for. */
  readonly key: string;
}

/**
 * Creates the run, or finds the one that this key made. Durable when it resolves. It is admitted like others, after them. Throws
 * `not_found`, `unavailable`.
 */
export const startEvaluation = async (_engine: Engine, _request: EvaluationRequest): Promise<RunId> => {
  throw unimplemented('startEvaluation');
};
