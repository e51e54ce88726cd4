import { createSecureContext } from 'node:tls';
import { DomainError } from '@skein/domain';
import type { HttpTls } from './http-deps.ts';

/** What Node wants for a server of TLS 1.2 or newer. Throws `invalid_argument` for a certificate and key that cannot be used together. */
export const secureContextOf = ({
  certificate,
  privateKey,
}: HttpTls): { readonly cert: string; readonly key: string; readonly minVersion: 'TLSv1.2' } => {
  const options = { cert: certificate, key: privateKey, minVersion: 'TLSv1.2' } as const;
  try {
    createSecureContext(options);
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : 'unknown reason';
    throw new DomainError(
      'invalid_argument',
      `the certificate and key of the HTTP API cannot be used: ${why}`,
      undefined,
      thrown,
    );
  }
  return options;
};
