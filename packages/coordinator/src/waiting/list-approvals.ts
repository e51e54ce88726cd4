import type { ApprovalView, RunId, TenantId } from '@skein/domain';
import { approvalsOf, DomainError, isDomainError, shardCount } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';

/** Approvals in one list, the oldest of them. */
const maxListed = 10_000;

const oldestFirst = (a: ApprovalView, b: ApprovalView): number => (a.since < b.since ? -1 : a.since > b.since ? 1 : 0);

/**
 * Of one run, or of all open runs, which are in memory at the coordinator that is home to them. Throws `unavailable` at another one, or
 * before they are read: a list that leaves out what waits would look as if nobody waited. See `Coordinator.listApprovals`.
 */
export const listApprovals = async (
  engine: Engine,
  tenant: TenantId,
  runId?: RunId,
): Promise<readonly ApprovalView[]> => {
  if (runId !== undefined) return engine.runs.read(engine, tenant, runId, (state) => approvalsOf(state));
  const { shards, approvals } = await approvalsAtHome(engine, tenant);
  if (shards.length < shardCount)
    throw new DomainError('unavailable', 'another coordinator is home to runs, or they are not read yet');
  return sortApprovals(approvals);
};

/** The oldest of these, oldest first. */
export const sortApprovals = (approvals: readonly ApprovalView[]): readonly ApprovalView[] =>
  approvals.toSorted(oldestFirst).slice(0, maxListed);

/** Approvals of the runs that are at home here, and the shards of which they are: those whose runs have been read. */
export const approvalsAtHome = async (
  engine: Engine,
  tenant: TenantId,
): Promise<{ readonly shards: readonly number[]; readonly approvals: readonly ApprovalView[] }> => {
  const { runs } = engine;
  const shards = [...runs.shards].filter((shard) => !runs.unread.has(shard));
  const found: ApprovalView[] = [];
  for (const actor of runs.actors) {
    if (actor.tenant !== tenant || actor.state.waits.size === 0) continue;
    try {
      found.push(...(await runs.read(engine, tenant, actor.runId, (state) => approvalsOf(state))));
    } catch (thrown) {
      // A run that cannot be read now hides its own approvals only.
      if (!isDomainError(thrown)) throw thrown;
    }
  }
  // Runs of shards that were given away while others were looked at are not all among them.
  return { shards: shards.filter((shard) => runs.shards.has(shard)), approvals: sortApprovals(found) };
};
