import type { DeclaredScorer, MeasuredStep, RunId, Scorer, TenantId, TreeFold, TreeMeasure } from '@skein/domain';
import { isDomainError } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { isPassing } from '../engine/is-passing.ts';
import { judgedSteps } from './expression-scores.ts';
import { type JudgedStep, type Judging, judgingKey, maxJudgedSteps, tendJudging } from './judging.ts';
import { askedOf, outputsOf } from './step-values.ts';

/** Judgings that are remembered; the oldest goes, and is made again if a unit waits for it. */
const maxJudgings = 2_000;

type AgentScorer = Extract<Scorer | DeclaredScorer, { readonly kind: 'agent' }>;

/** Steps that a judge looks at: those with outputs, spread evenly over a tree that has many. The same each time. */
const chosen = (measure: TreeMeasure): readonly MeasuredStep[] => {
  const steps = judgedSteps(measure).filter(({ status }) => status === 'succeeded');
  if (steps.length <= maxJudgedSteps) return steps;
  return Array.from(
    { length: maxJudgedSteps },
    (_, index) => steps[Math.floor((index * steps.length) / maxJudgedSteps)] as MeasuredStep,
  );
};

const judgedOf = async (engine: Engine, tenant: TenantId, tree: TreeFold, step: MeasuredStep): Promise<JudgedStep> => {
  const run = tree.runs.find(({ runId }) => runId === step.runId);
  const asked = await askedOf(engine, tenant, run, step);
  const outputs = await outputsOf(engine, tenant, step);
  return { runId: step.runId, step: step.step, asked, outputs, state: 'waiting', askedAt: 0 };
};

/** The version of the judge: the rollout's, or today's for a run outside of rollouts. */
const versionOf = async (engine: Engine, tenant: TenantId, scorer: AgentScorer): Promise<string | undefined> =>
  'versionId' in scorer
    ? scorer.versionId
    : (await engine.deps.projects.activeVersion(tenant, scorer.agentId))?.versionId;

/**
 * Asks a judge about the agent's steps in a run that is over. False when there is nothing to judge. What cannot be started now is started by the
 * next `settleScores`, for a unit. Throws `unavailable`.
 */
export const startJudges = async (
  engine: Engine,
  about: {
    readonly tenant: TenantId;
    readonly rootRunId: RunId;
    readonly tree: TreeFold;
    readonly measure: TreeMeasure;
  },
  scorer: AgentScorer,
  unit?: Judging['unit'],
): Promise<boolean> => {
  const { tenant, rootRunId, tree, measure } = about;
  const key = judgingKey(rootRunId, unit?.rolloutId, measure.agentId, scorer.id);
  const { judgings } = engine.scoring;
  if (judgings.has(key)) return true;
  const steps = chosen(measure);
  const versionId = await versionOf(engine, tenant, scorer);
  if (steps.length === 0 || versionId === undefined) return false;
  const judged: JudgedStep[] = [];
  for (const step of steps) judged.push(await judgedOf(engine, tenant, tree, step));
  if (judgings.has(key)) return true;
  const judge = { id: scorer.id, agentId: scorer.agentId, versionId, rubric: scorer.rubric };
  const judging: Judging = {
    tenant,
    rootRunId,
    judge,
    steps: judged,
    busy: false,
    again: false,
    ...(unit === undefined ? {} : { unit }),
  };
  const [oldest] = judgings.keys();
  if (judgings.size >= maxJudgings && oldest !== undefined) judgings.delete(oldest);
  judgings.set(key, judging);
  try {
    await tendJudging(engine, key, judging);
  } catch (thrown) {
    if (unit === undefined) judgings.delete(key);
    const level = isPassing(thrown) || isDomainError(thrown) ? 'info' : 'warn';
    engine.deps.log[level]('a judge could not be asked yet', { runId: rootRunId, scorer: scorer.id, error: thrown });
  }
  return true;
};
