import { X509Certificate } from 'node:crypto';
import { identityOf } from '@skein/grpc';

/** A certificate for people. Instants as ISO 8601. */
export interface CertificateView {
  readonly file: string;
  /** `authority`, `coordinator/NAME`, `worker/NAME`, or the subject of another one. */
  readonly names: string;
  readonly hosts: readonly string[];
  readonly serialNumber: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly fingerprint: string;
  /** Its signature is that of the authority beside it; absent without one. */
  readonly trusted?: boolean;
}

/** What a PEM text holds; undefined when that is no certificate. */
export const describeCertificate = (file: string, pem: string, authority?: string): CertificateView | undefined => {
  const certificate = parse(pem);
  if (certificate === undefined) return undefined;
  const { subject, subjectaltname } = certificate.toLegacyObject();
  const { role, name } = identityOf({ subject, ...(subjectaltname === undefined ? {} : { subjectaltname }) });
  const issuer = authority === undefined ? undefined : parse(authority);
  return {
    file,
    names: certificate.ca
      ? 'authority'
      : role === 'other'
        ? certificate.subject.replaceAll('\n', ', ')
        : `${role}/${name}`,
    hosts: (subjectaltname ?? '').split(', ').flatMap((entry) => /^(?:DNS|IP Address):(.+)$/.exec(entry)?.[1] ?? []),
    serialNumber: certificate.serialNumber,
    notBefore: new Date(certificate.validFrom).toISOString(),
    notAfter: new Date(certificate.validTo).toISOString(),
    fingerprint: certificate.fingerprint256,
    ...(issuer === undefined ? {} : { trusted: certificate.verify(issuer.publicKey) }),
  };
};

const parse = (pem: string): X509Certificate | undefined => {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
};
