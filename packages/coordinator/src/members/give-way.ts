import { DomainError } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { endSession } from '../fleet/end-session.ts';

/**
 * Another process has the name of this coordinator, and is later: this one was taken for dead, or the name was given twice. It ends its
 * streams, so that workers and peers find the other, is not ready any more, and says so to whoever can end it.
 */
export const giveWay = (engine: Engine): void => {
  const { deps, config, peers, fleet } = engine;
  deps.log.error('another process has taken over the name of this coordinator: nothing is done here any more', {
    coordinatorId: config.coordinatorId,
  });
  for (const session of fleet.sessions) {
    if (session.via !== undefined) continue;
    endSession(engine, session, new DomainError('unavailable', 'the coordinator was replaced'), 'moved', true);
  }
  peers.stop();
  deps.onReplaced?.();
};
