import { DomainError } from '@skein/domain';
import type { MemberRow, MemberStore } from '@skein/ports';
import type { FleetConfig } from '../engine/coordinator-deps.ts';
import type { Engine } from '../engine/engine.ts';
import { LifeSigns } from './life-signs.ts';

/** How long one that is leaving is waited for, ms. */
const maxLeaveMs = 10_000;

/** Why this coordinator cannot be a member beside that one; undefined when it can. */
const obstacleOf = (row: MemberRow, coordinatorId: string, fleet: FleetConfig): DomainError | undefined => {
  if (row.incarnation === fleet.incarnation) return undefined;
  const member = row.coordinatorId;
  if (member === coordinatorId)
    return new DomainError(
      'illegal_transition',
      `a coordinator named ${member} is alive on this store: give this one another SKEIN_COORDINATOR_ID, or end that one first`,
      { member, setting: 'SKEIN_COORDINATOR_ID' },
    );
  const { secretFingerprint: theirs } = row;
  if (theirs === undefined || fleet.secretFingerprint === undefined || theirs === fleet.secretFingerprint)
    return undefined;
  return new DomainError(
    'illegal_transition',
    `the coordinator ${member} of this store has another peer secret: give all of them the same SKEIN_PEER_SECRET`,
    { member, setting: 'SKEIN_PEER_SECRET' },
  );
};

/**
 * Resolves once nothing keeps this coordinator from joining the fleet. A row of its name, or of another secret, is watched until its
 * renewals go on, twice, or it was silent for a whole lease; one that is leaving is waited for. Nothing is written. Throws `illegal_transition`
 * when such a member is alive, and what the store throws.
 */
export const requirePlace = async (
  { deps, config }: Pick<Engine, 'deps' | 'config'>,
  fleet: FleetConfig,
  store: MemberStore,
): Promise<void> => {
  const { clock } = deps;
  const { memberLeaseMs: leaseMs, renewMs } = fleet;
  const signs = new LifeSigns({ leaseMs, gapMs: renewMs * 1.5, steadyMs: 0, suspectMs: leaseMs });
  const until = clock.monotonicMs() + maxLeaveMs;
  /** How often a row was seen to rise; once may be a write of a process that has died since. */
  const rises = new Map<string, { readonly renewal: number; readonly count: number }>();
  for (;;) {
    const rows = await store.list();
    const found = rows.flatMap((row) => {
      const obstacle = obstacleOf(row, config.coordinatorId, fleet);
      return obstacle === undefined ? [] : [{ row, obstacle }];
    });
    const now = clock.monotonicMs();
    const dead = new Set(
      signs.look(
        found.map(({ row }) => row),
        now,
      ),
    );
    const open = found.filter(({ row }) => !dead.has(row));
    if (open.length === 0) return;
    for (const { row, obstacle } of open) {
      const before = rises.get(row.coordinatorId) ?? { renewal: row.renewal, count: 0 };
      const count = before.count + Number(row.renewal !== before.renewal);
      rises.set(row.coordinatorId, { renewal: row.renewal, count });
      if (count > 1 && !(row.leaving && now < until)) throw obstacle;
    }
    await clock.sleep(Math.min(renewMs, Math.max(1, Math.ceil(signs.nextMs))));
  }
};
