import type { TenantId } from '@skein/domain';
import { bound } from '../sql/prepared.ts';
import type { Queries } from '../sql/schema.ts';
import type { Bound } from '../sql/write-unit.ts';

/** Makes a version its agent's candidate, unless it is the active one. */
export const nameCandidate = (queries: Queries, tenant: TenantId, agentId: string, versionId: string): Bound =>
  bound(
    queries
      .insertInto('agent_candidate')
      .columns(['tenant', 'agent_id', 'version_id'])
      .expression((eb) =>
        eb
          .selectFrom('agent_version')
          .select(['tenant', 'agent_id', 'version_id'])
          .where('tenant', '=', tenant)
          .where('agent_id', '=', agentId)
          .where('version_id', '=', versionId)
          .where((version) =>
            version.not(
              version.exists(
                version
                  .selectFrom('agent_active')
                  .select('version_id')
                  .where('tenant', '=', tenant)
                  .where('agent_id', '=', agentId)
                  .where('version_id', '=', versionId),
              ),
            ),
          ),
      )
      .onConflict((conflict) =>
        conflict.columns(['tenant', 'agent_id']).doUpdateSet((eb) => ({ version_id: eb.ref('excluded.version_id') })),
      ),
  );

/** A row when the version is its agent's candidate. */
export const findCandidate = (queries: Queries, tenant: TenantId, agentId: string, versionId: string): Bound =>
  bound(
    queries
      .selectFrom('agent_candidate')
      .select('version_id')
      .where('tenant', '=', tenant)
      .where('agent_id', '=', agentId)
      .where('version_id', '=', versionId),
  );

/** A version that became the active one is no candidate any more. */
export const clearCandidate = (queries: Queries, tenant: TenantId, agentId: string, versionId: string): Bound =>
  bound(
    queries
      .deleteFrom('agent_candidate')
      .where('tenant', '=', tenant)
      .where('agent_id', '=', agentId)
      .where('version_id', '=', versionId),
  );
