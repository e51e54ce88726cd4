import type { AgentFreeze, RolloutId, RunId, Score, TenantId } from '@skein/domain';
import type { Observation, Page, RolloutEventPage } from '@skein/ports';
import type { By, PatchRollout, PostScore, ReplayInput, StartRollout } from './rollout-requests.ts';
import type { ReplayView, RolloutForecast, RolloutResults, RolloutView } from './rollout-views.ts';

/**
 * Rollouts of agents. `agent` is an agent id. Errors: `not_found` (agent, version, rollout), `invalid_argument` (shape), `unprocessable` (a rule or plan
 * that can never work), `version_conflict` (revision; `details.current` is the record's view), `already_exists` (another one is live),
 * `illegal_transition` (status), `unavailable`.
 */
export interface Rollouts {
  start(
    tenant: TenantId,
    agent: string,
    start: StartRollout,
    by: By,
  ): Promise<{ readonly rollout: RolloutView; readonly forecast: RolloutForecast }>;
  /** What `start` would say; changes nothing. */
  forecast(tenant: TenantId, agent: string, start: StartRollout): Promise<RolloutForecast>;
  /** The live one, else the newest draft, else undefined. */
  current(tenant: TenantId, agent: string): Promise<RolloutView | undefined>;
  read(tenant: TenantId, rolloutId: RolloutId): Promise<RolloutView>;
  /** Starts a draft: the newest one, or the one that is named. `force`, with a reason: also one whose replay has not passed. */
  activate(
    tenant: TenantId,
    agent: string,
    options: {
      readonly revision?: number;
      readonly reason?: string;
      readonly force?: boolean;
      readonly rolloutId?: RolloutId;
    },
    by: By,
  ): Promise<RolloutView>;
  patch(tenant: TenantId, agent: string, patch: PatchRollout, by: By): Promise<RolloutView>;
  pause(
    tenant: TenantId,
    agent: string,
    options: { readonly revision?: number; readonly reason?: string },
    by: By,
  ): Promise<RolloutView>;
  resume(
    tenant: TenantId,
    agent: string,
    options: { readonly revision?: number; readonly reason?: string },
    by: By,
  ): Promise<RolloutView>;
  /** The person's word that the current step may end. */
  approve(
    tenant: TenantId,
    agent: string,
    options: { readonly revision?: number; readonly reason?: string },
    by: By,
  ): Promise<RolloutView>;
  /** One transaction with the agent's active version. A/B: `versionId` is the winner and is required. */
  promote(
    tenant: TenantId,
    agent: string,
    options: {
      readonly revision: number;
      readonly versionId?: string;
      readonly reason?: string;
      readonly force?: boolean;
    },
    by: By,
  ): Promise<RolloutView>;
  /** Always allowed and idempotent: a second call answers the same record. */
  rollback(
    tenant: TenantId,
    agent: string,
    options: { readonly revision?: number; readonly reason?: string; readonly rolloutId?: RolloutId },
    by: By,
  ): Promise<RolloutView>;
  /** The live one, else the newest draft, or the one that is named. */
  cancel(
    tenant: TenantId,
    agent: string,
    options: { readonly revision?: number; readonly reason?: string; readonly rolloutId?: RolloutId },
    by: By,
  ): Promise<RolloutView>;
  /** Of the given one, else of the live or the last one. */
  results(tenant: TenantId, agent: string, rolloutId?: RolloutId): Promise<RolloutResults>;
  /** Newest first; `page` from 1; `perPage` at most 100, `false`: all. */
  list(
    tenant: TenantId,
    agent: string | undefined,
    page: number,
    perPage: number | false,
  ): Promise<{
    readonly rollouts: readonly RolloutView[];
    readonly total: number;
    readonly page: number;
    readonly perPage: number | false;
  }>;
  observations(
    tenant: TenantId,
    agent: string,
    options: {
      readonly rolloutId?: RolloutId;
      readonly metric?: string;
      readonly limit: number;
      readonly cursor?: string;
    },
  ): Promise<Page<Observation> & { readonly rolloutId: RolloutId; readonly arms: readonly string[] }>;
  events(tenant: TenantId, afterSeq: number, limit: number): Promise<RolloutEventPage>;
  /** The view whenever it changes, at most twice a second, until it is terminal or the signal aborts. */
  watch(tenant: TenantId, agent: string, signal: AbortSignal): AsyncIterable<RolloutView>;
  freeze(tenant: TenantId, agent: string, reason: string, by: By): Promise<AgentFreeze>;
  unfreeze(tenant: TenantId, agent: string, by: By): Promise<void>;
  readFreeze(tenant: TenantId, agent: string): Promise<AgentFreeze | undefined>;
  /** Attributed to the run's recorded decision. `recorded` is false for a repetition; `why` is there when nobody knows the scorer, or its first value stands. */
  postScore(
    tenant: TenantId,
    runId: RunId,
    score: PostScore,
    by: By,
  ): Promise<{ readonly score: Score; readonly recorded: boolean; readonly counted: boolean; readonly why?: string }>;
  listScores(tenant: TenantId, runId: RunId): Promise<readonly Score[]>;
  startReplay(tenant: TenantId, agent: string, replay: ReplayInput, by: By): Promise<ReplayView>;
  readReplay(tenant: TenantId, replayId: string): Promise<ReplayView>;
  listReplays(tenant: TenantId, agent: string, limit: number): Promise<readonly ReplayView[]>;
}
