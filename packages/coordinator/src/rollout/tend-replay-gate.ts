import type { RolloutRecord } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { loadReplay } from '../evaluation/replay-document.ts';
import type { Looked } from './act-on.ts';
import { actOn } from './act-on.ts';
import { liveOf } from './find-rollout.ts';

/** Whether somebody has to start it: without a person's word it begins in no other way than by its replay. */
const waitsForSomebody = ({ replayGate: gate }: RolloutRecord): boolean =>
  gate?.status === 'inconclusive' || gate?.held === true;

const isStale = async (engine: Engine, { tenant, agentId, stableVersionId }: RolloutRecord): Promise<boolean> =>
  (await engine.deps.projects.activeVersion(tenant, agentId))?.versionId !== stableVersionId;

/**
 * Lets the replay decide that a draft waits for: one that passed exposes the first units, unless another rollout of the agent was live when it
 * passed; one that failed ends it, and nothing was exposed; one that decided nothing leaves it to a person. Throws `unavailable`, `not_found`.
 */
export const tendReplayGate = async (engine: Engine, record: RolloutRecord): Promise<Looked> => {
  const { replayGate, tenant, agentId } = record;
  if (replayGate === undefined) return { outcome: 'idle' };
  const isRunning = replayGate.status === 'running';
  if (!isRunning && !waitsForSomebody(record)) return { outcome: 'idle' };
  const { replayId } = replayGate;
  const replay = isRunning ? (await loadReplay(engine, tenant, replayId))?.document : undefined;
  if (isRunning && replay === undefined)
    throw new DomainError('not_found', `there is no replay ${replayId}`, { replayId });
  if (replay?.status === 'running') return { outcome: 'idle' };
  // What it was to be compared with is no longer what runs get.
  if (await isStale(engine, record)) return actOn(engine, record, { type: 'cancel', reason: 'superseded' });
  if (replay === undefined) return { outcome: 'idle' };
  const { status, besideRolloutId } = replay;
  if (status !== 'passed') return actOn(engine, record, { type: 'replay', status });
  const wasBeside = besideRolloutId !== undefined || (await liveOf(engine, tenant, agentId)) !== undefined;
  if (wasBeside) return actOn(engine, record, { type: 'replay', status, held: true });
  const looked = await actOn(engine, record, { type: 'replay', status });
  // Another one was faster: it is not to begin unasked when that one ends.
  return looked.outcome === 'held' ? actOn(engine, record, { type: 'replay', status, held: true }) : looked;
};
