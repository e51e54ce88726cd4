import { DomainError } from '@skein/domain';
import type { SkeinClient } from '@skein/sdk';

/** The end of the whole form, `run_` + UUIDv7, for a beginning of it: the highest id that begins so. */
const highest = 'run_ffffffff-ffff-ffff-ffff-ffffffffffff';

/** A run's id with at least 8 characters behind `run_`, and not all of them. */
const shortened = /^run_[0-9a-f-]{8,35}$/;

/** What an id of a run may look like; nothing else is asked for. */
const idShape = /^[A-Za-z0-9_-]{1,64}$/;

/** How many runs of an ambiguous beginning are named. */
const shownCandidates = 5;

/**
 * The id of a run that is named by its id, or by a beginning of it that no other run has: `run_` and at least 8 characters. Runs that
 * another run called need their whole id. Throws `not_found`, and `invalid_argument` with `details.candidates` when more than one begins so.
 */
export const resolveRun = async (client: SkeinClient, text: string): Promise<string> => {
  if (text === '') throw new DomainError('invalid_argument', 'the run is not named: its id is empty');
  if (!idShape.test(text)) throw new DomainError('not_found', `there is no run ${text}`);
  if (!shortened.test(text)) return text;
  // The list is in order of ids, newest first, and its cursor is an id: it begins with the runs in question.
  const cursor = `${text}${highest.slice(text.length)}`;
  const { items } = await client.runs.list({ cursor, limit: shownCandidates + 1 });
  const candidates = items.map(({ runId }) => runId).filter((runId) => runId.startsWith(text));
  const [found] = candidates;
  if (found === undefined) {
    throw new DomainError('not_found', `no run begins with ${text} (a run that another one called needs its whole id)`);
  }
  if (candidates.length === 1) return found;
  const more = candidates.length > shownCandidates ? ' and more' : '';
  const named = candidates.slice(0, shownCandidates);
  throw new DomainError('invalid_argument', `more than one run begins with ${text}: ${named.join(', ')}${more}`, {
    candidates: named,
  });
};
