import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { err, ok, type Result } from '@skein/domain';
import type { ClientTls, ServerTls } from '@skein/grpc';
import type { HttpTls } from '@skein/http';

/** Files of PEM, by the variables that name them. */
export interface TlsFiles {
  readonly SKEIN_TLS_CERT_FILE?: string | undefined;
  readonly SKEIN_TLS_KEY_FILE?: string | undefined;
  readonly SKEIN_TLS_CLIENT_CA_FILE?: string | undefined;
  readonly SKEIN_HTTP_TLS_CERT_FILE?: string | undefined;
  readonly SKEIN_HTTP_TLS_KEY_FILE?: string | undefined;
  readonly SKEIN_CA_FILE?: string | undefined;
}

/** Files, and the name that the certificates of other coordinators have to have where they are dialled by IP address. */
export interface TlsSettings extends TlsFiles {
  readonly serverName?: string | undefined;
}

/** What the files hold. */
export interface TlsMaterial {
  /** Of the door for workers and other coordinators; absent: it is plain. */
  readonly grpc?: ServerTls;
  /** Of the HTTP API: its own, or that of the other door; absent: it is plain. */
  readonly http?: HttpTls;
  /** How other coordinators are reached: their authority, and the own certificate, for those who demand one. */
  readonly peer?: ClientTls;
}

/** Names of all variables of `TlsFiles`. */
export const tlsFileVariables = [
  'SKEIN_TLS_CERT_FILE',
  'SKEIN_TLS_KEY_FILE',
  'SKEIN_TLS_CLIENT_CA_FILE',
  'SKEIN_HTTP_TLS_CERT_FILE',
  'SKEIN_HTTP_TLS_KEY_FILE',
  'SKEIN_CA_FILE',
] as const satisfies readonly (keyof TlsFiles)[];

/** Reads the files. An error lists all that is wrong: a file that cannot be read, half a pair, a key that does not fit. */
export const readTlsFiles = (files: TlsSettings): Result<TlsMaterial, readonly string[]> => {
  const problems: string[] = [];
  const pem: { -readonly [name in keyof TlsFiles]?: string } = {};
  for (const name of tlsFileVariables) {
    const path = files[name];
    if (path === undefined) continue;
    try {
      pem[name] = readFileSync(path, 'utf8');
    } catch (error) {
      problems.push(`${name}: cannot read ${path} (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
    }
  }
  const own = pairOf(files, pem, 'SKEIN_TLS_CERT_FILE', 'SKEIN_TLS_KEY_FILE', problems);
  const http = pairOf(files, pem, 'SKEIN_HTTP_TLS_CERT_FILE', 'SKEIN_HTTP_TLS_KEY_FILE', problems) ?? own;
  const { SKEIN_TLS_CLIENT_CA_FILE: clientAuthority, SKEIN_CA_FILE: authority = clientAuthority } = pem;
  if (files.SKEIN_TLS_CLIENT_CA_FILE !== undefined && files.SKEIN_TLS_CERT_FILE === undefined)
    problems.push('SKEIN_TLS_CERT_FILE, SKEIN_TLS_KEY_FILE: TLS needs both');
  for (const name of ['SKEIN_TLS_CLIENT_CA_FILE', 'SKEIN_CA_FILE'] as const) {
    const text = pem[name];
    if (text !== undefined && !isCertificate(text)) problems.push(`${name}: ${files[name]} holds no certificate`);
  }
  if (problems.length > 0) return err(problems);
  return ok({
    ...(own === undefined
      ? {}
      : {
          grpc: { ...own, ...(clientAuthority === undefined ? {} : { clientAuthority }) },
          peer: {
            ...own,
            ...(authority === undefined ? {} : { authority }),
            ...(files.serverName === undefined ? {} : { serverName: files.serverName }),
          },
        }),
    ...(http === undefined ? {} : { http }),
  });
};

const pairOf = (
  files: TlsFiles,
  pem: { readonly [name in keyof TlsFiles]?: string },
  certName: keyof TlsFiles,
  keyName: keyof TlsFiles,
  problems: string[],
): HttpTls | undefined => {
  if (files[certName] === undefined && files[keyName] === undefined) return undefined;
  if (files[certName] === undefined || files[keyName] === undefined) {
    problems.push(`${certName}, ${keyName}: TLS needs both`);
    return undefined;
  }
  const [certificate, privateKey] = [pem[certName], pem[keyName]];
  if (certificate === undefined || privateKey === undefined) return undefined;
  try {
    createSecureContext({ cert: certificate, key: privateKey });
    return { certificate, privateKey };
  } catch (error) {
    const why = error instanceof Error ? error.message : 'unknown reason';
    problems.push(`${certName}, ${keyName}: cannot be used together: ${why}`);
    return undefined;
  }
};

const isCertificate = (pem: string): boolean => {
  try {
    return new X509Certificate(pem).fingerprint256 !== '';
  } catch {
    return false;
  }
};

/** When the certificates end: what there is to warn of now, in words. `now` in ms. */
export const endingCertificates = ({ grpc, http }: TlsMaterial, now: number, soonMs: number): readonly string[] => {
  const texts = new Set([grpc?.certificate, http?.certificate].filter((text) => text !== undefined));
  return [...texts].flatMap((text) => {
    const { validTo, subject } = new X509Certificate(text);
    const end = Date.parse(validTo);
    if (end - now > soonMs) return [];
    const name = subject.replaceAll('\n', ', ');
    return [`the certificate of ${name} ${end <= now ? 'has expired' : 'expires'} on ${new Date(end).toISOString()}`];
  });
};
