import { isIP } from 'node:net';

/** Where a server listens; port 0 picks a free one. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** `HOST:PORT`, or `[IPV6]:PORT`; undefined when the text is no address. */
export const parseAddress = (text: string): Address | undefined => {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535) return undefined;
  if (match?.[1] !== undefined && isIP(host) !== 6) return undefined;
  return { host, port };
};

/** The address as text again. */
export const formatAddress = ({ host, port }: Address): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/** True if only this machine can reach the host. A name other than `localhost` could mean anything, so it is not. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
