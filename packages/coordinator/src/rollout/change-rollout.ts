import type { RolloutActor, RolloutCommand, RolloutId, RolloutRecord, TenantId, Verdict } from '@skein/domain';
import { DomainError, isDomainError, isLive } from '@skein/domain';
import type { RolloutChange } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import { changeOf } from './change-of.ts';
import { commitChange } from './commit-change.ts';
import { currentOf, draftOf, lastOf, liveOf, noRollout, requireAgent, requireRollout } from './find-rollout.ts';
import type { By } from './rollout-requests.ts';
import type { RolloutView } from './rollout-views.ts';
import { viewRollout } from './view-rollout.ts';
import { weighRollout } from './weigh-rollout.ts';

/** Tries of a write that needs no revision. */
const maxTries = 50;

/** What a person asks for. */
export interface ChangeOptions {
  readonly revision?: number;
  readonly reason?: string;
  readonly force?: boolean;
}

/** The same of a rollout that may be named: one of several drafts, or a draft beside a live one. */
interface NamedOptions extends ChangeOptions {
  readonly rolloutId?: RolloutId;
}

/** Who did it, as it is recorded. Throws `invalid_argument` for an override without a reason. */
export const actorOf = (by: By, { reason, force }: ChangeOptions): RolloutActor => {
  if (force === true && (reason === undefined || reason.trim() === '')) {
    throw new DomainError('invalid_argument', 'an override needs a reason', {
      problems: [{ message: 'is needed with force', field: 'reason' }],
    });
  }
  return {
    actor: by.actor,
    ...(reason === undefined ? {} : { reason }),
    ...(force === true ? { force: true } : {}),
  };
};

/** Somebody wrote first: the record as it is, so that the caller can decide anew. */
export const conflictOf = async (engine: Engine, current: RolloutRecord): Promise<DomainError> =>
  new DomainError('version_conflict', `the rollout is at revision ${current.revision}`, {
    rolloutId: current.id,
    revision: current.revision,
    current: await viewRollout(engine, current),
  });

/** Another one holds the agent. */
export const heldBy = async (engine: Engine, current: RolloutRecord): Promise<DomainError> =>
  new DomainError('already_exists', `the agent ${current.agentId} has a live rollout, ${current.id}`, {
    rolloutId: current.id,
    current: await viewRollout(engine, current),
  });

/** Somebody made another version active without ending the rollout: nothing is known of what it compares with. */
const staleOf = ({ agentId, stableVersionId }: RolloutRecord): DomainError =>
  new DomainError('version_conflict', `the active version of the agent ${agentId} is not the stable one`, {
    agentId,
    stableVersionId,
  });

/** What is known now; undefined when it cannot be said, which keeps nobody from acting. */
export const verdictNow = async (engine: Engine, record: RolloutRecord): Promise<Verdict | undefined> => {
  if (!isLive(record.status)) return undefined;
  try {
    return (await weighRollout(engine, record)).verdict;
  } catch (error) {
    if (isDomainError(error) && error.code === 'unavailable') throw error;
    engine.deps.log.error('the evidence of a rollout cannot be weighed', { rolloutId: record.id, error });
    return undefined;
  }
};

type Plan = (record: RolloutRecord, now: number) => RolloutChange | Promise<RolloutChange>;

/**
 * Writes a change by compare-and-set. With a revision, a lost race is the caller's `version_conflict`; without, the record is read again and the
 * change is made of what it is then. Throws what `plan` throws.
 */
const write = async (
  engine: Engine,
  read: () => Promise<RolloutRecord>,
  revision: number | undefined,
  plan: Plan,
): Promise<RolloutRecord> => {
  for (let tries = 1; ; tries += 1) {
    const record = await read();
    if (revision !== undefined && record.revision !== revision) throw await conflictOf(engine, record);
    const change = await plan(record, engine.deps.clock.now());
    const outcome = await commitChange(engine, change);
    if (outcome.status === 'updated') return change.record;
    if (outcome.status === 'stale') throw staleOf(record);
    const current = outcome.current ?? (await engine.deps.rollouts.find(record.tenant, record.id));
    if (current !== undefined && current.id !== record.id) throw await heldBy(engine, current);
    if (tries >= maxTries || revision !== undefined) throw await conflictOf(engine, current ?? record);
  }
};

