import { connect } from 'node:tls';

/** How long the handshake may take, ms. */
const patienceMs = 5_000;

/**
 * When the certificate that is served at this URL ends; undefined without TLS, or when there is none to be seen. Nothing is sent, so that it is
 * looked at also when it cannot be trusted.
 */
export const certificateEnd = (url: string): Promise<Date | undefined> => {
  const { protocol, hostname, port } = new URL(url);
  if (protocol !== 'https:') return Promise.resolve(undefined);
  const host = hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port === '' ? 443 : port), rejectUnauthorized: false });
    const end = (at: Date | undefined): void => {
      socket.destroy();
      resolve(at);
    };
    socket.setTimeout(patienceMs, () => end(undefined));
    socket.once('error', () => end(undefined));
    socket.once('secureConnect', () => {
      const until = Date.parse(socket.getPeerCertificate().valid_to ?? '');
      end(Number.isNaN(until) ? undefined : new Date(until));
    });
  });
};
