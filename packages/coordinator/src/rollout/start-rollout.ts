import type { NewRollout, RolloutRecord, TenantId } from '@skein/domain';
import { DomainError, newRollout } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { startReplay } from '../evaluation/replay.ts';
import { actorOf, heldBy } from './change-rollout.ts';
import { checkBuildable } from './check-buildable.ts';
import { checkExposes, withLeftOut } from './check-start.ts';
import { afterChange } from './commit-change.ts';
import { liveOf, requireAgent } from './find-rollout.ts';
import { forecastPlan } from './forecast-plan.ts';
import { unitsPerDayOf } from './recent-traffic.ts';
import { frozenScorers, resolveStart } from './resolve-start.ts';
import type { By, StartRollout } from './rollout-requests.ts';
import type { RolloutForecast, RolloutView } from './rollout-views.ts';
import { viewRollout } from './view-rollout.ts';

/** Tries of a start whose agent gets another active version meanwhile. */
const maxTries = 5;

/** A candidate that was rolled back a short while ago is the same candidate, whatever it is called: versions are content hashes. */
const checkCooldown = async (engine: Engine, { tenant, agentId, arms }: RolloutRecord): Promise<void> => {
  const now = engine.deps.clock.now();
  const { cooldownMs } = engine.config.rollouts;
  const candidates = new Set(arms.slice(1).map(({ versionId }) => versionId));
  for (const { versionId, at, rolloutId } of await engine.deps.rollouts.rolledBack(tenant, agentId)) {
    if (!candidates.has(versionId) || at + cooldownMs <= now) continue;
    const until = new Date(at + cooldownMs).toISOString();
    throw new DomainError(
      'illegal_transition',
      `this version was rolled back and is not tried again before ${until}, unless forced with a reason`,
      { reason: 'cooldown', versionId, rolloutId, until },
    );
  }
};

const checkForecast = ({ impossible }: RolloutForecast): void => {
  if (impossible === undefined) return;
  throw new DomainError('unprocessable', `the plan cannot finish, unless forced with a reason: ${impossible}`, {
    problems: [{ message: impossible, field: 'steps', code: 'unprocessable' }],
  });
};

const forecastOf = async (engine: Engine, record: RolloutRecord, start: StartRollout): Promise<RolloutForecast> => {
  const forecast = forecastPlan(record, await unitsPerDayOf(engine, record.tenant, record.agentId, record));
  return withLeftOut(engine, record, start, forecast);
};

/** What `startRollout` would say; changes nothing. Throws what it throws for what is asked for. */
export const forecastRollout = async (
  engine: Engine,
  tenant: TenantId,
  agentId: string,
  start: StartRollout,
): Promise<RolloutForecast> => {
  await requireAgent(engine, tenant, agentId);
  const resolved = await resolveStart(engine, tenant, agentId, start, { actor: 'forecast' });
  const { record } = newRollout(resolved);
  await checkBuildable(engine, record);
  return warned(engine, { ...start, tenant, agentId }, await forecastOf(engine, record, start));
};

/** Begins the replay that must pass first. Before the record that names it: one without a record hurts nobody. */
const beginReplay = async (
  engine: Engine,
  { id, tenant, agentId, candidateVersionId, scorers }: NewRollout,
  replay: NonNullable<StartRollout['replay']>,
  replayId: string,
): Promise<void> => {
  if (candidateVersionId === undefined) {
    throw new DomainError('invalid_argument', 'a replay compares one candidate', {
      problems: [{ message: 'only for a canary', field: 'replay' }],
    });
  }
  const { scorers: own, ...rest } = replay;
  await startReplay(engine, tenant, agentId, {
    ...rest,
    candidateVersionId,
    rolloutId: id,
    replayId,
    scorers: own === undefined ? (scorers ?? []) : await frozenScorers(engine, tenant, own),
  });
};

/** A replay that passes beside a live rollout begins nothing: whoever starts one is told. Throws `unavailable`. */
const warned = async (
  engine: Engine,
  {
    tenant,
    agentId,
    replay,
    draft,
  }: Pick<StartRollout, 'replay' | 'draft'> & Pick<RolloutRecord, 'tenant' | 'agentId'>,
  forecast: RolloutForecast,
): Promise<RolloutForecast> => {
  if (replay === undefined || draft === true) return forecast;
  const live = await liveOf(engine, tenant, agentId);
  if (live === undefined) return forecast;
  const warning = `the rollout ${live.id} of this agent is live: if it still is when the replay passes, this one does not begin by itself, but waits until it is activated by hand`;
  return { ...forecast, warnings: [...forecast.warnings, warning] };
};

/** Starts a rollout, or prepares it. See `Rollouts.start`. */
export const startRollout = async (
  engine: Engine,
  tenant: TenantId,
  agentId: string,
  start: StartRollout,
  by: By,
): Promise<{ readonly rollout: RolloutView; readonly forecast: RolloutForecast }> => {
  const { rollouts, ids } = engine.deps;
  const actor = actorOf(by, start);
  await requireAgent(engine, tenant, agentId);
  for (let tries = 1; ; tries += 1) {
    const resolved = await resolveStart(engine, tenant, agentId, start, actor);
    const replayId = start.replay === undefined ? undefined : ids.next('rpl');
    const change = newRollout(replayId === undefined ? resolved : { ...resolved, replayId });
    const { record } = change;
    const live = record.status === 'draft' ? undefined : await liveOf(engine, tenant, agentId);
    if (live !== undefined) throw await heldBy(engine, live);
    checkExposes(record);
    if (start.force !== true) await checkCooldown(engine, record);
    await checkBuildable(engine, record);
    const forecast = await warned(engine, { ...start, tenant, agentId }, await forecastOf(engine, record, start));
    if (start.force !== true) checkForecast(forecast);
    if (start.replay !== undefined && replayId !== undefined)
      await beginReplay(engine, resolved, start.replay, replayId);
    const outcome = await rollouts.insert(change);
    if (outcome.status === 'inserted') {
      afterChange(engine, change);
      return { rollout: await viewRollout(engine, record), forecast };
    }
    if (outcome.status === 'conflict') {
      const current = outcome.current ?? (await liveOf(engine, tenant, agentId));
      if (current !== undefined) throw await heldBy(engine, current);
    }
    // Another version was made active, or the other one has just ended.
    if (tries >= maxTries)
      throw new DomainError('version_conflict', `the agent ${agentId} changes too often`, { agentId });
  }
};
