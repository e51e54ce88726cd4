import { createSecureContext } from 'node:tls';
import { experimental, ServerCredentials } from '@grpc/grpc-js';
import { DomainError } from '@skein/domain';
import type { ServerTls } from './credentials.ts';

type Provider = Parameters<typeof experimental.createCertificateProviderServerCredentials>[0];
type Authority = Parameters<Parameters<Provider['addCaCertificateListener']>[0]>[0];
type Identity = Parameters<Parameters<Provider['addIdentityCertificateListener']>[0]>[0];

/** The certificates of a server, which may be exchanged while it serves: connections that are open go on. */
export class ServerIdentity {
  readonly credentials: ServerCredentials;
  readonly #demandsCertificates: boolean;
  readonly #caListeners = new Set<(update: Authority) => void>();
  readonly #identityListeners = new Set<(update: Identity) => void>();
  #tls: ServerTls | undefined;

  /** Without TLS: plain HTTP/2. Throws `invalid_argument` for certificates that cannot be used. */
  constructor(tls: ServerTls | undefined) {
    this.#tls = tls;
    this.#demandsCertificates = tls?.clientAuthority !== undefined;
    if (tls === undefined) {
      this.credentials = ServerCredentials.createInsecure();
      return;
    }
    requireUsable(tls);
    // grpc-js listens before it can pass on what it hears, so the first update comes a moment later.
    const provider: Provider = {
      addCaCertificateListener: (listener) => {
        this.#caListeners.add(listener);
        queueMicrotask(() => listener(this.#authority));
      },
      removeCaCertificateListener: (listener) => void this.#caListeners.delete(listener),
      addIdentityCertificateListener: (listener) => {
        this.#identityListeners.add(listener);
        queueMicrotask(() => listener(this.#identity));
      },
      removeIdentityCertificateListener: (listener) => void this.#identityListeners.delete(listener),
    };
    const authority = this.#demandsCertificates ? provider : null;
    // The first is that of the server's own certificate, whatever grpc-js calls it.
    this.credentials = experimental.createCertificateProviderServerCredentials(
      provider,
      authority,
      this.#demandsCertificates,
    );
  }

  /** Clients must show a certificate. */
  get demandsCertificates(): boolean {
    return this.#demandsCertificates;
  }

  /** New connections get these. Throws `invalid_argument`, and changes nothing, for what cannot be used, or would drop the demand for certificates. */
  exchange(tls: ServerTls): void {
    if (this.#tls === undefined || (tls.clientAuthority !== undefined) !== this.#demandsCertificates) {
      throw new DomainError(
        'invalid_argument',
        'whether TLS and certificates of clients are used is decided at the start',
      );
    }
    requireUsable(tls);
    this.#tls = tls;
    for (const listener of this.#caListeners) listener(this.#authority);
    for (const listener of this.#identityListeners) listener(this.#identity);
  }

  get #authority(): Authority {
    const pem = this.#tls?.clientAuthority;
    return pem === undefined ? null : { caCertificate: Buffer.from(pem) };
  }

  get #identity(): Identity {
    if (this.#tls === undefined) return null;
    return { certificate: Buffer.from(this.#tls.certificate), privateKey: Buffer.from(this.#tls.privateKey) };
  }
}

/** grpc-js would log a certificate that does not fit its key, and refuse every connection from then on. */
const requireUsable = ({ certificate, privateKey, clientAuthority }: ServerTls): void => {
  try {
    createSecureContext({
      cert: certificate,
      key: privateKey,
      ...(clientAuthority === undefined ? {} : { ca: clientAuthority }),
    });
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : 'unknown reason';
    throw new DomainError(
      'invalid_argument',
      `the certificate and key of TLS cannot be used: ${why}`,
      undefined,
      thrown,
    );
  }
};
