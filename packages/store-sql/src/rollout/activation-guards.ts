import type { TenantId, VersionId } from '@skein/domain';
import type { RolloutChange } from '@skein/ports';
import { activateVersion } from '../project/publish-statements.ts';
import type { Queries } from '../sql/schema.ts';
import type { Guard, Write } from '../sql/write-unit.ts';
import type { SqlRow } from '../thread/sql-thread-messages.ts';
import { mayActivate } from './rollout-statements.ts';
import { endRollout, liveRollout } from './rollout-units.ts';

type Refusal = (rows: readonly SqlRow[]) => never;

/**
 * The guards by which versions become active: rollouts end, none that is live may be left, then the versions change (I6). They change
 * within the guards because guards of other units in the batch ask for them. `refuse` throws why a guard stopped the unit.
 */
export const activationGuards = (
  queries: Queries,
  tenant: TenantId,
  activated: readonly { readonly agentId: string; readonly versionId: VersionId }[],
  ends: readonly RolloutChange[],
  commitId: string,
): {
  readonly guards: readonly Guard[];
  readonly refuse: (guard: number, rows: readonly SqlRow[]) => never;
  readonly writes: readonly Write[];
} => {
  const guards: Guard[] = [];
  const refusals: Refusal[] = [];
  const writes: Write[] = [];
  for (const change of ends) {
    const end = endRollout(queries, change, commitId);
    guards.push(end.guard);
    refusals.push(end.refuse);
    writes.push(...end.writes);
  }
  for (const { agentId, versionId } of activated) {
    const refuse = (): never => {
      throw liveRollout(agentId);
    };
    guards.push({ must: 'exist', ...mayActivate(queries, tenant, agentId, versionId) });
    guards.push({ must: 'run', ...activateVersion(queries, tenant, agentId, versionId, commitId) });
    refusals.push(refuse, refuse);
  }
  return {
    guards,
    refuse: (guard, rows) => {
      refusals[guard]?.(rows);
      throw liveRollout('');
    },
    writes,
  };
};
