import type { RolloutRecord } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { readReplay } from '../evaluation/replay.ts';
import type { Looked } from './act-on.ts';
import { actOn } from './act-on.ts';

/**
 * Lets the replay decide that a draft waits for: one that passed exposes the first units, one that did not ends it; nothing was exposed. What is
 * not clear has not passed. Throws `unavailable`, `not_found`.
 */
export const tendReplayGate = async (engine: Engine, record: RolloutRecord): Promise<Looked> => {
  const { replayGate, tenant, agentId } = record;
  if (replayGate?.status !== 'running') return { outcome: 'idle' };
  const { status } = await readReplay(engine, tenant, replayGate.replayId);
  if (status === 'running') return { outcome: 'idle' };
  const active = await engine.deps.projects.activeVersion(tenant, agentId);
  // What it was to be compared with is no longer what runs get.
  if (active?.versionId !== record.stableVersionId)
    return actOn(engine, record, { type: 'cancel', reason: 'superseded' });
  return actOn(engine, record, { type: 'replay', status: status === 'passed' ? 'passed' : 'failed' });
};
