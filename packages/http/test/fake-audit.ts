import type { Audit, AuditNote } from '@skein/coordinator';
import { DomainError } from '@skein/domain';
import type { AuditFilter } from '@skein/ports';

/** An audit log in memory. */
export class FakeAudit implements Audit {
  readonly notes: AuditNote[] = [];
  readonly refusals: AuditNote[] = [];
  readonly asked: AuditFilter[] = [];
  isFull = false;

  async open() {
    if (this.isFull) throw new DomainError('unavailable', 'the audit log cannot be written now');
    return (note: AuditNote) => void this.notes.push(note);
  }
  refused(note: AuditNote): void {
    this.refusals.push(note);
  }
  async list(filter: AuditFilter) {
    this.asked.push(filter);
    const items = this.notes.map((note, index) => ({ ...note, id: `aud_${index}`, at: 1_762_052_645_000 + index }));
    return { items: items.toReversed().slice(0, filter.limit), nextCursor: 'aud_0' };
  }
}
