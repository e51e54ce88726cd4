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
export const revisionOf = async (client: SkeinClient, agentId: string, given: number | undefined): Promise<number> =>
  given ?? (await liveRolloutOf(client, agentId)).revision;

/** The rollout that a change is about: the live one, else the newest draft. Throws `not_found` with the last one that there was. */
export const liveRolloutOf = async (client: SkeinClient, agentId: string): Promise<RolloutInfo> => {
  const rollout = await client.rollouts.get(agentId);
  if (rollout !== undefined) return rollout;
  const [last] = (await client.rollouts.list({ agentId, perPage: 1 })).rollouts;
  const was = last === undefined ? '' : `; the last one, ${last.id}, is ${last.status}`;
  throw new DomainError('not_found', `agent ${cell(agentId)} has no live rollout${was}`, {
    agentId,
    ...(last === undefined ? {} : { lastRolloutId: last.id }),
  });
};

/** What to do next, where the error does not say it. */
const nextOf = (agentId: string, error: DomainError): string | undefined => {
  const { rolloutId, reason } = (error.details ?? {}) as { readonly rolloutId?: string; readonly reason?: string };
  if (error.code === 'already_exists' && rolloutId !== undefined) {
    const named = error.message.includes(rolloutId) ? '' : ` (${rolloutId})`;
    return `${named}: look at it with "skein rollout show ${cell(agentId)}"`;
  }
  if (reason === 'cooldown') return ': add --force --reason TEXT to try it all the same';
  if (reason === 'evidence_not_trusted') return ': add --force --reason TEXT to promote it all the same';
  return undefined;
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
        if (!isDomainError(error)) throw error;
        const next = nextOf(agentId, error);
        if (next !== undefined) throw new DomainError(error.code, `${error.message}${next}`, error.details, error);
        if (error.code !== 'version_conflict') throw error;
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
