import type { RunState } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';

/**
 * A root run is over, and that is durable: its tree will be measured. Cheap, never throws, keeps nothing of `state`. Called runs are measured
 * with their root, and evaluation runs never.
 */
export const onRootEnded = (engine: Engine, { tenant, runId, source, agents }: RunState): void => {
  if (source.kind === 'call' || source.kind === 'evaluation') return;
  const used = Object.entries(agents).map(([agentId, decision]) => ({
    agentId,
    isUnit: decision.source === 'segments',
    ...(decision.rolloutId === undefined ? {} : { rolloutId: decision.rolloutId }),
  }));
  if (used.length > 0) engine.scoring.ended({ tenant, runId, agents: used });
};
