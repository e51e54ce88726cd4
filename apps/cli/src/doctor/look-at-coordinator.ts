import { DomainError, isDomainError } from '@skein/domain';
import { createClient, type ReadinessInfo, type RetryOptions } from '@skein/sdk';
import { certificateEnd } from './certificate-end.ts';

/** What was seen of one coordinator. */
export interface Look {
  readonly url: string;
  /** Absent: it was not reached. */
  readonly readiness?: ReadinessInfo;
  readonly error?: string;
  /** How far its clock is ahead of ours, ms; as exact as half of the call is long. */
  readonly clockAheadMs?: number;
  readonly roundTripMs?: number;
  readonly certificateEnds?: Date;
}

/** How long one answer may take, ms; a process that is stopped takes connections and says nothing. */
export const patienceMs = 3_000;

/** Asks one coordinator how it is; an answer of another one does not count. One that does not answer who has a token is asked without. */
export const lookAtCoordinator = async (
  url: string,
  access: { readonly token?: string; readonly ca?: string },
): Promise<Look> => {
  const ends = await certificateEnd(url).catch(() => undefined);
  const seen = ends === undefined ? {} : { certificateEnds: ends };
  try {
    let sentAt = Date.now();
    const ask = async (who: { readonly token?: string; readonly ca?: string }, retry: Partial<RetryOptions>) => {
      const client = createClient({ url, ...who, retry, timeoutMs: patienceMs });
      sentAt = Date.now();
      const said: Partial<ReadinessInfo> = await client.readiness();
      if (said.status === undefined || said.checks === undefined)
        throw new DomainError('unavailable', 'it answers, but does not say how it is');
      return { ...said, status: said.status, checks: said.checks };
    };
    const { token: _, ...anybody } = access;
    const readiness = await ask(access, { attempts: 2 }).catch((error: unknown) => {
      if (access.token === undefined) throw error;
      return ask(anybody, { attempts: 1 });
    });
    const roundTripMs = Date.now() - sentAt;
    const theirs = Date.parse(readiness.coordinator?.now ?? '');
    const clock = Number.isNaN(theirs) ? {} : { clockAheadMs: theirs - (sentAt + roundTripMs / 2) };
    return { url, readiness, roundTripMs, ...clock, ...seen };
  } catch (error) {
    return { url, error: isDomainError(error) ? error.message : String(error), ...seen };
  }
};
