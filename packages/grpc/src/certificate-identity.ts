import type { ServerUnaryCall } from '@grpc/grpc-js';
import type { CertificateIdentity } from '@skein/ports';

/** A call, as far as it says who makes it. */
export type Authenticated = Pick<ServerUnaryCall<unknown, unknown>, 'getAuthContext'>;

type Certificate = NonNullable<ReturnType<Authenticated['getAuthContext']>['sslPeerCertificate']>;

/** The part of Node's description of a certificate that says whom it names. */
export type NamedCertificate = Partial<Pick<Certificate, 'subject' | 'subjectaltname'>>;

const namePattern = '[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?';
/** Node writes a value that could be mistaken for two in quotes, so a split at commas finds no name that is not there. */
const uriPattern = new RegExp(`^URI:spiffe://[a-z0-9.-]{1,255}/(worker|coordinator)/(${namePattern})$`);
const commonNamePattern = new RegExp(`^(worker|coordinator)/(${namePattern})$`);

const nobody: CertificateIdentity = { role: 'other', name: '' };

/**
 * Whom a verified certificate names: by its one alternative name `URI:spiffe://DOMAIN/worker/NAME` (or `coordinator`), or, when it has no
 * such URI at all, by the common name `worker/NAME`. Anything else, and two names, is nobody.
 */
export const identityOf = (certificate: NamedCertificate | undefined): CertificateIdentity => {
  if (certificate === undefined) return nobody;
  const uris = (certificate.subjectaltname ?? '').split(', ').filter((entry) => entry.startsWith('URI:'));
  const commonName: unknown = certificate.subject?.CN;
  const text = uris.length > 0 ? uris[0] : typeof commonName === 'string' ? commonName : '';
  if (uris.length > 1) return nobody;
  const found = (uris.length > 0 ? uriPattern : commonNamePattern).exec(text ?? '');
  return found === null ? nobody : { role: found[1] as 'worker' | 'coordinator', name: found[2] ?? '' };
};

/** Who makes a call on a server that demands certificates. */
export const certificateOf = (call: Authenticated): CertificateIdentity =>
  identityOf(call.getAuthContext().sslPeerCertificate);
