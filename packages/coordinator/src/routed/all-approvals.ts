import type { ApprovalView, RunId, TenantId } from '@skein/domain';
import { DomainError, shardCount } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { approvalsAtHome, listApprovals, sortApprovals } from '../waiting/list-approvals.ts';
import { askPeer } from './ask-peer.ts';

/** How long to wait until every shard has a home that answers, and between two tries, in ms. */
const patienceMs = 2_000;
const pauseMs = 50;

/** Approvals of the shards that one coordinator is home to. */
export interface HomeApprovals {
  readonly shards: readonly number[];
  readonly approvals: readonly ApprovalView[];
}

/**
 * Approvals of one run from its log, or of all open runs from all homes: never a list that leaves out what waits. Throws `not_found`, and
 * `unavailable` when a shard has no home, or one that does not answer.
 */
export const listAllApprovals = async (
  engine: Engine,
  tenant: TenantId,
  runId?: RunId,
): Promise<readonly ApprovalView[]> => {
  if (runId !== undefined) return listApprovals(engine, tenant, runId);
  const { clock } = engine.deps;
  const deadline = clock.monotonicMs() + patienceMs;
  for (;;) {
    const peers = engine.members.live.filter(({ coordinatorId }) => engine.peers.connected.includes(coordinatorId));
    const answers = await Promise.all([
      approvalsAtHome(engine, tenant),
      ...peers.map(async ({ coordinatorId }): Promise<HomeApprovals> => {
        const answer = await askPeer(engine, coordinatorId, 'listApprovals', [tenant]);
        return answer.status === 'done' ? (answer.value as HomeApprovals) : { shards: [], approvals: [] };
      }),
    ]);
    const covered = new Set(answers.flatMap(({ shards }) => shards));
    if (covered.size === shardCount) {
      // A shard that moved meanwhile is answered twice.
      const byPlace = new Map(
        answers.flatMap(({ approvals }) => approvals).map((each) => [`${each.runId} ${each.step}`, each]),
      );
      return sortApprovals([...byPlace.values()]);
    }
    if (clock.monotonicMs() >= deadline)
      throw new DomainError('unavailable', 'some runs have no home now: the list would leave out what waits', {
        shards: covered.size,
      });
    await clock.sleep(pauseMs);
  }
};
