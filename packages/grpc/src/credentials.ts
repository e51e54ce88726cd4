import { ChannelCredentials, Metadata } from '@grpc/grpc-js';
import { DomainError } from '@skein/domain';
import type { JoinCredentials } from '@skein/ports';
import type { Authenticated } from './certificate-identity.ts';
import { certificateOf } from './certificate-identity.ts';

/** A PEM text each: key and certificate of the server, and the authority of clients if they must show a certificate of it. */
export interface ServerTls {
  readonly certificate: string;
  readonly privateKey: string;
  readonly clientAuthority?: string;
}

/** TLS of the client: the authority of the server (the system's when absent), and its own identity. PEM. */
export interface ClientTls {
  readonly authority?: string;
  readonly certificate?: string;
  readonly privateKey?: string;
  /** Name that the server's certificate has to have, where it is not that of the address: servers that are reached by IP address. */
  readonly serverName?: string;
}

/** TLS of the client, or how it is found out for each new connection, so that renewed certificates are used without a restart. */
export type ClientTlsSource = ClientTls | (() => ClientTls);

const scheme = 'Bearer ';

/** What a call shows: its join token, and whom its certificate names where certificates are demanded. Throws `unauthenticated` without a token. */
export const readCredentials = (
  { demandsCertificates }: { readonly demandsCertificates?: boolean },
  call: Authenticated & { readonly metadata: Metadata },
): JoinCredentials => {
  const [header] = call.metadata.get('authorization');
  const token = typeof header === 'string' && header.startsWith(scheme) ? header.slice(scheme.length).trim() : '';
  if (token === '') throw new DomainError('unauthenticated', 'a join token is required (authorization: Bearer …)');
  return demandsCertificates === true ? { token, certificate: certificateOf(call) } : { token };
};

/** The metadata of a call. Throws `unauthenticated` for a token that no header can hold. */
export const writeCredentials = (credentials: JoinCredentials): Metadata => {
  const metadata = new Metadata();
  try {
    metadata.set('authorization', scheme + credentials.token);
  } catch (thrown) {
    throw new DomainError(
      'unauthenticated',
      'the join token holds characters that no header can carry',
      undefined,
      thrown,
    );
  }
  return metadata;
};

/** Credentials of the client. */
export const clientCredentials = (tls: ClientTls | undefined): ChannelCredentials => {
  if (tls === undefined) return ChannelCredentials.createInsecure();
  const bytes = (pem: string | undefined): Buffer | null => (pem === undefined ? null : Buffer.from(pem));
  try {
    return ChannelCredentials.createSsl(bytes(tls.authority), bytes(tls.privateKey), bytes(tls.certificate));
  } catch (thrown) {
    throw new DomainError('invalid_argument', `the certificates cannot be used: ${whyOf(thrown)}`, undefined, thrown);
  }
};

const whyOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : 'unknown reason');
