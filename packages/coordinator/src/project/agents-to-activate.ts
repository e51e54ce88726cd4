import type { TenantId, VersionId } from '@skein/domain';
import type { ProjectStore } from '@skein/ports';
import type { ApplyProject } from '../coordinator.ts';

/**
 * Agents whose published version becomes the active one. `new` leaves an agent alone that has an active version and nothing new to
 * publish: somebody may have chosen that version by hand, and a restart that applies the same project again must not undo it.
 */
export const agentsToActivate = async (
  projects: Pick<ProjectStore, 'activeVersion' | 'findVersion'>,
  tenant: TenantId,
  agents: readonly { readonly versionId: VersionId; readonly content: { readonly agentId: string } }[],
  activate: ApplyProject['activate'],
): Promise<readonly string[]> => {
  if (activate === false) return [];
  const chosen = await Promise.all(
    agents.map(async ({ versionId, content: { agentId } }) => {
      if (activate === true) return [agentId];
      const isNew = (await projects.findVersion(tenant, agentId, versionId)) === undefined;
      return isNew || (await projects.activeVersion(tenant, agentId)) === undefined ? [agentId] : [];
    }),
  );
  return chosen.flat();
};
