import type { Coordinator } from '@skein/coordinator';
import { defaultTenant, isDomainError, type JsonObject } from '@skein/domain';

/** What an entry says of something that was done; never a secret value (S3). */
export interface StartNote {
  readonly target?: string;
  readonly details?: JsonObject;
}

/** Carries out something that a start writes, with one entry in the audit log. */
export type AuditedStart = (action: string, write: () => Promise<StartNote>) => Promise<void>;

/**
 * What a coordinator writes while it starts, nobody asks for by a token: the actor of its entries is the coordinator, of the kind `system`.
 * Throws `unavailable`, with nothing done, when the entry could not be kept, and whatever `write` throws.
 */
export const createAuditedStart =
  ({ audit, coordinatorId }: Pick<Coordinator, 'audit' | 'coordinatorId'>): AuditedStart =>
  async (action, write) => {
    const note = await audit.open();
    const entry = { tenant: defaultTenant, actor: { kind: 'system', id: coordinatorId }, action } as const;
    try {
      note({ ...entry, ...(await write()), outcome: 'done' });
    } catch (thrown) {
      note({ ...entry, outcome: isDomainError(thrown) ? thrown.code : 'internal' });
      throw thrown;
    }
  };