/** One change of the live rollout of an agent, or of its newest draft, or of the one that is named. `Done`: as it is. */
export const changeCurrent = async (
  engine: Engine,
  tenant: TenantId,
  agentId: string,
  options: NamedOptions,
  plan: Plan,
): Promise<RolloutView> => {
  await requireAgent(engine, tenant, agentId);
  const read = async (): Promise<RolloutRecord> => {
    if (options.rolloutId !== undefined) return requireRollout(engine, tenant, options.rolloutId, agentId);
    const record = await currentOf(engine, tenant, agentId);
    if (record === undefined) throw noRollout(agentId, await lastOf(engine, tenant, agentId));
    return record;
  };
  try {
    return await viewRollout(engine, await write(engine, read, options.revision, plan));
  } catch (thrown) {
    if (thrown instanceof Done) return viewRollout(engine, thrown.record);
    throw thrown;
  }
};

/** A change that is one command, with the evidence of the moment where the command keeps it. */
export const commandCurrent = (
  engine: Engine,
  tenant: TenantId,
  agentId: string,
  options: NamedOptions,
  by: By,
  command: (record: RolloutRecord) => RolloutCommand | Promise<RolloutCommand>,
): Promise<RolloutView> => {
  const actor = actorOf(by, options);
  return changeCurrent(engine, tenant, agentId, options, async (record, now) =>
    changeOf(record, await command(record), actor, now),
  );
};

/** Exposes the first units of a draft: the newest one, or the one that is named. */
export const activateRollout = async (
  engine: Engine,
  tenant: TenantId,
  agentId: string,
  options: NamedOptions,
  by: By,
): Promise<RolloutView> => {
  const actor = actorOf(by, options);
  await requireAgent(engine, tenant, agentId);
  const draft =
    options.rolloutId === undefined
      ? await draftOf(engine, tenant, agentId)
      : await requireRollout(engine, tenant, options.rolloutId, agentId);
  if (draft === undefined) {
    const live = await liveOf(engine, tenant, agentId);
    if (live === undefined) throw noRollout(agentId, await lastOf(engine, tenant, agentId));
    throw await heldBy(engine, live);
  }
  const read = (): Promise<RolloutRecord> => requireRollout(engine, tenant, draft.id, agentId);
  const plan: Plan = (record, now) => changeOf(record, { type: 'activate' }, actor, now);
  return viewRollout(engine, await write(engine, read, options.revision, plan));
};

/**
 * Takes the candidate back. Always allowed, needs no revision, and does nothing where it was done before. Its own lost races are run again: a
 * rollback that somebody asked for is not refused because somebody else changed a weight.
 */
export const rollbackRollout = async (
  engine: Engine,
  tenant: TenantId,
  agentId: string,
  options: NamedOptions,
  by: By,
): Promise<RolloutView> => {
  const actor = actorOf(by, options);
  await requireAgent(engine, tenant, agentId);
  const find = async (): Promise<RolloutRecord> => {
    if (options.rolloutId !== undefined) return requireRollout(engine, tenant, options.rolloutId, agentId);
    const record = (await currentOf(engine, tenant, agentId)) ?? (await lastOf(engine, tenant, agentId));
    if (record === undefined) throw noRollout(agentId);
    return record;
  };
  const first = await find();
  if (first.status === 'rolled_back') return viewRollout(engine, first);
  const read = (): Promise<RolloutRecord> => requireRollout(engine, tenant, first.id, agentId);
  try {
    const record = await write(engine, read, options.revision, async (now, at) => {
      if (now.status === 'rolled_back') throw new Done(now);
      const evidence = (await verdictNow(engine, now))?.summary;
      const command: RolloutCommand = {
        type: 'rollback',
        reason: 'requested',
        ...(evidence === undefined ? {} : { evidence }),
      };
      return changeOf(now, command, actor, at);
    });
    return viewRollout(engine, record);
  } catch (thrown) {
    if (thrown instanceof Done) return viewRollout(engine, thrown.record);
    throw thrown;
  }
};

/** Nothing is to be written: somebody else did it meanwhile, or it is so already. */
export class Done extends Error {
  readonly record: RolloutRecord;

  constructor(record: RolloutRecord) {
    super('done already');
    this.record = record;
  }
}
