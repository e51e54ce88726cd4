import { isIP } from 'node:net';
import { DomainError } from '@skein/domain';
import { Cluster, Redis, type RedisOptions } from 'ioredis';

/** One server, or the nodes of a cluster. */
export type RedisClient = Redis | Cluster;

/** Where to connect to. */
export interface RedisAddress {
  readonly cluster: boolean;
  readonly host: string;
  readonly port: number;
  readonly options: Pick<RedisOptions, 'db' | 'username' | 'password' | 'tls'>;
}

const longestRetryMs = 2_000;

const retryAfter = (times: number): number => Math.min(longestRetryMs, 50 * 2 ** Math.min(10, times));

/**
 * Nothing waits in the client: a call fails when the connection does, and who called decides what to do. (BullMQ wants
 * `maxRetriesPerRequest: null` for connections that block; none of ours does.)
 */
const behaviour = {
  maxRetriesPerRequest: 0,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  connectTimeout: 5_000,
  keepAlive: 10_000,
  retryStrategy: retryAfter,
  // After a failover the old master takes no writes: look for the new one behind the same name.
  reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
} satisfies RedisOptions;

/** Reads a URL. Throws `invalid_argument`, whose message does not hold the URL, since that may hold a password. */
export const parseRedisUrl = (text: string): RedisAddress => {
  const bad = (what: string): DomainError =>
    new DomainError(
      'invalid_argument',
      `the URL of Redis ${what}; wanted: redis[s]://[USER:PASSWORD@]HOST[:PORT][/DB]`,
    );
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw bad('cannot be read');
  }
  if (url.protocol !== 'redis:' && url.protocol !== 'rediss:') throw bad('must begin with redis:// or rediss://');
  if (url.hostname === '') throw bad('names no host');
  const db = url.pathname.replace(/^\//, '');
  if (!/^\d{0,4}$/.test(db)) throw bad('names a database that is no number');
  const cluster = url.searchParams.get('cluster') === 'true';
  if (cluster && Number(db) !== 0) throw bad('names a database, which a cluster does not have');
  let username: string;
  let password: string;
  try {
    username = decodeURIComponent(url.username);
    password = decodeURIComponent(url.password);
  } catch {
    throw bad('has a user or password that is not percent-encoded');
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return {
    cluster,
    host,
    port: url.port === '' ? 6379 : Number(url.port),
    options: {
      ...(cluster || db === '' ? {} : { db: Number(db) }),
      ...(username === '' ? {} : { username }),
      ...(password === '' ? {} : { password }),
      ...(url.protocol === 'rediss:' ? { tls: isIP(host) === 0 ? { servername: host } : {} } : {}),
    },
  };
};

/** Begins to connect and goes on trying until it is closed. Its `error` events must be listened to. */
export const connectRedis = ({ cluster, host, port, options }: RedisAddress, name: string): RedisClient => {
  if (!cluster) return new Redis({ ...behaviour, ...options, host, port, connectionName: name });
  const { enableOfflineQueue: _, retryStrategy: __, ...ofNode } = behaviour;
  return new Cluster([{ host, port }], {
    redisOptions: { ...ofNode, ...options, connectionName: name },
    enableOfflineQueue: false,
    clusterRetryStrategy: retryAfter,
    // Names of nodes behind TLS are checked against their certificates as they are given.
    dnsLookup: (address, callback) => callback(null, address),
  });
};
