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

/** Units that are read at once, and pages in one call: the next call goes on. */
const pageUnits = 500;
const maxPages = 40;

/** A unit that is not settled is looked at again after so long (ms) at the latest: its run may have ended at a coordinator that is gone. */
const lookAgainMs = 30_000;
/** The same, where something is under way. */
const soonMs = 1_000;

/** How many values are new, and when (ms from now) to look again; undefined: all of the unit is settled. */
interface Settled {
  readonly values: number;
  readonly againMs?: number;
}

const settleOpen = async (
  engine: Engine,
  record: RolloutRecord,
  unit: RolloutUnit,
  isFirst: boolean,
): Promise<Settled> => {
  const { clock, runs } = engine.deps;
  const leftMs = unit.at + record.runDeadlineMs - clock.now();
  if (leftMs <= 0) {
    const values = missingValues(sampledScorers(engine, record, unit), true);
    const written = await writeValues(engine, record, unit, values);
    await endUnit(engine, record, unit, 'ended');
    return { values: written };
  }
  const againMs = Math.min(lookAgainMs, leftMs);
  // Its end will be told here, unless it came before there was somebody to tell.
  if (isFirst && unit.at > engine.scoring.startedAt) return { values: 0, againMs };
  const head = await runs.readHead(record.tenant, unit.runId);
  if (head === undefined || !isTerminalRun(head.status)) return { values: 0, againMs };
  return { values: (await measureRun(engine, record.tenant, unit.runId)) ?? 0, againMs: Math.min(soonMs, leftMs) };
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
  if (open.length === 0) return { values: 0 };
  let values = 0;
  for (const scorer of open) values += await settleScorer(engine, record, unit, scorer);
  const leftMs = (unit.endedAt ?? unit.at) + record.valueDeadlineMs - engine.deps.clock.now();
  return { values, againMs: leftMs <= 0 ? 0 : Math.min(lookAgainMs, leftMs) };
};

const settleUnit = async (
  engine: Engine,
  record: RolloutRecord,
  unit: RolloutUnit,
  place: SettledPlace,
): Promise<number> => {
  const isFirst = !place.pending.has(unit.seq);
  let settled: Settled = { values: 0, againMs: soonMs };
  try {
    if (unit.state === 'void') settled = { values: 0 };
    else if (unit.state === 'open') settled = await settleOpen(engine, record, unit, isFirst);
    else settled = await settleEnded(engine, record, unit);
  } catch (error) {
    engine.deps.log.warn('a unit could not be settled', { rolloutId: record.id, seq: unit.seq, error });
  }
  const { againMs, values } = settled;
  if (againMs === undefined) place.pending.delete(unit.seq);
  else place.pending.set(unit.seq, engine.deps.clock.monotonicMs() + againMs);
  return values;
};

const placeOf = async (engine: Engine, { tenant, id }: RolloutRecord): Promise<SettledPlace> => {
  const key = `${tenant} ${id}`;
  const { places } = engine.scoring;
  const known = places.get(key);
  if (known !== undefined) return known;
  const { evidence } = await engine.deps.rollouts.loadEvidence(tenant, id);
  const place = places.get(key) ?? { next: evidence?.settledSeq ?? 0, pending: new Map<number, number>(), busy: false };
  places.set(key, place);
  return place;
};

/** Units that were never looked at. */
const settleNew = async (engine: Engine, record: RolloutRecord, place: SettledPlace): Promise<number> => {
  const pause = pauseOf(engine.deps.clock);
  let values = 0;
  for (let page = 0; page < maxPages; page += 1) {
    const units = await engine.deps.rollouts.readUnits(record.tenant, record.id, place.next, pageUnits);
    for (const unit of units) {
      values += await settleUnit(engine, record, unit, place);
      place.next = unit.seq;
    }
    if (units.length < pageUnits) break;
    await pause();
  }
  return values;
};

/** Units whose time has come. */
const settlePending = async (engine: Engine, record: RolloutRecord, place: SettledPlace): Promise<number> => {
  const { clock, rollouts } = engine.deps;
  const pause = pauseOf(clock);
  const now = clock.monotonicMs();
  const due = [...place.pending].filter(([, at]) => at <= now).map(([seq]) => seq);
  const open = new Set(due.toSorted((a, b) => a - b));
  let values = 0;
  for (let page = 0; page < maxPages && open.size > 0; page += 1) {
    const [first = 0] = open;
    const units = await rollouts.readUnits(record.tenant, record.id, first - 1, pageUnits);
    for (const unit of units) if (open.delete(unit.seq)) values += await settleUnit(engine, record, unit, place);
    open.delete(first);
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
    const pending = await settlePending(engine, record, place);
    return { values: pending + (await settleNew(engine, record, place)) };
  } finally {
    place.busy = false;
  }
};
