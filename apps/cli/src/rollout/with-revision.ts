import { DomainError, isDomainError } from '@skein/domain';
import type { RolloutInfo, SkeinClient } from '@skein/sdk';
import { Option } from 'commander';
import { wholeNumber } from '../cli/command.ts';
import { agentNames, withSuggestion } from '../cli/with-suggestion.ts';
import { cell } from '../render/render-table.ts';

/** `--revision N`: change it only as it was seen. */
export const revisionOption = (): Option =>
  new Option('--revision <n>', 'only if nobody has changed it since this revision').argParser(
    wholeNumber(1, Number.MAX_SAFE_INTEGER),
  );

/** The revision that a change needs: the one that was given, else that of the rollout as it is now. Throws `not_found`. */
export const revisionOf = async (client: SkeinClient, agentId: string, given: number | undefined): Promise<number> => {
  if (given !== undefined) return given;
  const rollout = await client.rollouts.get(agentId);
  if (rollout !== undefined) return rollout.revision;
  throw new DomainError('not_found', `agent ${cell(agentId)} has no rollout`);
};

/** Calls for an agent; an unknown one is named with the one that was probably meant, a conflict says what to do. */
export const onAgent = <T>(client: SkeinClient, agentId: string, call: () => Promise<T>): Promise<T> =>
  withSuggestion(
    agentId,
    () => agentNames(client),
    async () => {
      try {
        return await call();
      } catch (error) {
        if (!isDomainError(error) || error.code !== 'version_conflict') throw error;
        const { current } = (error.details ?? {}) as { readonly current?: RolloutInfo };
        if (current === undefined) throw error;
        const now = `it is ${current.status} at revision ${current.revision} now`;
        throw new DomainError(
          'version_conflict',
          `somebody changed the rollout in the meantime: ${now}. Look at it with "skein rollout show ${cell(agentId)}", then try again`,
          { revision: current.revision },
          error,
        );
      }
    },
  );
