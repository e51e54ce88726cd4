import type { RolloutId, Scorer, TenantId, VersionId } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import type { ReplayInput, ReplayView } from '../rollout/rollout-api.ts';
import { unimplemented } from '../rollout/unimplemented.ts';

/** What a replay gets from whoever resolved its names. */
export interface StartReplay extends Omit<ReplayInput, 'candidate' | 'scorers'> {
  readonly candidateVersionId: VersionId;
  /** Resolved and frozen; absent or empty: only the built-in metrics are compared. */
  readonly scorers?: readonly Scorer[];
  /** The draft that waits for it: its gate, settled when the replay is over. */
  readonly rolloutId?: RolloutId;
  /** Named beforehand, so that a record can name it first; a second start with the same id changes nothing. */
  readonly replayId?: string;
}

/** Picks recorded steps and begins to run them on the candidate. Durable when it resolves. Throws `invalid_argument`, `unavailable`. */
export const startReplay = async (
  _engine: Engine,
  _tenant: TenantId,
  _agentId: string,
  _start: StartReplay,
): Promise<ReplayView> => {
  throw unimplemented('startReplay');
};

/** Throws `not_found`. */
export const readReplay = async (_engine: Engine, _tenant: TenantId, _replayId: string): Promise<ReplayView> => {
  throw unimplemented('readReplay');
};

/** Newest first. */
export const listReplays = async (
  _engine: Engine,
  _tenant: TenantId,
  _agentId: string,
  _limit: number,
): Promise<readonly ReplayView[]> => {
  throw unimplemented('listReplays');
};

/** Advances every open replay, also those that a crash left behind. Called by each tick of the evaluator; never throws. */
export const tendReplays = async (_engine: Engine): Promise<void> => {};
