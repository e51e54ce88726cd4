import type { AgentLimits, Dag, JsonSchema, MemoryAccess, Step, VersionId } from '@skein/domain';
import { featureLabel } from '@skein/domain';

/** The id of the only step of an evaluation run, unless it takes the place of a recorded one. */
const evaluationStep = 'evaluate';

/** What of an evaluation is the same for many of its runs: they share one DAG, and so one snapshot. */
export interface EvaluationShape {
  readonly agentId: string;
  readonly versionId: VersionId;
  readonly outputSchema?: JsonSchema;
  readonly limits?: Partial<AgentLimits>;
  readonly memory?: MemoryAccess;
  /** Names of the DAG and step that it takes the place of: the agent sees them. */
  readonly dagName?: string;
  readonly stepId?: string;
  readonly workerSelector?: { readonly [label: string]: string };
  readonly stepTimeoutMs?: number;
  /** Only workers that can answer from a record may take it: another one would make the calls. */
  readonly plays: boolean;
}

/** The DAG of one agent step whose prompt is a param: a value is never read for references. */
export const evaluationDag = (shape: EvaluationShape): Dag => {
  const { agentId, versionId, outputSchema, limits = {}, memory = { read: false, propose: false } } = shape;
  const step: Step = {
    id: shape.stepId ?? evaluationStep,
    depends: [],
    action: {
      kind: 'agent',
      agent: agentId,
      version: versionId,
      prompt: '${params.prompt}',
      limits,
      memory,
      ...(outputSchema === undefined ? {} : { outputSchema }),
    },
    env: [],
    outputs: [],
    preconditions: [],
    continueOn: { failure: false, skipped: false, exitCodes: [], output: [], markSuccess: false },
    workerSelector: { ...shape.workerSelector, ...(shape.plays ? { [featureLabel('playback')]: 'yes' } : {}) },
    onWorkerLoss: 'retry',
    repeatSafe: false,
    ...(shape.stepTimeoutMs === undefined ? {} : { timeoutMs: shape.stepTimeoutMs }),
  };
  return {
    languageVersion: 1,
    name: shape.dagName ?? 'evaluation',
    labels: {},
    type: 'graph',
    params: [{ name: 'prompt', type: 'string', required: true }],
    env: [],
    schedule: [],
    steps: [step],
  };
};
