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
  if (engine.runs.shards.size < shardCount || engine.runs.unread.size > 0)
    throw new DomainError('unavailable', 'another coordinator is home to runs, or they are not read yet');
  const found: ApprovalView[] = [];
  for (const actor of engine.runs.actors) {
    if (actor.tenant !== tenant || actor.state.waits.size === 0) continue;
    try {
      found.push(...(await engine.runs.read(engine, tenant, actor.runId, (state) => approvalsOf(state))));
    } catch (thrown) {
      // A run that cannot be read now hides its own approvals only.
      if (!isDomainError(thrown)) throw thrown;
    }
  }
  return found.toSorted(oldestFirst).slice(0, maxListed);
};
