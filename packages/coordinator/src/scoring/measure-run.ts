import type {
  RolloutId,
  RolloutRecord,
  RolloutUnit,
  RunId,
  Scorer,
  TenantId,
  TreeFold,
  TreeMeasure,
} from '@skein/domain';
import { builtinMetrics, isLive, treeMeasureOf } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { judgedSteps, scoreByExpression } from './expression-scores.ts';
import { postedValue } from './posted-value.ts';
import { readTree } from './read-tree.ts';
import { sampledScorers, scorersOfRun } from './scorers-of.ts';
import { startJudges } from './start-judges.ts';
import { scoresOfRuns } from './tree-scores.ts';
import { endUnit, scorerValues, type UnitValues, writeValues } from './write-values.ts';

/** A tree and what it says of one agent. */
interface Measured {
  readonly tenant: TenantId;
  readonly rootRunId: RunId;
  readonly tree: TreeFold;
  readonly measure: TreeMeasure;
}

type Unit = RolloutUnit & { readonly rolloutId: RolloutId };

/** Every value of a unit that will get none. `isSilent`: its scorers had their chance. */
export const missingValues = (scorers: readonly Scorer[], isSilent: boolean): UnitValues =>
  Object.fromEntries([
    ...builtinMetrics.map((metric) => [metric, null] as const),
    ...scorers.flatMap(({ id }) => [[`score:${id}`, null] as const, [`missing:${id}`, isSilent ? 1 : null] as const]),
  ]);

/** What a scorer says at once; undefined: it answers later. */
const valuesAtOnce = async (
  engine: Engine,
  { tenant, tree, measure }: Measured,
  scorer: Scorer,
): Promise<UnitValues | undefined> => {
  if (scorer.kind === 'expression')
    return scorerValues(scorer.id, await scoreByExpression(engine, tenant, tree, measure, scorer));
  if (scorer.kind === 'agent') return undefined;
  const scores = await scoresOfRuns(
    engine,
    tenant,
    tree.runs.map(({ runId }) => runId),
  );
  const value = postedValue(scores, measure.agentId, scorer.id, judgedSteps(measure));
  return value === undefined ? undefined : scorerValues(scorer.id, value);
};

/** Asks the judges of an ended unit; a unit in which there is nothing to judge has its value at once: missing. Throws `unavailable`. */
export const judgeUnit = async (
  engine: Engine,
  record: Pick<RolloutRecord, 'tenant' | 'id'>,
  unit: Unit | RolloutUnit,
  measured: Measured,
  scorer: Extract<Scorer, { readonly kind: 'agent' }>,
): Promise<number> => {
  const forUnit = { rolloutId: record.id, seq: unit.seq };
  if (await startJudges(engine, measured, scorer, forUnit)) return 0;
  return writeValues(engine, record, unit, scorerValues(scorer.id, undefined));
};

const settleUnit = async (engine: Engine, record: RolloutRecord, unit: Unit, measured: Measured): Promise<number> => {
  const { measure } = measured;
  if (!measure.exposed || measure.migratedFor.has(record.id)) {
    await endUnit(engine, record, unit, 'void');
    return 0;
  }
  const scorers = sampledScorers(engine, record, unit);
  if (measure.cancelled) {
    const written = await writeValues(engine, record, unit, missingValues(scorers, false));
    await endUnit(engine, record, unit, 'ended');
    return written;
  }
  let written = await writeValues(engine, record, unit, measure.values);
  for (const scorer of scorers) {
    const values = await valuesAtOnce(engine, measured, scorer);
    if (values !== undefined) written += await writeValues(engine, record, unit, values);
  }
  await endUnit(engine, record, unit, 'ended');
  const judges = scorers.filter((scorer) => scorer.kind === 'agent');
  if (judges.length === 0) return written;
  // What has been decided is decided: nobody pays for judges any more.
  const now = await engine.deps.rollouts.find(record.tenant, record.id);
  if (now === undefined || !isLive(now.status)) return written;
  for (const scorer of judges) written += await judgeUnit(engine, record, unit, measured, scorer);
  return written;
};

/** Scores of an agent's part in a run that is no evidence; they are kept for people. */
const scoreForTheRecord = async (engine: Engine, measured: Measured): Promise<void> => {
  const { tenant, rootRunId, tree, measure } = measured;
  if (!measure.exposed || measure.cancelled) return;
  const decision = tree.decisions[measure.agentId];
  for (const scorer of await scorersOfRun(engine, tenant, rootRunId, measure.agentId, decision)) {
    if (scorer.kind === 'expression') await scoreByExpression(engine, tenant, tree, measure, scorer);
    else if (scorer.kind === 'agent') await startJudges(engine, measured, scorer);
  }
};

const measureNow = async (engine: Engine, tenant: TenantId, rootRunId: RunId): Promise<number | undefined> => {
  const { cache } = engine.scoring;
  const units = await engine.deps.rollouts.unitsOfRun(tenant, rootRunId);
  const tree = await readTree(engine, tenant, rootRunId);
  if (tree !== undefined && tree.ended === undefined) return undefined;
  let written = 0;
  const counted = new Set<string>();
  for (const unit of units) {
    const record = await cache.record(engine, tenant, unit.rolloutId);
    if (record === undefined) continue;
    counted.add(record.agentId);
    if (unit.state !== 'open') continue;
    if (tree === undefined) {
      // Its facts are gone: nobody can tell any more.
      written += await writeValues(engine, record, unit, missingValues(sampledScorers(engine, record, unit), true));
      await endUnit(engine, record, unit, 'ended');
      continue;
    }
    const measure = treeMeasureOf(tree, record.agentId);
    written += await settleUnit(engine, record, unit, { tenant, rootRunId, tree, measure });
  }
  if (tree === undefined) return written;
  for (const agentId of tree.agents.keys()) {
    if (counted.has(agentId)) continue;
    await scoreForTheRecord(engine, { tenant, rootRunId, tree, measure: treeMeasureOf(tree, agentId) });
  }
  return written;
};

/**
 * Measures a root run that is over: writes the values of its units, ends them, and scores its steps. Whoever does it again, or at the same time,
 * changes nothing: each value is written once, and here two that ask together share one work. Answers how many values are new; undefined while the
 * run goes on. Throws `unavailable`.
 */
export const measureRun = (engine: Engine, tenant: TenantId, rootRunId: RunId): Promise<number | undefined> => {
  const { measuring } = engine.scoring;
  const key = `${tenant} ${rootRunId}`;
  let work = measuring.get(key);
  if (work === undefined) {
    work = measureNow(engine, tenant, rootRunId).finally(() => measuring.delete(key));
    measuring.set(key, work);
  }
  return work;
};
