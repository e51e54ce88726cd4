import { type Digest, DomainError, isDomainError, type SessionId, type TaskRef } from '@skein/domain';
import type { Clock, CoordinatorGateway, JoinCredentials, Random, TaskTransfers } from '@skein/ports';
import { latestDigests } from './named-digests.ts';
import { reconnectDelayMs } from './reconnect-delay.ts';

/** What a task's transfers need. */
export interface TransferDeps {
  readonly gateway: CoordinatorGateway;
  readonly clock: Clock;
  readonly random: Random;
  readonly credentials: JoinCredentials;
  /** The present session; waits for one while the worker is reconnecting. Rejects with the signal's reason. */
  readonly session: (signal: AbortSignal) => Promise<SessionId>;
  /** The coordinator said that the task is no longer ours. */
  readonly onStale: () => void;
}

const maxAttempts = 8;
const baseDelayMs = 50;
const capDelayMs = 2_000;

/**
 * The transfers of one task. Trouble that time heals (`unavailable`, `deadline_exceeded`, `resource_exhausted`, a session that
 * ended meanwhile) is tried again, 8 times in all; all three calls are idempotent, since bytes are addressed by their content.
 */
export const createTaskTransfers = (deps: TransferDeps, task: TaskRef, signal: AbortSignal): TaskTransfers => {
  const attempt = async <T>(call: (sessionId: SessionId) => Promise<T>): Promise<T> => {
    for (let failures = 0; ; failures += 1) {
      const sessionId = await deps.session(signal);
      try {
        return await call(sessionId);
      } catch (error) {
        signal.throwIfAborted();
        if (isDomainError(error) && error.code === 'stale_fencing_token') deps.onStale();
        const sessionEnded = (await deps.session(signal)) !== sessionId;
        if (failures + 1 >= maxAttempts || !(sessionEnded || mayHeal(error))) throw error;
        await deps.clock.sleep(reconnectDelayMs(deps.random, failures, baseDelayMs, capDelayMs), signal);
      }
    }
  };
  const { gateway, credentials } = deps;
  return {
    fetchSnapshot: (digest, held) =>
      attempt((sessionId) =>
        gateway.fetchSnapshot(credentials, sessionId, { task, digest, held: latestDigests(held) }, signal),
      ),
    fetchBlob: (digest) => attempt((sessionId) => gateway.fetchBlob(credentials, sessionId, task, digest, signal)),
    storeBlob: (bytes): Promise<Digest> =>
      attempt((sessionId) => gateway.storeBlob(credentials, sessionId, task, bytes, signal)),
  };
};

const mayHeal = (error: unknown): boolean =>
  isDomainError(error) &&
  (error.code === 'unavailable' || error.code === 'deadline_exceeded' || error.code === 'resource_exhausted');

/** The reason given to `AbortSignal`s of tasks that must end without a report. */
export const notOursAnyMore = (message: string): DomainError => new DomainError('stale_fencing_token', message);
