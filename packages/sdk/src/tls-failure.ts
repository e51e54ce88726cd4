/** Codes of Node for a certificate that cannot be believed, in words. */
const words: { readonly [code: string]: string } = {
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet; is the clock of this machine right?',
  CERT_REVOKED: 'its certificate was revoked',
  CERT_UNTRUSTED: 'its certificate is not trusted here',
  INVALID_PURPOSE: 'its certificate is not meant for servers',
};

const unknownAuthority = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_SIGNATURE_FAILURE',
]);

const noTls = new Set(['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG', 'EPROTO']);

/** Why TLS with a server failed, in words; undefined when something else did. */
export const tlsFailureOf = (thrown: unknown): string | undefined => {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) continue;
    if (words[code] !== undefined) return words[code];
    if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `its certificate is for another host (${hostsOf(error)})`;
    if (unknownAuthority.has(code))
      return 'its certificate is of an authority that is not trusted here; give the file of its CA (--ca, or SKEIN_CA_FILE)';
    if (noTls.has(code)) return 'it does not speak TLS as expected; is https:// right for this address?';
  }
  return undefined;
};

/** The names that the certificate has, as Node tells them. */
const hostsOf = (error: Error): string => {
  const { cert } = error as Error & { readonly cert?: { readonly subjectaltname?: string } };
  return cert?.subjectaltname ?? error.message;
};
