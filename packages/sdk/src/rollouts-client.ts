import { segment } from './list-page.ts';
import type { PatchRolloutInput, StartRolloutInput } from './rollout-input-wire.ts';
import type { ObservationInfo, ObservationPage, RolloutEvents } from './rollout-log-wire.ts';
import type { RolloutForecast, RolloutInfo, RolloutPage, RolloutResults, StartedRollout } from './rollout-wire.ts';
import type { Transport } from './transport.ts';
import { watchRollout } from './watch-rollout.ts';

/** What goes with a change; with `revision` it is refused (`version_conflict`) when somebody else was faster. */
export interface ChangeRolloutInput {
  readonly revision?: number;
  readonly reason?: string;
}

/**
 * Rollouts of agents. Changes are not repeated by themselves, as the first try may have been heard; a rollback is, since a second one changes
 * nothing. A conflict carries the record as it is: `details.current`, with `details.revision`.
 */
export interface RolloutsClient {
  /** The live one, else the newest draft, else undefined. */
  get(agentId: string): Promise<RolloutInfo | undefined>;
  /** By its id, also one that has ended. */
  read(rolloutId: string): Promise<RolloutInfo>;
  start(agentId: string, input: StartRolloutInput): Promise<StartedRollout>;
  /** What `start` would say of the plan; changes nothing. */
  forecast(agentId: string, input: StartRolloutInput): Promise<RolloutForecast>;
  patch(agentId: string, input: PatchRolloutInput): Promise<RolloutInfo>;
  /** Starts a draft: the newest one, or the one that is named; so does `cancel` when no rollout is live. */
  activate(
    agentId: string,
    input?: ChangeRolloutInput & {
      readonly rolloutId?: string;
      /** Also when its replay has not passed; needs a reason. */
      readonly force?: boolean;
    },
  ): Promise<RolloutInfo>;
  pause(agentId: string, input?: ChangeRolloutInput): Promise<RolloutInfo>;
  resume(agentId: string, input?: ChangeRolloutInput): Promise<RolloutInfo>;
  /** A person's word that the current step may end. */
  approve(agentId: string, input?: ChangeRolloutInput): Promise<RolloutInfo>;
  /** `versionId`: the winner; an experiment needs one. */
  promote(
    agentId: string,
    input: {
      readonly revision: number;
      readonly versionId?: string;
      readonly reason?: string;
      readonly force?: boolean;
    },
  ): Promise<RolloutInfo>;
  rollback(agentId: string, input?: ChangeRolloutInput & { readonly rolloutId?: string }): Promise<RolloutInfo>;
  cancel(agentId: string, input?: ChangeRolloutInput & { readonly rolloutId?: string }): Promise<RolloutInfo>;
  /** Newest first, of one agent or of all; `page` counts from 1, `perPage` false is all of them. */
  list(input?: {
    readonly agentId?: string;
    readonly page?: number;
    readonly perPage?: number | false;
  }): Promise<RolloutPage>;
  /** Of the one that is named, else of the live or the last one. */
  results(agentId: string, input?: { readonly rolloutId?: string }): Promise<RolloutResults>;
  /** Raw observations: all that is needed to compute the evidence again. */
  observations(
    agentId: string,
    input?: {
      readonly rolloutId?: string;
      readonly metric?: string;
      readonly limit?: number;
      readonly cursor?: string;
    },
  ): Promise<ObservationPage>;
  /** What happened to rollouts; with `waitMs` (at most 60,000) the answer comes when there is something new, or after that time. */
  events(input?: {
    readonly after?: number;
    readonly limit?: number;
    readonly waitMs?: number;
    readonly signal?: AbortSignal;
  }): Promise<RolloutEvents>;
  /** The rollout whenever it changes, until it has ended; reconnects by itself. */
  watch(agentId: string, options?: { readonly signal?: AbortSignal }): AsyncIterable<RolloutInfo>;
}

/** The part of the client that deals with rollouts. */
export const createRolloutsClient = (transport: Transport): RolloutsClient => {
  const agent = (agentId: string) => `/api/agents/${segment(agentId)}`;
  const get = <T>(path: string, query: { readonly [name: string]: string | number | boolean | undefined } = {}) =>
    transport.json<T>({ method: 'GET', path, query, idempotent: true });
  const post = (agentId: string, verb: string, body: object, idempotent = false): Promise<RolloutInfo> =>
    transport.json({ method: 'POST', path: `${agent(agentId)}/rollout/${verb}`, body, idempotent });
  /** The answer of what ends a rollout has it inside. */
  const ended = async (answer: Promise<object>): Promise<RolloutInfo> =>
    ((await answer) as { readonly rollout: RolloutInfo }).rollout;
  return {
    get: async (agentId) => (await get<RolloutInfo | null>(`${agent(agentId)}/rollout`)) ?? undefined,
    read: (rolloutId) => get(`/api/rollouts/${segment(rolloutId)}`),
    start: (agentId, input) =>
      transport.json({ method: 'POST', path: `${agent(agentId)}/rollout`, body: input, idempotent: false }),
    forecast: (agentId, input) =>
      transport.json({ method: 'POST', path: `${agent(agentId)}/rollout/forecast`, body: input, idempotent: true }),
    patch: (agentId, input) =>
      transport.json({ method: 'PATCH', path: `${agent(agentId)}/rollout`, body: input, idempotent: false }),
    activate: (agentId, input = {}) => post(agentId, 'activate', input),
    pause: (agentId, input = {}) => post(agentId, 'pause', input),
    resume: (agentId, input = {}) => post(agentId, 'resume', input),
    approve: (agentId, input = {}) => post(agentId, 'approve', input),
    promote: (agentId, input) => ended(post(agentId, 'promote', input)),
    rollback: (agentId, input = {}) => ended(post(agentId, 'rollback', input, true)),
    cancel: (agentId, input = {}) =>
      ended(transport.json({ method: 'DELETE', path: `${agent(agentId)}/rollout`, body: input, idempotent: false })),
    list: ({ agentId, page, perPage } = {}) =>
      get(agentId === undefined ? '/api/rollouts' : `${agent(agentId)}/rollouts`, { page, perPage }),
    results: (agentId, { rolloutId } = {}) => get(`${agent(agentId)}/rollout/results`, { rolloutId }),
    observations: async (agentId, input = {}) => {
      const { nextCursor, ...page } = await get<{
        readonly items: readonly ObservationInfo[];
        readonly nextCursor: string | null;
        readonly rolloutId: string;
        readonly arms: readonly string[];
      }>(`${agent(agentId)}/rollout/observations`, { ...input });
      return nextCursor === null ? page : { ...page, nextCursor };
    },
    events: ({ signal, ...query } = {}) =>
      transport.json({
        method: 'GET',
        path: '/api/rollout-events',
        query,
        idempotent: true,
        ...(query.waitMs === undefined ? {} : { timeoutMs: query.waitMs + 30_000 }),
        ...(signal === undefined ? {} : { signal }),
      }),
    watch: (agentId, options) => watchRollout(transport, agentId, options),
  };
};
