import type { JsonObject, JsonValue, RunFact, RunId, Scorer, StepPath, TenantId } from '@skein/domain';
import { isDomainError, isTerminalRun, scoreValue } from '@skein/domain';
import { fetchValue } from '../dispatch/stored-values.ts';
import type { Engine } from '../engine/engine.ts';
import { isPassing } from '../engine/is-passing.ts';
import { loadRun } from '../run/load-run.ts';
import { scorerVariables } from '../scoring/expression-scores.ts';
import { judgePrompt, judgeSchema } from '../scoring/judge-prompt.ts';
import { readAttempt } from './read-attempt.ts';
import type { PairJudge, PairValue, ReplayDocument, ReplayPair } from './replay-document.ts';
import { startEvaluation } from './start-evaluation.ts';

/** One side of a pair, as scorers see it. */
export interface ScoredSide {
  readonly runId: RunId;
  readonly step: StepPath;
  readonly outputs: JsonObject;
  readonly status: string;
  readonly durationMs: number;
  readonly usage: object;
  /** Of the recorded run, on both sides: the replayed one has none of its own. */
  readonly params: JsonObject;
}

/** What scorers see of the first whole attempt of a step; undefined when none ended. Throws `unavailable`, `not_found`. */
export const sideOf = async (
  engine: Engine,
  tenant: TenantId,
  facts: readonly RunFact[],
  place: { readonly runId: RunId; readonly step: StepPath },
  params: JsonObject,
): Promise<ScoredSide | undefined> => {
  const { result } = readAttempt(facts, place.step);
  if (result === undefined) return undefined;
  const outputs: { [name: string]: JsonValue } = {};
  for (const [name, ref] of Object.entries(result.outputs))
    outputs[name] = 'inline' in ref ? ref.inline : await fetchValue(engine, tenant, ref.digest);
  const { outcome, durationMs, usage = {} } = result;
  return { ...place, outputs, status: outcome.status, durationMs, usage, params };
};

/** The score of an expression; undefined when it has none. Throws `unavailable`. */
const expressionScore = (engine: Engine, expression: string, side: ScoredSide): number | undefined => {
  const { outputs, status, durationMs, usage, params } = side;
  try {
    const compiled = engine.deps.expressions.compile(expression, scorerVariables);
    return scoreValue(compiled.evaluate({ outputs, status, durationMs, usage, params }));
  } catch (thrown) {
    if (isPassing(thrown)) throw thrown;
    if (!isDomainError(thrown)) engine.deps.log.warn('a scorer failed', { runId: side.runId, error: thrown });
    return undefined;
  }
};

/** A replayed side without a score counts as 0, so that silence does not pass; a recorded side without one leaves the pair out. */
const pairScore = (recorded: number | undefined, replayed: number | undefined): PairValue | undefined =>
  recorded === undefined ? undefined : { recorded, replayed: replayed ?? 0 };

/** Scores of both sides by every expression among the scorers. Throws `unavailable`. */
export const expressionValues = (
  engine: Engine,
  scorers: readonly Scorer[],
  recorded: ScoredSide | undefined,
  replayed: ScoredSide | undefined,
): { readonly [metric: string]: PairValue } => {
  const values: { [metric: string]: PairValue } = {};
  for (const scorer of scorers) {
    if (scorer.kind !== 'expression' || recorded === undefined) continue;
    const then = expressionScore(engine, scorer.expression, recorded);
    const now = replayed === undefined ? undefined : expressionScore(engine, scorer.expression, replayed);
    const value = pairScore(then, now);
    if (value !== undefined) values[`score:${scorer.id}`] = value;
  }
  return values;
};

/** Asks every judge about both sides: one ruler, at one time. Idempotent by the pair's place. Throws what `startEvaluation` throws. */
export const askJudges = async (
  engine: Engine,
  tenant: TenantId,
  { id, scorers }: Pick<ReplayDocument, 'id' | 'scorers'>,
  place: number,
  { rootRunId }: ReplayPair,
  asked: string,
  sides: { readonly recorded: ScoredSide | undefined; readonly replayed: ScoredSide | undefined },
): Promise<readonly PairJudge[]> => {
  const judges: PairJudge[] = [];
  for (const scorer of scorers) {
    if (scorer.kind !== 'agent') continue;
    for (const side of ['recorded', 'replayed'] as const) {
      const about = sides[side];
      if (about === undefined || about.status !== 'succeeded') continue;
      const runId = await startEvaluation(engine, {
        tenant,
        purpose: 'replay',
        ofRunId: about.runId,
        rootRunId,
        step: about.step,
        for: id,
        agentId: scorer.agentId,
        versionId: scorer.versionId,
        prompt: judgePrompt(scorer.rubric, asked, about.outputs),
        outputSchema: judgeSchema,
        key: `${id}/${place}/${scorer.id}/${side}`,
      });
      judges.push({ scorer: scorer.id, side, runId });
    }
  }
  return judges;
};

/** What the judges said; undefined while one of them is at work. Throws `unavailable`. */
export const judgedValues = async (
  engine: Engine,
  tenant: TenantId,
  judges: readonly PairJudge[],
): Promise<{ readonly [metric: string]: PairValue } | undefined> => {
  const scores = new Map<string, number | undefined>();
  for (const { scorer, side, runId } of judges) {
    const head = await engine.deps.runs.readHead(tenant, runId);
    if (head !== undefined && !isTerminalRun(head.status)) return undefined;
    scores.set(`${side} ${scorer}`, head === undefined ? undefined : await scoreOf(engine, tenant, runId));
  }
  const values: { [metric: string]: PairValue } = {};
  for (const { scorer } of judges) {
    const value = pairScore(scores.get(`recorded ${scorer}`), scores.get(`replayed ${scorer}`));
    if (value !== undefined) values[`score:${scorer}`] = value;
  }
  return values;
};

const scoreOf = async (engine: Engine, tenant: TenantId, runId: RunId): Promise<number | undefined> => {
  const { state } = await loadRun(engine, tenant, runId);
  const [step] = [...state.steps.values()];
  const score = state.status === 'succeeded' ? step?.result?.outputs['score'] : undefined;
  return score !== undefined && 'inline' in score ? scoreValue(score.inline) : undefined;
};
