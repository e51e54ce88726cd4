import { DomainError } from '@skein/domain';
import { BullmqRunQueue } from './bullmq-run-queue.ts';
import type { BullmqQueue, BullmqQueueOptions } from './queue-options.ts';
import { connectRedis, parseRedisUrl } from './redis-client.ts';

/** BullMQ parts keys with `:`; the braces keep all keys of the queue in one slot of a cluster. */
const prefixForm = /^[\w.-]*\{[\w.-]+\}[\w.-]*$/;

/**
 * Connects to Redis and gives the queue. Waits for the first answer no longer than the deadline, and resolves without it: Redis may come
 * later. Throws `invalid_argument` for a bad URL or prefix.
 */
export const openBullmqQueue = async (options: BullmqQueueOptions): Promise<BullmqQueue> => {
  const { url, prefix = '{skein}', ...given } = options;
  if (!prefixForm.test(prefix)) {
    throw new DomainError(
      'invalid_argument',
      'the prefix of the queue needs one part in braces, such as {skein}, and no colon',
    );
  }
  const address = parseRedisUrl(url);
  const queue = new BullmqRunQueue({
    deadlineMs: 2_000,
    probeMs: 1_000,
    shareAfterMs: 20,
    lockMs: 15_000,
    stalledMs: 5_000,
    ...given,
    prefix,
    client: connectRedis(address, 'skein-queue'),
    subscriber: connectRedis(address, 'skein-queue-wake'),
  });
  await queue.settled();
  return queue;
};
