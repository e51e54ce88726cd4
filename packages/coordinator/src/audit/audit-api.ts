import type { AuditEntry, AuditFilter, Page } from '@skein/ports';
import type { AuditNote } from './audit-log.ts';

/** The audit log, as surfaces see it. */
export interface Audit {
  /** Takes a place for the entry of something that is about to be done; see `AuditLog.open`. */
  open(): Promise<(note: AuditNote) => void>;
  /** Something was refused; never waits, and is bounded per actor. */
  refused(note: AuditNote): void;
  /** Newest first. Throws `invalid_argument` for a cursor that no page gave, `unimplemented` without a store for it. */
  list(filter: AuditFilter): Promise<Page<AuditEntry>>;
}
