import type { RolloutId, RolloutRecord, Scorer, TenantId, VersionId } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import type { ReplayInput } from '../rollout/rollout-requests.ts';
import type { ReplayView } from '../rollout/rollout-views.ts';
import { defaultMinPairs } from './judge-replay.ts';
import type { ReplayDocument } from './replay-document.ts';
import { loadReplay, parseReplay, storeReplay } from './replay-document.ts';
import { tendReplays } from './tend-replays.ts';
import { viewReplay } from './view-replay.ts';

export { tendReplays } from './tend-replays.ts';

/** What a replay gets from whoever resolved its names. */
export interface StartReplay extends Omit<ReplayInput, 'candidate' | 'scorers'> {
  readonly candidateVersionId: VersionId;
  /** Resolved and frozen; absent or empty: only the built-in metrics are compared. */
  readonly scorers?: readonly Scorer[];
  /** The draft that waits for it. */
  readonly rolloutId?: RolloutId;
  /** Named beforehand, so that a record can name it first; a second start with the same id changes nothing. */
  readonly replayId?: string;
}

const defaultLimit = 20;
const maxLimit = 500;
const defaultMargin = 0.05;
/** Probability of failing a candidate that is not worse by more than the margin. */
const defaultAlpha = 0.01;
const maxMinPairs = 500;
const maxListed = 100;

const check = (start: StartReplay): void => {
  const { limit = defaultLimit, margin = defaultMargin, minPairs = defaultMinPairs, runs } = start;
  const problems: { readonly message: string; readonly field: string }[] = [];
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > maxLimit)
    problems.push({ message: `must be an integer from 1 to ${maxLimit}`, field: 'limit' });
  if (!Number.isFinite(margin) || margin <= 0 || margin >= 1)
    problems.push({ message: 'must be above 0 and below 1', field: 'margin' });
  if (!Number.isSafeInteger(minPairs) || minPairs < 1 || minPairs > maxMinPairs)
    problems.push({ message: `must be an integer from 1 to ${maxMinPairs}`, field: 'minPairs' });
  if (runs.kind === 'low_score' && !(Number.isFinite(runs.below) && runs.below > 0 && runs.below <= 1))
    problems.push({ message: 'must be above 0 and at most 1', field: 'runs.below' });
  if (problems.length > 0) throw new DomainError('invalid_argument', 'the replay cannot be started so', { problems });
};

const viewOf = async (engine: Engine, tenant: TenantId, document: ReplayDocument): Promise<ReplayView> => {
  const { rolloutId } = document;
  const record: RolloutRecord | undefined =
    rolloutId === undefined ? undefined : await engine.deps.rollouts.find(tenant, rolloutId);
  return viewReplay(document, record);
};

const unknown = (replayId: string): DomainError =>
  new DomainError('not_found', `there is no replay ${replayId}`, { replayId });

/** Begins a replay: steps are picked and run by `tendReplays`. Durable when it resolves. Throws `invalid_argument`, `unavailable`. */
export const startReplay = async (
  engine: Engine,
  tenant: TenantId,
  agentId: string,
  start: StartReplay,
): Promise<ReplayView> => {
  check(start);
  const { mode = 'strict', limit = defaultLimit, margin = defaultMargin, scorers = [], runs, rolloutId } = start;
  const { minPairs = defaultMinPairs } = start;
  const id = start.replayId ?? engine.deps.ids.next('rpl');
  const document: ReplayDocument = {
    format: 1,
    id,
    agentId,
    candidateVersionId: start.candidateVersionId,
    mode,
    runs,
    limit,
    margin,
    alpha: defaultAlpha,
    minPairs,
    scorers,
    ...(rolloutId === undefined ? {} : { rolloutId }),
    createdAt: engine.deps.clock.now(),
    status: 'running',
  };
  const isNew = await storeReplay(engine, tenant, 0, document);
  const stored = isNew ? { document } : await loadReplay(engine, tenant, id);
  if (stored === undefined) throw unknown(id);
  void tendReplays(engine);
  return viewOf(engine, tenant, stored.document);
};

/** Throws `not_found`, `data_corrupt`, `unavailable`. */
export const readReplay = async (engine: Engine, tenant: TenantId, replayId: string): Promise<ReplayView> => {
  const stored = await loadReplay(engine, tenant, replayId);
  if (stored === undefined) throw unknown(replayId);
  return viewOf(engine, tenant, stored.document);
};

/** Newest first. Throws `unavailable`. */
export const listReplays = async (
  engine: Engine,
  tenant: TenantId,
  agentId: string,
  limit: number,
): Promise<readonly ReplayView[]> => {
  const wanted = Math.max(1, Math.min(limit, maxListed));
  const stored = await engine.deps.rollouts.listReplays({ tenant, agentId, limit: wanted + maxListed });
  const replays = stored.filter(({ id }) => id.startsWith('rpl_')).slice(0, wanted);
  return Promise.all(replays.map(({ id, body }) => viewOf(engine, tenant, parseReplay(id, body))));
};
