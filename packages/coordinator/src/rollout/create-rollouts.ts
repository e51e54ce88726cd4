import type { RolloutCommand, RolloutRecord } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { listReplays, readReplay, startReplay } from '../evaluation/replay.ts';
import { findAgentVersion } from '../project/agent-versions.ts';
import { listScores } from '../scoring/list-scores.ts';
import { postScore } from '../scoring/post-score.ts';
import { activateRollout, commandCurrent, rollbackRollout, verdictNow } from './change-rollout.ts';
import { currentOf, requireAgent, requireRollout } from './find-rollout.ts';
import { freezeAgent, readFreeze, unfreezeAgent } from './freeze-agent.ts';
import { patchRollout } from './patch-rollout.ts';
import { promoteRollout } from './promote-rollout.ts';
import { listObservations, listRollouts, readResults, readRolloutEvents } from './read-rollouts.ts';
import { frozenScorers } from './resolve-start.ts';
import type { Rollouts } from './rollout-api.ts';
import { forecastRollout, startRollout } from './start-rollout.ts';
import { viewRollout } from './view-rollout.ts';
import { watchRollout } from './watch-rollout.ts';

/** Replays that one list shows. */
const maxReplays = 100;

/** The use cases of rollouts. */
export const createRollouts = (engine: Engine): Rollouts => {
  const pauseCommand = async (record: RolloutRecord): Promise<RolloutCommand> => {
    const evidence = (await verdictNow(engine, record))?.summary;
    return { type: 'pause', reason: 'requested', ...(evidence === undefined ? {} : { evidence }) };
  };
  return {
    start: (tenant, agent, start, by) => startRollout(engine, tenant, agent, start, by),
    forecast: (tenant, agent, start) => forecastRollout(engine, tenant, agent, start),
    current: async (tenant, agent) => {
      await requireAgent(engine, tenant, agent);
      const record = await currentOf(engine, tenant, agent);
      return record === undefined ? undefined : viewRollout(engine, record);
    },
    read: async (tenant, rolloutId) => viewRollout(engine, await requireRollout(engine, tenant, rolloutId)),
    activate: (tenant, agent, options, by) => activateRollout(engine, tenant, agent, options, by),
    patch: (tenant, agent, patch, by) => patchRollout(engine, tenant, agent, patch, by),
    pause: async (tenant, agent, options, by) => commandCurrent(engine, tenant, agent, options, by, pauseCommand),
    resume: async (tenant, agent, options, by) =>
      commandCurrent(engine, tenant, agent, options, by, () => ({ type: 'resume' })),
    approve: async (tenant, agent, options, by) =>
      commandCurrent(engine, tenant, agent, options, by, () => ({ type: 'approve' })),
    promote: (tenant, agent, options, by) => promoteRollout(engine, tenant, agent, options, by),
    rollback: (tenant, agent, options, by) => rollbackRollout(engine, tenant, agent, options, by),
    cancel: async (tenant, agent, options, by) =>
      commandCurrent(engine, tenant, agent, options, by, () => ({ type: 'cancel', reason: 'requested' })),
    results: (tenant, agent, rolloutId) => readResults(engine, tenant, agent, rolloutId),
    list: (tenant, agent, page, perPage) => listRollouts(engine, tenant, agent, page, perPage),
    observations: (tenant, agent, options) => listObservations(engine, tenant, agent, options),
    events: (tenant, afterSeq, limit) => readRolloutEvents(engine, tenant, afterSeq, limit),
    watch: (tenant, agent, signal) => watchRollout(engine, tenant, agent, signal),
    freeze: (tenant, agent, reason, by) => freezeAgent(engine, tenant, agent, reason, by),
    unfreeze: (tenant, agent, by) => unfreezeAgent(engine, tenant, agent, by),
    readFreeze: (tenant, agent) => readFreeze(engine, tenant, agent),
    postScore: (tenant, runId, score, by) => postScore(engine, tenant, runId, score, by),
    listScores: (tenant, runId) => listScores(engine, tenant, runId),
    startReplay: async (tenant, agent, { candidate, scorers, ...replay }, _by) => {
      await requireAgent(engine, tenant, agent);
      const { versionId } = await findAgentVersion(engine, tenant, agent, candidate);
      const declared = scorers ?? (await engine.deps.projects.agentSettings(tenant, agent))?.scorers ?? [];
      return startReplay(engine, tenant, agent, {
        ...replay,
        candidateVersionId: versionId,
        scorers: await frozenScorers(engine, tenant, declared),
      });
    },
    readReplay: (tenant, replayId) => readReplay(engine, tenant, replayId),
    listReplays: async (tenant, agent, limit) => {
      await requireAgent(engine, tenant, agent);
      return listReplays(engine, tenant, agent, Math.max(1, Math.min(limit, maxReplays)));
    },
  };
};
