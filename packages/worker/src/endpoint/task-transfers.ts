import { type Digest, DomainError, isDomainError, type SessionId, type TaskRef } from '@skein/domain';
import type { Clock, CoordinatorGateway, JoinCredentials, Random, TaskTransfers } from '@skein/ports';
import { latestDigests } from './named-digests.ts';
import { PartDownload } from './part-download.ts';
import { reconnectDelayMs } from './reconnect-delay.ts';

/** What a task's transfers need. */
export interface TransferDeps {
  readonly gateway: CoordinatorGateway;
  readonly clock: Clock;
  readonly random: Random;
  readonly credentials: JoinCredentials;
  /** Largest part of a snapshot as it travels, in bytes. */
  readonly maxPartBytes: number;
  /** The present session; waits for one while the worker is reconnecting. Rejects with the signal's reason. */
  readonly session: (signal: AbortSignal) => Promise<SessionId>;
  /** The coordinator said that the task is no longer ours. */
  readonly onStale: () => void;
  /** What goes over the worker's stream, not by calls of its own. */
  readonly onStream: Pick<TaskTransfers, 'checkpoint' | 'onMessage' | 'presented'>;
}

const maxAttempts = 8;
/** About 10 minutes: a store that takes nothing for a while is no reason to lose what a step has done. */
const maxStoreAttempts = 600;
const baseDelayMs = 50;
const capDelayMs = 2_000;

/**
 * How long a worker may go on with a stream that is dead already. A coordinator that was restarted knows no session of before, and a call
 * may reach it before the loss of the stream is noticed: what it says then is no word about the lease.
 */
const staleDoubtMs = 1_500;

/**
 * The transfers of one task. Trouble that time heals (`unavailable`, `deadline_exceeded`, `resource_exhausted`, a session that
 * ended meanwhile) is tried again, 8 times in all without progress, and far longer for what is to be stored. All calls are safe to repeat: bytes are addressed by their content,
 * and a secret is read under the same lease.
 */
export const createTaskTransfers = (deps: TransferDeps, task: TaskRef, signal: AbortSignal): TaskTransfers => {
  const attempt = async <T>(
    call: (sessionId: SessionId) => Promise<T>,
    hasProgressed: () => boolean = () => false,
    attempts = maxAttempts,
  ): Promise<T> => {
    let doubted: SessionId | undefined;
    for (let failures = 0; ; failures += 1) {
      const sessionId = await deps.session(signal);
      try {
        return await call(sessionId);
      } catch (error) {
        signal.throwIfAborted();
        if (hasProgressed()) failures = 0;
        if (isDomainError(error) && error.code === 'stale_fencing_token') {
          if (doubted === sessionId) deps.onStale();
          if (doubted === sessionId || failures + 1 >= attempts) throw error;
          doubted = sessionId;
          await deps.clock.sleep(staleDoubtMs, signal);
          continue;
        }
        const sessionEnded = (await deps.session(signal)) !== sessionId;
        if (failures + 1 >= attempts || !(sessionEnded || mayHeal(error))) throw error;
        await deps.clock.sleep(reconnectDelayMs(deps.random, failures, baseDelayMs, capDelayMs), signal);
      }
    }
  };
  const { gateway, credentials } = deps;
  return {
    ...deps.onStream,
    checkpoint: (index, entries) => untilAborted(signal, () => deps.onStream.checkpoint(index, entries)),
    fetchSnapshot: (digest, held) =>
      attempt((sessionId) =>
        gateway.fetchSnapshot(credentials, sessionId, { task, digest, held: latestDigests(held) }, signal),
      ),
    fetchPart: (digest, part) => {
      const download = new PartDownload(deps.maxPartBytes);
      return attempt(
        (sessionId) =>
          download.goOn((offset, onBytes) =>
            gateway.fetchPart(credentials, sessionId, { task, digest, part, offset }, onBytes, signal),
          ),
        () => download.takeProgress(),
      );
    },
    fetchBlob: (digest) => attempt((sessionId) => gateway.fetchBlob(credentials, sessionId, task, digest, signal)),
    readSecret: (secret) => attempt((sessionId) => gateway.readSecret(credentials, sessionId, task, secret, signal)),
    storeBlob: (bytes): Promise<Digest> =>
      attempt(
        (sessionId) => gateway.storeBlob(credentials, sessionId, task, bytes, signal),
        () => false,
        maxStoreAttempts,
      ),
  };
};

/** Rejects with the signal's reason as soon as it is aborted, and does not begin after that. */
const untilAborted = async (signal: AbortSignal, begin: () => Promise<void>): Promise<void> => {
  signal.throwIfAborted();
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    await Promise.race([begin(), aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
};

const mayHeal = (error: unknown): boolean =>
  isDomainError(error) &&
  (error.code === 'unavailable' || error.code === 'deadline_exceeded' || error.code === 'resource_exhausted');

/** The reason given to `AbortSignal`s of tasks that must end without a report. */
export const notOursAnyMore = (message: string): DomainError => new DomainError('stale_fencing_token', message);
