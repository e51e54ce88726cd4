import { DomainError } from '@skein/domain';
import type { CertificateIdentity, ExitReport } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import type { Identity } from '../token/token-cache.ts';
import { auditWorker } from './audit-worker.ts';
import { mayActAs } from './may-act-as.ts';

/**
 * Only a launcher that shows the token of the worker, and a certificate that fits it where certificates are demanded, may say that the
 * worker is gone: its steps run again at once, so that a lie would run them twice. Throws `permission_denied`. Of other tenants nothing
 * is told; their workers are safe, because a report is only ever looked up in its own tenant.
 */
export const refuseForeignReport = (
  engine: Engine,
  identity: Identity,
  certificate: CertificateIdentity | undefined,
  { incarnation, workerId }: ExitReport,
): void => {
  const { fleet } = engine;
  const session = fleet.ofIncarnation(incarnation) ?? (workerId === undefined ? undefined : fleet.ofWorker(workerId));
  if (session === undefined || mayActAs(identity, certificate, session)) return;
  const { tenant, tokenId } = identity;
  const details = { reason: session.tenant === tenant ? 'token' : 'tenant' };
  const target = session.tenant === tenant ? session.workerId : (workerId ?? incarnation);
  auditWorker(engine, { tenant, tokenId, workerId: `token:${tokenId}` }, 'report_exit', 'permission_denied', {
    target,
    details,
  });
  if (session.tenant === tenant)
    throw new DomainError('permission_denied', 'this worker joined by another token', { workerId: session.workerId });
};
