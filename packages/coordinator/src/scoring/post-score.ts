import type { AgentDecision, RolloutRecord, RunId, RunState, Score, TenantId } from '@skein/domain';
import { DomainError, findTarget, isName, isSampled, isSettledStep, parseStepPath, treeMeasureOf } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import type { By, PostScore } from '../rollout/rollout-requests.ts';
import { judgedSteps } from './expression-scores.ts';
import { postedValue } from './posted-value.ts';
import { readTree } from './read-tree.ts';
import { sha256Of } from './scorers-of.ts';
import { scoresOfRuns } from './tree-scores.ts';
import { scorerValues, writeValues } from './write-values.ts';

/** Most characters of a reason. */
const maxReason = 4_000;

const invalid = (message: string, field: string): DomainError =>
  new DomainError('invalid_argument', message, { problems: [{ message, field }] });

const checkShape = ({ scorer, value, reason }: PostScore): void => {
  if (!isName(scorer)) throw invalid('a scorer has a name of at most 64 letters, digits, - _ .', 'scorer');
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0 || value > 1)
    throw invalid('a score is a number from 0 to 1', 'value');
  if (reason !== undefined && reason.length > maxReason)
    throw invalid(`a reason has at most ${maxReason} characters`, 'reason');
};

/** Whose score it is: the agent that is named, that of the step, or the only one of the run. */
const attribution = (
  state: RunState,
  score: PostScore,
): { readonly agentId: string; readonly decision: AgentDecision } => {
  const { runId, agents } = state;
  if (state.source.kind === 'evaluation') throw invalid('a run that evaluates another one takes no scores', 'runId');
  let agentId = score.agentId;
  if (score.step !== undefined) {
    const found = findTarget(state, score.step);
    if (found === undefined)
      throw new DomainError('not_found', `the run has no step ${score.step}`, { runId, step: score.step });
    const action = state.graph.byId.get(parseStepPath(score.step)?.stepId ?? '')?.action;
    const own = action?.kind === 'agent' ? action.agent : undefined;
    if (own === undefined) throw invalid(`step ${score.step} is not the step of an agent`, 'step');
    if (agentId !== undefined && agentId !== own) throw invalid(`step ${score.step} is a step of ${own}`, 'agentId');
    agentId = own;
    if (!isSettledStep(found.target.status))
      throw new DomainError('illegal_transition', `step ${score.step} is not settled yet`, { runId, step: score.step });
  }
  const names = Object.keys(agents);
  if (agentId === undefined && names.length > 1)
    throw invalid(`the run used several agents: ${names.join(', ')}`, 'agentId');
  agentId ??= names[0];
  const decision = agentId === undefined || !Object.hasOwn(agents, agentId) ? undefined : agents[agentId];
  if (agentId === undefined || decision === undefined)
    throw new DomainError(
      'not_found',
      agentId === undefined ? 'the run uses no agent' : `the run does not use the agent ${agentId}`,
      { runId },
    );
  return { agentId, decision };
};

const posted = (record: RolloutRecord, scorer: string) =>
  record.scorers.find((one) => one.kind === 'posted' && one.id === scorer);

/**
 * What a rollout's own scorer, or the agent's, gives by itself takes no score from outside: nobody speaks in the name of a judge. True when the
 * scorer is known: from the run's rollout, from the live one, or from the agent's settings.
 */
const requirePosted = async (
  engine: Engine,
  tenant: TenantId,
  { agentId, scorer }: Pick<Score, 'agentId' | 'scorer'>,
  record: RolloutRecord | undefined,
): Promise<boolean> => {
  const own = record?.agentId === agentId ? record.scorers : [];
  const declared = await engine.scoring.cache.declared(engine, tenant, agentId);
  const found = (own.length > 0 ? own : declared).find(({ id }) => id === scorer);
  if (found === undefined) {
    const [live] = await engine.deps.rollouts.listLive(tenant, agentId);
    return [...declared, ...(live?.scorers ?? [])].some(({ id }) => id === scorer);
  }
  if (found.kind === 'posted') return true;
  throw invalid(`the scorer ${scorer} gives its scores itself: it is of the kind ${found.kind}`, 'scorer');
};

