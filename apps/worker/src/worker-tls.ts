import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type ClientTls, type ClientTlsSource, identityOf } from '@skein/grpc';

/** Files that hold what is in a `ClientTls`. */
export type ClientTlsFiles = { readonly [name in keyof Omit<ClientTls, 'serverName'>]?: string };

/** TLS for each new connection: what came from files is read again, so that renewed certificates are used; a file that is away changes nothing. */
export const createTlsSource = (tls: ClientTls | undefined, files: ClientTlsFiles): ClientTlsSource | undefined => {
  if (tls === undefined) return undefined;
  let last = tls;
  return () => {
    try {
      const read = Object.entries(files).map(([name, path]) => [name, readFileSync(path, 'utf8')] as const);
      const next: ClientTls = { ...last, ...Object.fromEntries(read) };
      requireFitting(next);
      last = next;
    } catch {
      // Half written, or gone: what was there before is still good.
    }
    return last;
  };
};

/** Throws when the key is not that of the certificate: the two are renewed one after the other. */
const requireFitting = ({ certificate, privateKey }: ClientTls): void => {
  if (certificate === undefined || privateKey === undefined) return;
  if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(privateKey))) throw new Error('another key');
};

/** The name that a worker's certificate gives it; undefined without one, or when it names no worker: then the coordinator says what is wrong. */
export const workerNameOf = (tls: ClientTls | undefined): string | undefined => {
  if (tls?.certificate === undefined) return undefined;
  try {
    const { subject, subjectaltname } = new X509Certificate(tls.certificate).toLegacyObject();
    const identity = identityOf({ subject, ...(subjectaltname === undefined ? {} : { subjectaltname }) });
    return identity.role === 'worker' ? identity.name : undefined;
  } catch {
    return undefined;
  }
};
