import { isDomainError, type JsonValue } from '@skein/domain';
import type { ExecutionContext } from '@skein/ports';
import type { StepLog } from '../turn/step-log.ts';
import { emptyHistory, type History } from './history.ts';
import { misfit } from './parse-entry.ts';
import { readHistory } from './read-history.ts';

/**
 * What the attempt goes on from, its files restored and verified into the empty private directory. Where that cannot be done the
 * attempt begins at turn 0, and the log of the run says why. Throws what stops the attempt, such as a lost lease.
 */
export const openHistory = async (
  context: ExecutionContext,
  stepLog: StepLog,
  signal: AbortSignal,
): Promise<History> => {
  const { checkpoints, workTree } = context;
  if (checkpoints?.resume === undefined) return emptyHistory;
  try {
    const history = await readHistory(
      checkpoints.resume,
      async (ref): Promise<JsonValue> => await checkpoints.load(ref),
    );
    if (history.treeLost !== undefined)
      throw misfit(`the files of the last attempt were not kept: ${history.treeLost}`);
    if (history.tree !== undefined) {
      if (workTree === undefined) throw misfit('this worker restores no files');
      await workTree.restore(history.tree, signal);
    }
    const turns = history.threads.get('')?.length ?? 0;
    if (turns > 0) stepLog.note(`goes on after turn ${turns}, which an attempt before this one recorded`);
    return history;
  } catch (thrown) {
    signal.throwIfAborted();
    if (!isDomainError(thrown) || !meansLost.has(thrown.code)) throw thrown;
    const reason = `${thrown.code}: ${thrown.message}`.slice(0, maxReasonLength);
    stepLog.note(`begins again at turn 0: ${reason}`);
    await checkpoints.record([{ type: 'restart', reason }]);
    return emptyHistory;
  }
};

const maxReasonLength = 1_000;

/** Failures that no other attempt would do without. */
const meansLost: ReadonlySet<string> = new Set([
  'data_corrupt',
  'not_found',
  'digest_mismatch',
  'too_large',
  'invalid_argument',
  'unprocessable',
]);
