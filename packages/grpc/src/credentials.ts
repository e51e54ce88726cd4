import { ChannelCredentials, Metadata, ServerCredentials } from '@grpc/grpc-js';
import { DomainError } from '@skein/domain';
import type { JoinCredentials } from '@skein/ports';

/** TLS of the server: its key and certificate, and the authority of clients if they must show one. PEM. */
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
}

const scheme = 'Bearer ';

/** The join token of a call. Throws `unauthenticated` when there is none. */
export const readCredentials = (metadata: Metadata): JoinCredentials => {
  const [header] = metadata.get('authorization');
  const token = typeof header === 'string' && header.startsWith(scheme) ? header.slice(scheme.length).trim() : '';
  if (token === '') throw new DomainError('unauthenticated', 'a join token is required (authorization: Bearer …)');
  return { token };
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

/** Credentials of the server. Without TLS: plain HTTP/2, for loopback and private networks. */
export const serverCredentials = (tls: ServerTls | undefined): ServerCredentials => {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const pair = { cert_chain: Buffer.from(tls.certificate), private_key: Buffer.from(tls.privateKey) };
  const authority = tls.clientAuthority === undefined ? null : Buffer.from(tls.clientAuthority);
  return ServerCredentials.createSsl(authority, [pair], authority !== null);
};

/** Credentials of the client. */
export const clientCredentials = (tls: ClientTls | undefined): ChannelCredentials => {
  if (tls === undefined) return ChannelCredentials.createInsecure();
  const bytes = (pem: string | undefined): Buffer | null => (pem === undefined ? null : Buffer.from(pem));
  return ChannelCredentials.createSsl(bytes(tls.authority), bytes(tls.privateKey), bytes(tls.certificate));
};
