import type { RunView } from '@skein/domain';
import type { SkeinClient } from '@skein/sdk';
import type { AgentNames } from '../render/render-run.ts';

/** Aliases of the versions that a run got, and labels of its arms. What cannot be looked up is left out: the run is shown without. */
export const agentNamesOf = async (client: SkeinClient, { agents }: RunView): Promise<AgentNames> =>
  Object.fromEntries(
    await Promise.all(
      Object.entries(agents).map(async ([agentId, { versionId, rolloutId, arm }]) => {
        const [versions, rollout] = await Promise.all([
          client.agents.versions(agentId).catch(() => []),
          rolloutId === undefined ? undefined : client.rollouts.read(rolloutId).catch(() => undefined),
        ]);
        const alias = versions.find((version) => version.versionId === versionId)?.alias;
        const label = arm === undefined ? undefined : rollout?.arms[arm]?.label;
        const names = {
          ...(alias === undefined ? {} : { alias }),
          ...(label === undefined ? {} : { arm: label }),
        };
        return [agentId, names] as const;
      }),
    ),
  );
