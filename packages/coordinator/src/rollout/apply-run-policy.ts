import type { AgentDecision, RolloutRecord, RunId, RunState } from '@skein/domain';
import { DomainError, isDomainError, isTerminalRun, shardCount } from '@skein/domain';
import type { RunHead } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import { isPassing } from '../engine/is-passing.ts';
import { askRun } from '../run/run-turn.ts';
import { rootOf } from '../run/tree-sizes.ts';
import type { MigrationSnapshots } from './migrate-run.ts';
import { migrateRun, newMigrationSnapshots } from './migrate-run.ts';
import { voidUnit } from './void-unit.ts';

/*
 * The run policy of a rollback.
 *  L1 what is to be done is read from the runs themselves, so that it is found again after a crash, and done once
 *  L2 each coordinator tends the runs that it is home to; nothing is left only when no open run of the tenant, wherever it is at home, still uses
 *     an arm that was taken back: that is asked of the store
 *  L3 the unit of a run leaves the evidence before the run is changed: a crash between the two changes the run later
 */

/** Runs that are read at once. */
const maxAtOnce = 16;

/** The decision by which a run uses an arm that was taken back; undefined for any other run. */
const takenBack = (state: RunState, record: RolloutRecord): AgentDecision | undefined => {
  const { source, agents, startedAt, status } = state;
  if (startedAt === undefined || isTerminalRun(status)) return undefined;
  // A person asked for just these versions, knowing what became of them.
  if (source.kind === 'evaluation' || (source.kind === 'retry' && source.sameVersions === true)) return undefined;
  const decision = agents[record.agentId];
  const isArm = decision?.rolloutId === record.id && (decision.arm ?? 0) > 0;
  return isArm ? decision : undefined;
};

/** Asks a root to stop: its called runs follow, and one that stops already is not asked again. */
const abortRun = async (engine: Engine, record: RolloutRecord, rootRunId: RunId): Promise<void> => {
  const actor = await engine.runs.open(engine, record.tenant, rootRunId);
  const settlement = await askRun(engine, actor, {
    type: 'cancel',
    by: `rollout ${record.id}`,
    reason: 'rolled_back',
    message: `the version of agent ${record.agentId} that this run uses was rolled back`,
  });
  if (settlement.status === 'failed') throw settlement.error;
};

/** Nobody can read it, wherever it is at home. */
const isDamaged = (thrown: unknown): boolean => isDomainError(thrown) && thrown.code === 'data_corrupt';

/** True when nothing is left to do for this run. */
const tend = async (
  engine: Engine,
  record: RolloutRecord,
  { runId, shard }: RunHead,
  snapshots: MigrationSnapshots,
): Promise<boolean> => {
  const { tenant } = record;
  const found = await engine.runs.read(engine, tenant, runId, (state) =>
    takenBack(state, record) === undefined
      ? undefined
      : { rootRunId: rootOf(state), isStopping: state.cancel !== undefined || state.closing !== undefined },
  );
  if (found === undefined) return true;
  // The root has the say over its tree.
  if (record.runPolicy === 'abort' && (found.isStopping || runId !== found.rootRunId)) return true;
  // L2
  if (!engine.runs.shards.has(shard)) return false;
  if (record.runPolicy === 'abort') {
    await abortRun(engine, record, runId);
    return false;
  }
  await voidUnit(engine, record, found.rootRunId);
  await migrateRun(engine, record, runId, snapshots);
  return false;
};

/**
 * What is to become of the open runs of a rollout that was rolled back: `drain` leaves them be, `migrate` has all of their steps that have not begun
 * use the stable version, `abort` cancels them with the reason `rolled_back`. Idempotent, and called again until it answers true: no open run uses
 * an arm that was taken back. `own`: only the runs that are at home here are looked at. Throws `unavailable`.
 */
export const applyRunPolicy = async (
  engine: Engine,
  record: RolloutRecord,
  scope: 'all' | 'own' = 'all',
): Promise<boolean> => {
  if (record.runPolicy === 'drain' || record.status !== 'rolled_back') return true;
  const own = engine.runs.shards;
  if (!(await tendShards(engine, record, [...own])) || scope === 'own') return false;
  const others = Array.from({ length: shardCount }, (_, shard) => shard).filter((shard) => !own.has(shard));
  return tendShards(engine, record, others);
};

/** True when nothing is left to do for the open runs of these shards. At others' it stops at the first for which there is. */
const tendShards = async (engine: Engine, record: RolloutRecord, shards: readonly number[]): Promise<boolean> => {
  if (shards.length === 0) return true;
  const isOwn = shards.some((shard) => engine.runs.shards.has(shard));
  const open = (await engine.deps.runs.listOpen(shards)).filter(({ tenant }) => tenant === record.tenant);
  const snapshots = newMigrationSnapshots();
  let done = true;
  for (let first = 0; first < open.length && (done || isOwn); first += maxAtOnce) {
    if (engine.phase !== 'running') throw new DomainError('unavailable', 'the coordinator is stopping');
    const outcomes = await Promise.all(
      open.slice(first, first + maxAtOnce).map(async (head) => {
        try {
          return await tend(engine, record, head, snapshots);
        } catch (thrown) {
          // One that cannot be read here is nobody's to change; one that could not be now is tried again.
          if (!isPassing(thrown) && (engine.runs.isUndrivable(head.runId) || isDamaged(thrown))) return true;
          engine.deps.log.warn('the run policy of a rollback cannot be applied to a run now', {
            runId: head.runId,
            rolloutId: record.id,
            error: thrown,
          });
          return false;
        }
      }),
    );
    done = outcomes.every(Boolean) && done;
  }
  return done;
};
