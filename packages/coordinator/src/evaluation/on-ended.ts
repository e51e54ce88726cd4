import type { RunState } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { judgeEnded } from '../scoring/judge-ended.ts';
import { shadowEnded } from './shadow.ts';
import { tendReplays } from './tend-replays.ts';

/**
 * An evaluation run is over, and that is durable: hands it to its purpose. Cheap; never throws; keeps nothing of `state`. Does nothing for
 * other runs. What a crash loses of it is found again: judges and replays by the next look, shadows not at all.
 */
export const onEvaluationEnded = (engine: Engine, state: RunState): void => {
  const { source } = state;
  if (source.kind !== 'evaluation') return;
  switch (source.purpose) {
    case 'judge':
      judgeEnded(engine, state);
      return;
    case 'replay':
      void tendReplays(engine);
      return;
    case 'shadow':
      shadowEnded(engine, state, source);
  }
};
