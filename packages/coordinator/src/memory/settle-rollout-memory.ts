import type { RolloutRecord } from '@skein/domain';
import { forkScope, isTerminalRollout } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { drainScope } from './fold-loop.ts';
import { withCurrentScope } from './scope-commit.ts';

/** Revisions in one page of a history. */
const pageSize = 100;

const settledBy = ({ id }: RolloutRecord): string => `rollout ${id}`;

/** True when the winner's copy was taken over before: whatever was written since stays. */
const isSettled = async (engine: Engine, record: RolloutRecord, scope: string): Promise<boolean> => {
  let cursor: string | undefined;
  do {
    const page = await engine.deps.memory.history(record.tenant, scope, pageSize, cursor);
    for (const { revision, change } of page.items) {
      if (revision <= record.memory.revision) return false;
      if (change.kind === 'set' && change.by === settledBy(record)) return true;
    }
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return false;
};

/** The winner's copy becomes the agent's memory, once. */
const takeOver = async (engine: Engine, record: RolloutRecord, copy: string): Promise<void> => {
  const { tenant, agentId } = record;
  const scope = `agent/${agentId}`;
  await drainScope(engine, tenant, copy, record.id);
  const [learned] = await engine.deps.projects.readMemory(tenant, [copy]);
  // It learned nothing: the agent's memory is what it was.
  if (learned === undefined) return;
  const done = await withCurrentScope(engine, tenant, scope, async (view) => {
    if (await isSettled(engine, record, scope)) return undefined;
    const change = { kind: 'set', by: settledBy(record) } as const;
    const commit = {
      tenant,
      scope,
      expectedRevision: view.revision,
      next: { text: learned.text, change },
      proposals: [],
      at: engine.deps.clock.now(),
    };
    return { commit, result: undefined };
  });
  if (done === undefined) return;
  const revision = done.revision;
  engine.deps.log.info('the memory of the winning arm is kept', { tenant, scope, revision, rolloutId: record.id });
};

/**
 * What the end of a rollout means for the memory of its agent. Forked: the winner's copy becomes the agent's memory, and what the other arms
 * learned is dropped, and so are all copies. Frozen: proposals that waited are folded from now on by themselves. Idempotent; to be called after every end, and again after a
 * crash. Throws `unavailable`.
 */
export const settleRolloutMemory = async (engine: Engine, record: RolloutRecord): Promise<void> => {
  if (record.memory.mode !== 'forked' || !isTerminalRollout(record.status)) return;
  const { agentId, id: rolloutId, tenant } = record;
  const winner = record.status === 'completed' ? (record.winner ?? 0) : 0;
  if (winner > 0) await takeOver(engine, record, forkScope({ agentId, rolloutId, arm: winner }));
  for (const arm of record.arms.keys()) {
    if (arm === 0) continue;
    const copy = forkScope({ agentId, rolloutId, arm });
    await drainScope(engine, tenant, copy);
    // Runs that are still open read their snapshots; a retry begins again from what the agent remembered at the start.
    await engine.deps.memory.drop(tenant, copy);
  }
};
