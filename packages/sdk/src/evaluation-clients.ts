import { segment } from './list-page.ts';
import type { PostScoreInput, ReplayInput } from './rollout-input-wire.ts';
import type { FreezeInfo, PostedScore, ReplayInfo, ScoreInfo } from './rollout-log-wire.ts';
import type { Transport } from './transport.ts';

/** Recorded steps that are tried again on a candidate. */
export interface ReplaysClient {
  /** Not repeated by itself: two calls start two replays. */
  start(agentId: string, input: ReplayInput): Promise<ReplayInfo>;
  get(agentId: string, replayId: string): Promise<ReplayInfo>;
  /** Newest first. */
  list(agentId: string, input?: { readonly limit?: number }): Promise<readonly ReplayInfo[]>;
}

/** Scores of runs. */
export interface ScoresClient {
  /** Each scorer scores a run, or a step of it, once; a repetition changes nothing. */
  post(runId: string, input: PostScoreInput): Promise<PostedScore>;
  list(runId: string): Promise<readonly ScoreInfo[]>;
}

/** The switch that sends every run of an agent to its active version. */
export interface FreezesClient {
  get(agentId: string): Promise<FreezeInfo | undefined>;
  set(agentId: string, reason: string): Promise<FreezeInfo>;
  /** Doing it twice is fine. */
  end(agentId: string): Promise<void>;
}

/** The part of the client that deals with replays. */
export const createReplaysClient = (transport: Transport): ReplaysClient => {
  const all = (agentId: string) => `/api/agents/${segment(agentId)}/replays`;
  return {
    start: (agentId, input) => transport.json({ method: 'POST', path: all(agentId), body: input, idempotent: false }),
    get: (agentId, replayId) =>
      transport.json({ method: 'GET', path: `${all(agentId)}/${segment(replayId)}`, idempotent: true }),
    list: async (agentId, { limit } = {}) => {
      const page = { method: 'GET', path: all(agentId), query: { limit }, idempotent: true } as const;
      return (await transport.json<{ readonly items: readonly ReplayInfo[] }>(page)).items;
    },
  };
};

/** The part of the client that deals with scores. */
export const createScoresClient = (transport: Transport): ScoresClient => {
  const path = (runId: string) => `/api/runs/${segment(runId)}/scores`;
  return {
    post: (runId, input) => transport.json({ method: 'POST', path: path(runId), body: input, idempotent: true }),
    list: async (runId) =>
      (
        await transport.json<{ readonly items: readonly ScoreInfo[] }>({
          method: 'GET',
          path: path(runId),
          idempotent: true,
        })
      ).items,
  };
};

/** The part of the client that deals with freezes. */
export const createFreezesClient = (transport: Transport): FreezesClient => {
  const path = (agentId: string) => `/api/agents/${segment(agentId)}/freeze`;
  return {
    get: async (agentId) =>
      (await transport.json<FreezeInfo | null>({ method: 'GET', path: path(agentId), idempotent: true })) ?? undefined,
    set: (agentId, reason) =>
      transport.json({ method: 'PUT', path: path(agentId), body: { reason }, idempotent: true }),
    end: async (agentId) => {
      await transport.send({ method: 'DELETE', path: path(agentId), idempotent: true });
    },
  };
};
