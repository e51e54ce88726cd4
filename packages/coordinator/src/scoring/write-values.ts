import type { RolloutRecord, RolloutUnit, RolloutValue } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';

/** What is written of one unit: values by metric; null: missing. */
export interface UnitValues {
  readonly [metric: string]: number | null;
}

/** The two values of a scorer: its score, and whether it is missing. */
export const scorerValues = (scorerId: string, score: number | undefined): UnitValues => ({
  [`score:${scorerId}`]: score ?? null,
  [`missing:${scorerId}`]: score === undefined ? 1 : 0,
});

/** Writes values of a unit, each once, and wakes who waits for them. Answers how many were new. Throws `unavailable`. */
export const writeValues = async (
  engine: Engine,
  record: Pick<RolloutRecord, 'tenant' | 'id'>,
  unit: Pick<RolloutUnit, 'seq'>,
  values: UnitValues,
): Promise<number> => {
  const at = engine.deps.clock.now();
  const rows = Object.entries(values).map(
    ([metric, value]): RolloutValue => ({ rolloutId: record.id, metric, seq: unit.seq, value, at }),
  );
  if (rows.length === 0) return 0;
  const written = await engine.deps.rollouts.recordValues(record.tenant, rows);
  if (written > 0) engine.evaluator.wake(record.tenant, record.id);
  return written;
};

/** Ends an open unit; values come first, so that a crash between leaves it open and it is measured again. Throws `unavailable`. */
export const endUnit = async (
  engine: Engine,
  record: Pick<RolloutRecord, 'tenant' | 'id'>,
  unit: Pick<RolloutUnit, 'seq'>,
  state: 'ended' | 'void',
): Promise<void> => {
  const at = engine.deps.clock.now();
  await engine.deps.rollouts.endUnits(record.tenant, [{ rolloutId: record.id, seq: unit.seq, state, at }]);
  engine.evaluator.wake(record.tenant, record.id);
};
