import type { RolloutCommand, RolloutRecord } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import { changeOf } from './change-of.ts';
import { commitChange, evaluatorName } from './commit-change.ts';

/**
 * How a look ended. `lost`: somebody else wrote meanwhile, to be looked at again. `held`: there is something to do, and it is too early to try
 * again. `failed`: it could not be written.
 */
export type Looked =
  | { readonly outcome: 'idle' | 'acted' | 'lost' | 'held' }
  | { readonly outcome: 'failed'; readonly action: string; readonly error: unknown };

/** Writes what an evaluator decided, by compare-and-set. Evidence is kept whatever becomes of the action. Never throws. */
export const actOn = async (engine: Engine, record: RolloutRecord, command: RolloutCommand): Promise<Looked> => {
  const { meter, clock } = engine.deps;
  const action = command.type;
  try {
    const change = changeOf(record, command, { actor: evaluatorName }, clock.now());
    const outcome = await commitChange(engine, change);
    meter.count(metric.rolloutActions, 1, { action, outcome: outcome.status });
    if (outcome.status === 'updated') return { outcome: 'acted' };
    // First wins; the others re-read and stop. A draft waits for the rollout that holds its agent.
    if (outcome.status === 'conflict')
      return { outcome: outcome.current === undefined || outcome.current.id === record.id ? 'lost' : 'held' };
    return { outcome: 'failed', action, error: 'the active version is not the stable one' };
  } catch (error) {
    meter.count(metric.rolloutActions, 1, { action, outcome: 'failed' });
    return { outcome: 'failed', action, error };
  }
};
