import { DomainError } from '@skein/domain';
import type { AuditEntry, AuditFilter, Page } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';

/** What was audited, newest first; what this coordinator has still to write is written first. */
export const listAudit = async (engine: Engine, filter: AuditFilter): Promise<Page<AuditEntry>> => {
  const { audit } = engine.deps;
  if (audit === undefined) throw new DomainError('unimplemented', 'this coordinator keeps no audit log');
  if (filter.cursor === undefined) await engine.audit.flush();
  return audit.list(filter);
};
