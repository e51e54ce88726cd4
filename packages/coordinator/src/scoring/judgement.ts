import type { RunId, RunState, StepPath, TenantId, ValueRef } from '@skein/domain';
import { parseStepPath, scoreValue } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';

/** What a judge's run said, taken from its last state. */
export interface Judgement {
  readonly tenant: TenantId;
  readonly runId: RunId;
  readonly ofRunId: RunId;
  readonly rootRunId: RunId;
  readonly step: StepPath;
  readonly scorer: string;
  readonly by: string;
  /** Absent: it failed, or answered with no number. */
  readonly value?: number;
  readonly reason?: string;
}

/** Most characters of a reason that are kept. */
const maxReason = 2_000;

const inlineOf = (ref: ValueRef | undefined): unknown =>
  ref !== undefined && 'inline' in ref ? ref.inline : undefined;

/** The judgement of a judge's run that is over; undefined for any other run. */
export const judgementOf = (state: RunState): Judgement | undefined => {
  const { source, tenant, runId } = state;
  if (source.kind !== 'evaluation' || source.purpose !== 'judge') return undefined;
  const [step] = [...state.steps.values()];
  const outputs = state.status === 'succeeded' ? step?.result?.outputs : undefined;
  const score = inlineOf(outputs?.['score']);
  const value = typeof score === 'number' ? scoreValue(score) : undefined;
  const reason = inlineOf(outputs?.['reason']);
  const [judge] = Object.entries(state.agents);
  return {
    tenant,
    runId,
    ofRunId: source.ofRunId,
    rootRunId: source.rootRunId,
    step: source.step,
    scorer: source.for,
    by: judge === undefined ? 'judge' : `judge ${judge[0]}`,
    ...(value === undefined ? {} : { value }),
    ...(typeof reason === 'string' ? { reason: reason.slice(0, maxReason) } : {}),
  };
};

/** Facts of a run up to its admission. */
const firstFacts = 8;

/** Keeps the score under the version that the judged run's decision recorded. Throws `unavailable`. */
export const recordJudgement = async (engine: Engine, judgement: Judgement): Promise<void> => {
  const { tenant, ofRunId, step, scorer, by, value, reason } = judgement;
  const { runs, rollouts, clock, meter } = engine.deps;
  if (value === undefined) {
    meter.count(metric.scoresMissing, 1, { scorer: 'agent' });
    return;
  }
  const head = await runs.readHead(tenant, ofRunId);
  if (head === undefined) return;
  const { graph } = await engine.dags.byDigest(tenant, head.dagDigest);
  const action = graph.byId.get(parseStepPath(step)?.stepId ?? step)?.action;
  const admitted = (await runs.readFacts(tenant, ofRunId, 0, firstFacts)).find(({ type }) => type === 'run_admitted');
  const agentId = action?.kind === 'agent' ? action.agent : undefined;
  const versionId =
    agentId === undefined || admitted?.type !== 'run_admitted' ? undefined : admitted.agents[agentId]?.versionId;
  if (agentId === undefined || versionId === undefined) return;
  const said = reason === undefined ? {} : { reason };
  const isNew = await rollouts.recordScore(tenant, {
    runId: ofRunId,
    agentId,
    versionId,
    scorer,
    step,
    value,
    by,
    ...said,
    at: clock.now(),
  });
  if (isNew) meter.count(metric.scoresRecorded, 1, { scorer: 'agent' });
};