/** Whether a posted score is part of the evidence; writes the unit's value as soon as it can be told. */
const count = async (
  engine: Engine,
  rootRunId: RunId,
  record: RolloutRecord,
  { agentId, scorer }: Score,
): Promise<boolean> => {
  const { rollouts, clock } = engine.deps;
  const { tenant, id, salt } = record;
  const ruler = record.agentId === agentId ? posted(record, scorer) : undefined;
  const unit = (await rollouts.unitsOfRun(tenant, rootRunId)).find(({ rolloutId }) => rolloutId === id);
  if (ruler === undefined || unit === undefined || unit.state === 'void') return false;
  if (!isSampled(sha256Of(engine), salt, unit.unit, ruler.sample, 'sample')) return false;
  const now = clock.now();
  // While the run goes on, the score waits for its end.
  if (unit.state === 'open') return now < unit.at + record.runDeadlineMs;
  const isLate = now >= (unit.endedAt ?? unit.at) + record.valueDeadlineMs;
  if (unit.values[`score:${scorer}`] !== undefined || isLate) return false;
  const tree = await readTree(engine, tenant, rootRunId);
  if (tree === undefined) return false;
  const runIds = tree.runs.map(({ runId }) => runId);
  const steps = judgedSteps(treeMeasureOf(tree, agentId));
  const value = postedValue(await scoresOfRuns(engine, tenant, runIds), agentId, scorer, steps);
  if (value !== undefined) await writeValues(engine, record, unit, scorerValues(scorer, value));
  return true;
};

/** What is probably not as it was meant, in words. */
const whyOf = (post: PostScore, kept: Score, agentId: string, isKnown: boolean): string | undefined => {
  if (kept.value !== post.value)
    return `a scorer scores once: the first value of ${post.scorer}, ${kept.value}, stands, and ${post.value} was not kept`;
  return isKnown
    ? undefined
    : `no scorer ${post.scorer} is declared, neither in the settings of the agent ${agentId} nor in a rollout of it: the score is kept, and nothing counts it`;
};

/**
 * Keeps a score that came from outside: see `Rollouts.postScore`. A second one of the same scorer for the same step, or part, changes nothing and is
 * answered with the first. Throws `not_found` (run, agent, step), `invalid_argument`, `illegal_transition` (a step that is not settled),
 * `unavailable`.
 */
export const postScore = async (
  engine: Engine,
  tenant: TenantId,
  runId: RunId,
  post: PostScore,
  by: By,
): Promise<{ readonly score: Score; readonly recorded: boolean; readonly counted: boolean; readonly why?: string }> => {
  checkShape(post);
  const { rollouts, runs, clock, meter } = engine.deps;
  const { agentId, decision } = await engine.runs.read(engine, tenant, runId, (state) => attribution(state, post));
  const { rolloutId } = decision;
  const record = rolloutId === undefined ? undefined : await engine.scoring.cache.record(engine, tenant, rolloutId);
  const isKnown = await requirePosted(engine, tenant, { agentId, scorer: post.scorer }, record);
  const asked: Score = {
    runId,
    agentId,
    versionId: decision.versionId,
    scorer: post.scorer,
    step: post.step ?? '',
    value: post.value,
    by: by.actor,
    ...(post.reason === undefined ? {} : { reason: post.reason }),
    at: clock.now(),
  };
  const recorded = await rollouts.recordScore(tenant, asked);
  if (recorded) meter.count(metric.scoresRecorded, 1, { scorer: 'posted' });
  const isSame = (one: Score): boolean =>
    one.agentId === agentId && one.scorer === asked.scorer && one.step === asked.step;
  const score = recorded ? asked : ((await rollouts.listScores(tenant, runId)).find(isSame) ?? asked);
  const why = whyOf(post, score, agentId, isKnown);
  const said = { score, recorded, ...(why === undefined ? {} : { why }) };
  if (decision.source !== 'segments') return { ...said, counted: false };
  const head = await runs.readHead(tenant, runId);
  const counted = record !== undefined && (await count(engine, head?.rootRunId ?? runId, record, score));
  return { ...said, counted };
};
