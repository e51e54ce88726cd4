import type { RunId, TenantId } from '@skein/domain';
import { DomainError, shardOf } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { isPassing } from '../engine/is-passing.ts';
import { askRun } from '../run/run-turn.ts';
import type { AdmittedWith } from './admission.ts';
import { admittedWith } from './admitted-with.ts';
import { admissionCommand, forgetAdmissions, prepareAdmission } from './prepare-admission.ts';

/** A run that waits in the store: a head, or a hint of it. */
export interface QueuedRun {
  readonly tenant: TenantId;
  readonly runId: RunId;
}

/** What a retry run takes over from the run that it retries. Throws `unavailable`. */
const earlierOf = async (engine: Engine, queued: QueuedRun): Promise<AdmittedWith | undefined> => {
  const actor = await engine.runs.open(engine, queued.tenant, queued.runId);
  const { source } = actor.state;
  if (source.kind !== 'retry' || source.latest === true) return undefined;
  const head = await engine.deps.runs.readHead(queued.tenant, source.retryOf);
  if (head === undefined) return undefined;
  return engine.runs.read(engine, queued.tenant, source.retryOf, admittedWith);
};

/** What became of an admission; `failed` for a reason that concerns this run, `later` when a store does not answer. */
export type Admitted = 'settled' | 'failed' | 'later';

/** Admits one queued run; one that is at home elsewhere is passed on. Never throws. */
export const admitQueued = async (engine: Engine, queued: QueuedRun): Promise<Admitted> => {
  if (engine.members.homeOf(shardOf(queued.runId)) !== 'here' && engine.members.isFleet) {
    engine.peers.wake(queued.tenant, queued.runId);
    return 'settled';
  }
  const release = engine.window.reserve();
  try {
    const head = await engine.deps.runs.readHead(queued.tenant, queued.runId);
    if (head?.status !== 'queued' || engine.runs.isUndrivable(queued.runId)) return 'settled';
    const actor = await engine.runs.open(engine, queued.tenant, queued.runId);
    const dag = await engine.dags.byDigest(queued.tenant, head.dagDigest);
    const earlier = await earlierOf(engine, queued);
    const { routingContext, source } = actor.state;
    const admission = await prepareAdmission(engine, {
      tenant: queued.tenant,
      runId: queued.runId,
      dag,
      routingContext,
      source,
      ...(earlier === undefined ? {} : { earlier }),
    });
    if (actor.state.status !== 'queued') return 'settled';
    const current = actor.dropped ? await engine.runs.open(engine, queued.tenant, queued.runId) : actor;
    const settlement = await askRun(engine, current, admissionCommand(engine, current, admission));
    if (settlement.status === 'failed' && settlement.error.code === 'version_conflict')
      forgetAdmissions(engine, queued.tenant);
    return settlement.status === 'failed' ? 'later' : 'settled';
  } catch (thrown) {
    if (isPassing(thrown)) return 'later';
    const spent = thrown instanceof DomainError && (thrown.code === 'unimplemented' || thrown.code === 'not_found');
    if (!spent) engine.deps.log.error('queued run cannot be admitted', { runId: queued.runId, error: thrown });
    return spent ? 'settled' : 'failed';
  } finally {
    release();
  }
};
