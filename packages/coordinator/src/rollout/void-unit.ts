import type { RolloutRecord, RunId } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';

/** Takes the unit of a run that is changed under way out of the evidence; that of a run which ended stays as it was measured. Idempotent. */
export const voidUnit = async (engine: Engine, record: RolloutRecord, rootRunId: RunId): Promise<void> => {
  const { rollouts, clock, log } = engine.deps;
  const units = await rollouts.unitsOfRun(record.tenant, rootRunId);
  const open = units.filter(({ rolloutId, state }) => rolloutId === record.id && state === 'open');
  if (open.length === 0) return;
  const at = clock.now();
  await rollouts.endUnits(
    record.tenant,
    open.map(({ seq }) => ({ rolloutId: record.id, seq, state: 'void', at })),
  );
  log.info('the unit of a run that is migrated leaves the evidence', { runId: rootRunId, rolloutId: record.id });
};
