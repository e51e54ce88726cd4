import { isLoopback } from '../address.ts';
import type { FleetSettings } from './fleet-config.ts';

/** A server off this machine whose URL asks for no TLS. */
export interface PlainHost {
  readonly what: 'PostgreSQL' | 'Redis';
  readonly host: string;
  /** What its URL must say instead. */
  readonly remedy: string;
}

/** A host that is a folder is a socket of this machine; `pg` takes it from `?host=` or, encoded, from the authority. */
const postgresHost = (url: URL): string => url.searchParams.get('host') || decodeURIComponent(url.hostname);

const isElsewhere = (host: string): boolean => host !== '' && !host.startsWith('/') && !isLoopback(host);

const bare = (host: string): string => host.replace(/^\[(.*)\]$/, '$1');

/** Whether `pg` encrypts: `sslmode` says so, or without it anything else that is only of use with TLS. */
const isEncrypted = ({ searchParams }: URL): boolean => {
  const mode = searchParams.get('sslmode') || undefined;
  if (mode !== undefined) return mode !== 'disable';
  const ssl = searchParams.get('ssl') || '0';
  const isImplied = ['sslcert', 'sslkey', 'sslrootcert'].some((name) => searchParams.get(name));
  return isImplied || searchParams.get('sslnegotiation') === 'direct' || !['0', 'false'].includes(ssl);
};

/** The servers that this coordinator would talk to over a network in plain. */
export const plainHosts = ({ store, redis }: Pick<FleetSettings, 'store' | 'redis'>): readonly PlainHost[] => {
  const found: PlainHost[] = [];
  if (store !== undefined) {
    const url = new URL(store.url());
    const host = bare(postgresHost(url));
    if (isElsewhere(host) && !isEncrypted(url)) found.push({ what: 'PostgreSQL', host, remedy: 'sslmode=verify-full' });
  }
  if (redis !== undefined) {
    const url = new URL(redis());
    const host = bare(url.hostname);
    if (isElsewhere(host) && url.protocol === 'redis:') found.push({ what: 'Redis', host, remedy: 'rediss://' });
  }
  return found;
};
