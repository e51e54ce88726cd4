import type { RolloutRecord, RolloutUnit, Scorer } from '@skein/domain';
import { isTerminalRun, treeMeasureOf } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { pauseOf } from '../engine/pause-of.ts';
import { judgedSteps } from './expression-scores.ts';
import { judgingKey, tendJudging } from './judging.ts';
import { judgeUnit, measureRun, missingValues } from './measure-run.ts';
import { postedValue } from './posted-value.ts';
import { readTree } from './read-tree.ts';
import { sampledScorers } from './scorers-of.ts';
import type { SettledPlace } from './scoring.ts';
import { scoresOfRuns } from './tree-scores.ts';
import { endUnit, scorerValues, writeValues } from './write-values.ts';

/** Units that are read at once, and at most in one call: the next call goes on. */
const pageUnits = 500;
const maxPages = 40;

/** The run of an open unit is looked at when it is first seen, and again so often (ms): it may have ended at a coordinator that is gone. */
const lookAgainMs = 30_000;

/** Whether all of a unit is settled, and how many values are new. */
interface Settled {
  readonly isDone: boolean;
  readonly values: number;
}

const settleOpen = async (
  engine: Engine,
  record: RolloutRecord,
  unit: RolloutUnit,
  place: SettledPlace,
): Promise<Settled> => {
  const { clock, runs } = engine.deps;
  if (clock.now() >= unit.at + record.runDeadlineMs) {
    const values = missingValues(sampledScorers(engine, record, unit), true);
    const written = await writeValues(engine, record, unit, values);
    await endUnit(engine, record, unit, 'ended');
    return { isDone: true, values: written };
  }
  const now = clock.monotonicMs();
  if (now - (place.looked.get(unit.seq) ?? Number.NEGATIVE_INFINITY) < lookAgainMs) return { isDone: false, values: 0 };
  place.looked.set(unit.seq, now);
  const head = await runs.readHead(record.tenant, unit.runId);
  if (head === undefined || !isTerminalRun(head.status)) return { isDone: false, values: 0 };
  return { isDone: false, values: (await measureRun(engine, record.tenant, unit.runId)) ?? 0 };
};

const lateValue = async (
  engine: Engine,
  record: RolloutRecord,
  unit: RolloutUnit,
  scorer: Scorer,
): Promise<number | undefined> => {
  if (scorer.kind === 'expression') return undefined;
  const { tenant, agentId } = record;
  const tree = await readTree(engine, tenant, unit.runId);
  if (tree === undefined) return undefined;
  const scores = await scoresOfRuns(
    engine,
    tenant,
    tree.runs.map(({ runId }) => runId),
  );
  return postedValue(scores, agentId, scorer.id, judgedSteps(treeMeasureOf(tree, agentId)), true);
};

const settleScorer = async (
  engine: Engine,
  record: RolloutRecord,
  unit: RolloutUnit,
  scorer: Scorer,
): Promise<number> => {
  const { tenant, id, agentId } = record;
  const key = judgingKey(unit.runId, id, agentId, scorer.id);
  if (engine.deps.clock.now() >= (unit.endedAt ?? unit.at) + record.valueDeadlineMs) {
    engine.scoring.judgings.delete(key);
    return writeValues(engine, record, unit, scorerValues(scorer.id, await lateValue(engine, record, unit, scorer)));
  }
  if (scorer.kind !== 'agent') return 0;
  const judging = engine.scoring.judgings.get(key);
  if (judging !== undefined) return tendJudging(engine, key, judging);
  // Whoever had asked is gone: the same key finds the judges' runs again.
  const tree = await readTree(engine, tenant, unit.runId);
  if (tree === undefined) return writeValues(engine, record, unit, scorerValues(scorer.id, undefined));
  const measure = treeMeasureOf(tree, agentId);
  return judgeUnit(engine, record, unit, { tenant, rootRunId: unit.runId, tree, measure }, scorer);
};

const settleEnded = async (engine: Engine, record: RolloutRecord, unit: RolloutUnit): Promise<Settled> => {
  const open = sampledScorers(engine, record, unit).filter(({ id }) => unit.values[`score:${id}`] === undefined);
  let values = 0;
  for (const scorer of open) values += await settleScorer(engine, record, unit, scorer);
  return { isDone: open.length === 0, values };
};

const settleUnit = (
  engine: Engine,
  record: RolloutRecord,
  unit: RolloutUnit,
  place: SettledPlace,
): Promise<Settled> | Settled => {
  if (unit.state === 'void') return { isDone: true, values: 0 };
  return unit.state === 'open' ? settleOpen(engine, record, unit, place) : settleEnded(engine, record, unit);
};

const placeOf = async (engine: Engine, { tenant, id }: RolloutRecord): Promise<SettledPlace> => {
  const key = `${tenant} ${id}`;
  const known = engine.scoring.places.get(key);
  if (known !== undefined) return known;
  const { evidence } = await engine.deps.rollouts.loadEvidence(tenant, id);
  const place = engine.scoring.places.get(key) ?? { from: evidence?.settledSeq ?? 0, looked: new Map(), busy: false };
  engine.scoring.places.set(key, place);
  return place;
};

const settleAll = async (engine: Engine, record: RolloutRecord, place: SettledPlace): Promise<number> => {
  const pause = pauseOf(engine.deps.clock);
  let values = 0;
  let isPrefix = true;
  let after = place.from;
  for (let page = 0; page < maxPages; page += 1) {
    const units = await engine.deps.rollouts.readUnits(record.tenant, record.id, after, pageUnits);
    for (const unit of units) {
      after = unit.seq;
      let settled: Settled = { isDone: false, values: 0 };
      try {
        settled = await settleUnit(engine, record, unit, place);
      } catch (error) {
        engine.deps.log.warn('a unit could not be settled', { rolloutId: record.id, seq: unit.seq, error });
      }
      values += settled.values;
      if (settled.isDone) place.looked.delete(unit.seq);
      else isPrefix = false;
      if (isPrefix) place.from = unit.seq;
    }
    if (units.length < pageUnits) break;
    await pause();
  }
  return values;
};

/**
 * Catches up with a rollout: measures open units whose run is over, asks judges that are to be asked, and writes missing values whose deadline
 * passed. Answers how many values are new. Idempotent; a second call meanwhile does nothing. What one unit throws costs only that unit. Throws
 * `unavailable`.
 */
export const settleScores = async (engine: Engine, record: RolloutRecord): Promise<{ readonly values: number }> => {
  const place = await placeOf(engine, record);
  if (place.busy) return { values: 0 };
  place.busy = true;
  try {
    return { values: await settleAll(engine, record, place) };
  } finally {
    place.busy = false;
  }
};
