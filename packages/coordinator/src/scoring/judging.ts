import type { RolloutUnit, RunId, StepPath, TenantId, VersionId } from '@skein/domain';
import { DomainError, isTerminalRun, meanScore } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import { startEvaluation } from '../evaluation/start-evaluation.ts';
import { loadRun } from '../run/load-run.ts';
import { judgePrompt, judgeSchema } from './judge-prompt.ts';
import { type Judgement, judgementOf, recordJudgement } from './judgement.ts';
import { scoresOfRuns } from './tree-scores.ts';
import { scorerValues, writeValues } from './write-values.ts';

/** Most steps of one unit that a judge looks at. */
export const maxJudgedSteps = 8;

/** A judge that was asked is looked after again so often (ms), should its answer have been lost. */
const lookAgainMs = 30_000;

/** Who judges, by which rubric. */
export interface Judge {
  readonly id: string;
  readonly agentId: string;
  readonly versionId: VersionId;
  readonly rubric: string;
}

/** One step that is judged. */
export interface JudgedStep {
  readonly runId: RunId;
  readonly step: StepPath;
  readonly asked: string;
  readonly outputs: Parameters<typeof judgePrompt>[2];
  state: 'waiting' | 'asked' | 'over';
  askedAt: number;
}

/** The judging of one agent's part in one run: for a unit of a rollout, or only for the record. In memory; made again from the log. */
export interface Judging {
  readonly tenant: TenantId;
  readonly rootRunId: RunId;
  readonly judge: Judge;
  readonly steps: readonly JudgedStep[];
  readonly unit?: { readonly rolloutId: string; readonly seq: RolloutUnit['seq'] };
  /** A start, or the writing of the mean, is under way; `again`: something came meanwhile. */
  busy: boolean;
  again: boolean;
}

/** Key of a judging, by whom it is for. */
export const judgingKey = (rootRunId: RunId, rolloutId: string | undefined, agentId: string, scorer: string): string =>
  `${rootRunId} ${rolloutId ?? agentId} ${scorer}`;

/** The judge's run of a step is one, however often it is asked for. */
const evaluationKey = ({ unit, rootRunId, judge }: Judging, { runId, step }: JudgedStep): string =>
  `judge:${unit?.rolloutId ?? 'none'}:${rootRunId}:${judge.id}:${runId}:${step}`;

const ask = async (engine: Engine, judging: Judging, step: JudgedStep): Promise<void> => {
  const { tenant, rootRunId, judge } = judging;
  const runId = await startEvaluation(engine, {
    tenant,
    purpose: 'judge',
    ofRunId: step.runId,
    rootRunId,
    step: step.step,
    for: judge.id,
    agentId: judge.agentId,
    versionId: judge.versionId,
    prompt: judgePrompt(judge.rubric, step.asked, step.outputs),
    outputSchema: judgeSchema,
    key: evaluationKey(judging, step),
  });
  step.askedAt = engine.deps.clock.monotonicMs();
  if (step.state === 'waiting') step.state = 'asked';
  const head = await engine.deps.runs.readHead(tenant, runId);
  if (head === undefined || !isTerminalRun(head.status)) return;
  // It had answered before, and whoever was told may be gone.
  const judgement = judgementOf((await loadRun(engine, tenant, runId)).state);
  if (judgement === undefined) throw new DomainError('internal', 'the judge is no judge', { runId });
  await recordJudgement(engine, judgement);
  step.state = 'over';
};

const scoresOf = async (engine: Engine, { tenant, steps, judge }: Judging): Promise<readonly number[]> => {
  const judged = new Set(steps.map(({ runId, step }) => `${runId} ${step}`));
  const scores = await scoresOfRuns(
    engine,
    tenant,
    steps.map(({ runId }) => runId),
  );
  return scores
    .filter((score) => score.scorer === judge.id && judged.has(`${score.runId} ${score.step}`))
    .map(({ value }) => value);
};

/** Starts judges that have not begun, looks after those that are slow, and writes the unit's value once all are over. Throws `unavailable`. */
export const tendJudging = async (engine: Engine, key: string, judging: Judging): Promise<number> => {
  judging.again = true;
  if (judging.busy) return 0;
  judging.busy = true;
  let written = 0;
  try {
    while (judging.again) {
      judging.again = false;
      const now = engine.deps.clock.monotonicMs();
      for (const step of judging.steps) {
        const isDue = step.state === 'waiting' || (step.state === 'asked' && now - step.askedAt >= lookAgainMs);
        if (isDue) await ask(engine, judging, step);
      }
      written += await finishIfOver(engine, key, judging);
    }
  } finally {
    judging.busy = false;
  }
  return written;
};

const finishIfOver = async (engine: Engine, key: string, judging: Judging): Promise<number> => {
  if (judging.steps.some(({ state }) => state !== 'over')) return 0;
  const { unit, tenant, judge } = judging;
  let written = 0;
  if (unit !== undefined) {
    const mean = meanScore(await scoresOf(engine, judging));
    if (mean === undefined) engine.deps.meter.count(metric.scoresMissing, 1, { scorer: 'agent' });
    written = await writeValues(engine, { tenant, id: unit.rolloutId }, unit, scorerValues(judge.id, mean));
  }
  engine.scoring.judgings.delete(key);
  return written;
};

/** A judge has answered, or failed; its score, if it gave one, is recorded. Throws `unavailable`. */
export const stepJudged = async (
  engine: Engine,
  { tenant, rootRunId, ofRunId, step, scorer }: Judgement,
): Promise<void> => {
  for (const [key, judging] of engine.scoring.judgings) {
    if (judging.tenant !== tenant || judging.rootRunId !== rootRunId || judging.judge.id !== scorer) continue;
    const found = judging.steps.find((one) => one.runId === ofRunId && one.step === step);
    if (found === undefined) continue;
    found.state = 'over';
    await tendJudging(engine, key, judging);
  }
};
