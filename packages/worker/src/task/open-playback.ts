import { DomainError, isDomainError, type Playback, parsePlayback, type TaskOffer } from '@skein/domain';
import type { Hasher, TaskTransfers } from '@skein/ports';
import { fetchValue } from './resolve-inputs.ts';

/**
 * The record that a task's tool calls are answered from, fetched and verified; undefined without one. Throws `data_corrupt` with reason
 * `playback` when it is gone, damaged or no such thing: without it the task must not run. Throws `unavailable` when it cannot be had now.
 */
export const openPlayback = async (
  hasher: Hasher,
  transfers: Pick<TaskTransfers, 'fetchBlob'>,
  { playback }: TaskOffer,
): Promise<Playback | undefined> => {
  if (playback === undefined) return undefined;
  try {
    const parsed = parsePlayback(await fetchValue(hasher, transfers, playback.digest));
    if (parsed !== undefined) return parsed;
    throw unusable('it is of a form that this worker does not know');
  } catch (thrown) {
    if (thrown instanceof SyntaxError || thrown instanceof TypeError) throw unusable('it is no JSON');
    const isGone = isDomainError(thrown) && (thrown.code === 'not_found' || thrown.code === 'digest_mismatch');
    throw isGone ? unusable(thrown.message) : thrown;
  }
};

const unusable = (why: string): DomainError =>
  new DomainError('data_corrupt', `the recorded tool results of this task cannot be used: ${why}`, {
    reason: 'playback',
  });
