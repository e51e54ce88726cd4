// First: the library behind needs it when it is loaded.
import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';
import { DomainError } from '@skein/domain';

/** PEM of a certificate and of its key (PKCS #8). */
export interface IssuedCertificate {
  readonly certificate: string;
  readonly privateKey: string;
}

/** Whom a certificate is for. */
export type CertificateRole = 'coordinator' | 'worker';

/** What is to be issued. */
export interface LeafRequest {
  readonly role: CertificateRole;
  readonly name: string;
  /** Host names and IP addresses; of a coordinator. */
  readonly hosts: readonly string[];
  readonly days: number;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMs = 86_400_000;
/** Clocks of other machines may be late by so much. */
const skewMs = 5 * 60_000;

const namePattern = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,48}[A-Za-z0-9])?$/;
const hostPattern =
  /^(?:\*\.)?[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;

const bad = (message: string): DomainError => new DomainError('invalid_argument', message);

/** 126 random bits, positive and not zero (RFC 5280, 4.1.2.2). */
const serialNumber = (): string => {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
};

const newKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>;

const pemOf = async (
  certificate: x509.X509Certificate,
  { privateKey }: webcrypto.CryptoKeyPair,
): Promise<IssuedCertificate> => ({
  certificate: `${certificate.toString('pem')}\n`,
  privateKey: `${x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', privateKey), 'PRIVATE KEY')}\n`,
});

/** An authority of one's own, P-256: it signs certificates of coordinators and workers, no other authorities. */
export const createAuthority = async (now: Date, days: number): Promise<IssuedCertificate> => {
  const keys = await newKeys();
  const serial = serialNumber();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial,
    name: `CN=Skein CA ${serial.slice(-8)}`,
    notBefore: new Date(now.getTime() - skewMs),
    notAfter: new Date(now.getTime() + days * dayMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return pemOf(certificate, keys);
};

/** Name as the transport reads it. */
const uriOf = ({ role, name }: LeafRequest): string => `spiffe://skein/${role}/${name}`;

const alternativeNames = (request: LeafRequest): x509.JsonGeneralNames => [
  { type: 'url', value: uriOf(request) },
  ...[...new Set(request.hosts)].map(
    (host): x509.JsonGeneralName => (isIP(host) === 0 ? { type: 'dns', value: host } : { type: 'ip', value: host }),
  ),
];

const check = ({ role, name, hosts }: LeafRequest): void => {
  if (!namePattern.test(name))
    throw bad(`${JSON.stringify(name)} is no name: 1 to 50 letters, digits and . _ -, the first and last no sign`);
  if (role === 'worker' && hosts.length > 0) throw bad('a worker listens nowhere, so its certificate has no --host');
  const wrong = hosts.find((host) => isIP(host) === 0 && (host.length > 253 || !hostPattern.test(host)));
  if (wrong !== undefined) throw bad(`${JSON.stringify(wrong)} is neither a host name nor an IP address`);
};

/**
 * A certificate that names a coordinator (a server, and a client of its peers) or a worker (a client only). Throws `invalid_argument` for a
 * name or host that is none, for a lifetime beyond that of the authority, and for an authority that cannot be used.
 */
export const issueCertificate = async (
  authority: IssuedCertificate,
  request: LeafRequest,
  now: Date,
): Promise<IssuedCertificate> => {
  check(request);
  const { issuer, signingKey } = await openAuthority(authority);
  const notAfter = new Date(now.getTime() + request.days * dayMs);
  if (notAfter > issuer.notAfter)
    throw bad(`the authority itself ends on ${issuer.notAfter.toISOString()}; give fewer --days`);
  const keys = await newKeys();
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: `CN=${request.role}/${request.name}`,
    issuer: issuer.subject,
    notBefore: new Date(now.getTime() - skewMs),
    notAfter,
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(request.role === 'worker' ? [clientAuth] : [serverAuth, clientAuth], false),
      new x509.SubjectAlternativeNameExtension(alternativeNames(request), false),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return pemOf(certificate, keys);
};

const openAuthority = async (
  authority: IssuedCertificate,
): Promise<{ readonly issuer: x509.X509Certificate; readonly signingKey: webcrypto.CryptoKey }> => {
  try {
    const issuer = new x509.X509Certificate(authority.certificate);
    const der = x509.PemConverter.decodeFirst(authority.privateKey);
    const signingKey = await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
    if (issuer.getExtension(x509.BasicConstraintsExtension)?.ca === true) return { issuer, signingKey };
  } catch (error) {
    throw new DomainError('invalid_argument', 'ca.pem and ca.key are no authority that can be used', undefined, error);
  }
  throw bad('ca.pem is no certificate of an authority');
};
