import type { Coordinator } from '@skein/coordinator';
import { isDomainError, type JsonObject } from '@skein/domain';
import type { Caller } from '../guard/guard.ts';

/** What a handler says of a write, for its entry in the audit log. Never a secret value (S3). */
export interface WriteNote {
  target?: string | undefined;
  /** What it was asked of: the target when nothing came of it that has a name. */
  asked?: string | undefined;
  details?: JsonObject;
}

/**
 * Carries out a write with one entry in the audit log, whatever comes of it. Throws `unavailable`, with nothing done, when the entry could
 * not be kept.
 */
export const audited = async (
  coordinator: Coordinator,
  { tenant, tokenId, by }: Caller,
  action: string,
  about: WriteNote,
  write: () => Promise<Response>,
): Promise<Response> => {
  const note = await coordinator.audit.open();
  const end = (outcome: string): void => {
    const target = about.target ?? about.asked ?? '';
    note({
      tenant,
      actor: { kind: 'token', id: tokenId, name: by },
      action,
      ...(target === '' ? {} : { target }),
      outcome,
      ...(about.details === undefined ? {} : { details: about.details }),
    });
  };
  try {
    const response = await write();
    about.target ??= response.headers.get('location')?.split('/').at(-1);
    end(response.status < 400 ? 'done' : `status_${response.status}`);
    return response;
  } catch (thrown) {
    end(isDomainError(thrown) ? thrown.code : 'internal');
    throw thrown;
  }
};
