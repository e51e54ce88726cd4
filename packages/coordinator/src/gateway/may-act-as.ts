import type { CertificateIdentity } from '@skein/ports';
import type { WorkerSession } from '../fleet/worker-session.ts';
import type { Identity } from '../token/token-cache.ts';
import { certificateFits } from './judge-join.ts';

/**
 * Whether a call beside the stream comes from the worker of the session, and not from one that learned its id: by its token, and by its
 * certificate where certificates are demanded. The coordinator at which the worker's stream ends may call for it, and has looked at both.
 */
export const mayActAs = (
  { tenant, tokenId }: Identity,
  certificate: CertificateIdentity | undefined,
  session: WorkerSession,
): boolean => {
  // A session that is known from the log alone has no token yet.
  if (session.tenant !== tenant || (session.tokenId !== '' && session.tokenId !== tokenId)) return false;
  if (certificate?.role === 'coordinator') return session.via !== undefined;
  return certificateFits(certificate, session.workerId);
};
