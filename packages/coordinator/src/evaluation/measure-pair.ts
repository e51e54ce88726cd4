import type { JsonObject, RunFact, RunState, TenantId } from '@skein/domain';
import { isDomainError } from '@skein/domain';
import { fetchValue } from '../dispatch/stored-values.ts';
import type { Engine } from '../engine/engine.ts';
import { isPassing } from '../engine/is-passing.ts';
import { readLogFacts } from '../query/read-log-facts.ts';
import { loadRun } from '../run/load-run.ts';
import { builtinPairValues } from './compare-pairs.ts';
import type { AttemptValues } from './read-attempt.ts';
import { readAttempt, valuesOfAttempt } from './read-attempt.ts';
import type { ReplayDocument, ReplayPair } from './replay-document.ts';
import type { ScoredSide } from './score-pair.ts';
import { askJudges, expressionValues, judgedValues, sideOf } from './score-pair.ts';

/** What an evaluation run that is over says of the version that it tried, or why it says nothing. */
export type EvaluationOutcome =
  | { readonly kind: 'measured'; readonly values: AttemptValues; readonly divergedCalls?: number }
  | { readonly kind: 'nothing'; readonly reason: string };

const hasBegun = (facts: readonly RunFact[]): boolean =>
  facts.some((fact) => fact.type === 'turn_planned' || (fact.type === 'step_lost' && fact.started));

const nothing = (reason: string): EvaluationOutcome => ({ kind: 'nothing', reason });

/** Of a run that is over. What keeps a step from being tried (a record that is gone, no worker, a cancel) is not held against the version. */
export const outcomeOf = (state: RunState, facts: readonly RunFact[]): EvaluationOutcome => {
  const [path = ''] = [...state.steps.keys()];
  const attempt = readAttempt(facts, path);
  const { result } = attempt;
  if (result?.outcome.status === 'failed') {
    const { code, message, details } = result.outcome.error;
    const reason = (details as { readonly reason?: unknown } | undefined)?.reason;
    if (reason === 'playback') return nothing(`${code}: ${message}`);
  }
  const values = valuesOfAttempt(attempt);
  if (values !== undefined) {
    const diverged = result?.usage?.divergedCalls;
    return { kind: 'measured', values, ...(diverged === undefined ? {} : { divergedCalls: diverged }) };
  }
  if (state.cancel?.reason === 'timeout') {
    return hasBegun(facts)
      ? { kind: 'measured', values: { error: 1, latency: attempt.toolMs } }
      : nothing('no worker took it in time');
  }
  if (state.cancel !== undefined) return nothing(`it was cancelled by ${state.cancel.by}`);
  const error = state.error ?? [...state.steps.values()][0]?.error;
  return nothing(error === undefined ? 'its worker was lost' : `${error.code}: ${error.message}`);
};

const paramsOf = async (engine: Engine, tenant: TenantId, facts: readonly RunFact[]): Promise<JsonObject> => {
  const [first] = facts;
  if (first?.type !== 'run_submitted') return {};
  return first.paramsRef === undefined
    ? { ...first.params }
    : ((await fetchValue(engine, tenant, first.paramsRef.digest)) as JsonObject);
};

/** Both sides as scorers see them; a side whose log or outputs are gone has nothing to score. Throws `unavailable`. */
const sidesOf = async (
  engine: Engine,
  tenant: TenantId,
  pair: ReplayPair,
  state: RunState,
  facts: readonly RunFact[],
): Promise<{ readonly recorded: ScoredSide | undefined; readonly replayed: ScoredSide | undefined }> => {
  try {
    const then = await readLogFacts(engine, tenant, pair.runId);
    const params = await paramsOf(engine, tenant, then);
    const [step = ''] = [...state.steps.keys()];
    return {
      recorded: await sideOf(engine, tenant, then, { runId: pair.runId, step: pair.step }, params),
      replayed: await sideOf(engine, tenant, facts, { runId: state.runId, step }, params),
    };
  } catch (thrown) {
    if (isPassing(thrown) || !isDomainError(thrown)) throw thrown;
    return { recorded: undefined, replayed: undefined };
  }
};

const finishJudged = async (engine: Engine, tenant: TenantId, pair: ReplayPair): Promise<ReplayPair> => {
  const judged = await judgedValues(engine, tenant, pair.judges ?? []);
  return judged === undefined ? pair : { ...pair, state: 'done', values: { ...pair.values, ...judged } };
};

/** The pair after another look: the same one while its runs go on. Throws `unavailable`. */
export const lookAtPair = async (
  engine: Engine,
  tenant: TenantId,
  document: ReplayDocument,
  place: number,
  pair: ReplayPair,
): Promise<ReplayPair> => {
  if (pair.judges !== undefined) return finishJudged(engine, tenant, pair);
  const { replayRunId, recorded } = pair;
  const head = replayRunId === undefined ? undefined : await engine.deps.runs.readHead(tenant, replayRunId);
  if (replayRunId === undefined || head === undefined || recorded === undefined)
    return { ...pair, state: 'failed', reason: 'its run is gone' };
  if (head.finishedAt === undefined) return pair;
  const { state } = await loadRun(engine, tenant, replayRunId);
  const facts = await readLogFacts(engine, tenant, replayRunId);
  const outcome = outcomeOf(state, facts);
  if (outcome.kind === 'nothing') return { ...pair, state: 'failed', reason: outcome.reason };
  const diverged = outcome.divergedCalls === undefined ? {} : { divergedCalls: outcome.divergedCalls };
  const sides =
    document.scorers.length === 0
      ? { recorded: undefined, replayed: undefined }
      : await sidesOf(engine, tenant, pair, state, facts);
  const values = {
    ...builtinPairValues(recorded, outcome.values),
    ...expressionValues(engine, document.scorers, sides.recorded, sides.replayed),
  };
  const { prompt } = state.params;
  const asked = typeof prompt === 'string' ? prompt : '';
  const judges = await askJudges(engine, tenant, document, place, pair, asked, sides);
  if (judges.length === 0) return { ...pair, ...diverged, values, state: 'done' };
  return finishJudged(engine, tenant, { ...pair, ...diverged, values, judges });
};
