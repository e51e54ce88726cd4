import type { Log, QueueStatus } from '@skein/ports';
import type { RedisClient } from './redis-client.ts';

const settingOf = async (client: RedisClient, name: string): Promise<string | undefined> => {
  try {
    const answer = await client.config('GET', name);
    // RESP2 gives a list of names and values, RESP3 a map.
    const value = Array.isArray(answer) ? answer[1] : (answer as { readonly [name: string]: unknown } | null)?.[name];
    return typeof value === 'string' ? value : undefined;
  } catch {
    // Managed servers forbid CONFIG.
    return undefined;
  }
};

/**
 * Reads how durable the server is, and warns once of each setting by which hints could be lost. It only costs time: what was lost is
 * published again by a sweep.
 */
export const adviseRedis = async (client: RedisClient, log: Log): Promise<QueueStatus['durability']> => {
  const [appendonly, appendfsync, policy] = await Promise.all([
    settingOf(client, 'appendonly'),
    settingOf(client, 'appendfsync'),
    settingOf(client, 'maxmemory-policy'),
  ]);
  if (appendonly === undefined || appendfsync === undefined || policy === undefined) {
    log.info(
      'Redis does not tell its settings: advised are appendonly yes, appendfsync everysec, maxmemory-policy noeviction',
    );
    return 'unknown';
  }
  const losesAtEnd = appendonly !== 'yes' || appendfsync === 'no';
  if (losesAtEnd) {
    log.warn(
      'Redis may lose hints that it took when it ends: set appendonly yes and appendfsync everysec. No run is lost by it, a sweep publishes them again',
      { appendonly, appendfsync },
    );
  }
  if (policy !== 'noeviction') {
    log.warn(
      'Redis may evict keys of the queue when its memory is full: set maxmemory-policy noeviction. No run is lost by it, a sweep publishes hints again',
      { policy },
    );
  }
  return losesAtEnd || policy !== 'noeviction' ? 'at_risk' : 'durable';
};
