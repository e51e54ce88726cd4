/** What TLS says of a failure, as grpc-js quotes it, and what to tell a person. */
const failures: readonly (readonly [RegExp, string])[] = [
  [
    /unable to verify the first certificate|self[- ]signed certificate|unable to get (?:local )?issuer certificate/,
    'its certificate is of an authority that is not trusted here; give the file of its CA (SKEIN_CA_FILE)',
  ],
  [/certificate has expired/, 'its certificate has expired'],
  [/certificate is not yet valid/, 'its certificate is not valid yet; is the clock of this machine right?'],
  [/(?:unsupported|invalid) certificate purpose/, 'its certificate is not meant for servers'],
  [
    /alert (?:number 116|certificate required)|certificate required/,
    'it demands a certificate, and none was shown (SKEIN_TLS_CERT_FILE, SKEIN_TLS_KEY_FILE)',
  ],
  [
    /alert (?:unknown ca|bad certificate|certificate unknown|certificate expired|unsupported certificate|decrypt error)/,
    'it does not accept the certificate that was shown',
  ],
  [/wrong version number|packet length too long/, 'it does not speak TLS'],
];

/** Names of the certificate, in what Node says of another host. */
const otherHost = /does not match certificate's altnames: (?:Host: |IP: )?(.*?)(?:\. Resolution note|$)/;

/** Why TLS with a coordinator failed, in words; undefined when something else did. */
export const tlsFailureIn = (text: string): string | undefined => {
  const host = otherHost.exec(text)?.[1];
  if (host !== undefined) return `its certificate is for another host (${host.slice(0, 512)})`;
  return failures.find(([pattern]) => pattern.test(text))?.[1];
};
