import type { Log, RunHint, RunQueue } from '@skein/ports';
import { openBullmqQueue } from '@skein/queue-bullmq';
import { createIdSource, createSystemClock } from '@skein/telemetry';
import { nowMs } from '../measure.ts';

const hintOf = (round: number, index: number): RunHint => ({
  tenant: 'default',
  runId: `run_${round}_${index}`,
  shard: index % 256,
  priority: 0,
  seq: 1,
});

const visibilityMs = 10_000;

/** Hints that a coordinator claims at once. */
const maxClaim = 64;

/** Claims that are on their way at once. */
const claimers = 2;

const ignore = (): void => undefined;

const silent: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore, child: () => silent };

/** The queue port on BullMQ, used as a coordinator uses it. */
export interface OurQueue {
  /** Hints per second: published in batches, claimed, done. */
  throughput(hints: number, batch: number): Promise<number>;
  /** From publishing one hint to an idle queue until it is claimed, in ms; by the publisher, or by another process's queue. */
  latency(by: 'publisher' | 'other'): Promise<number>;
  close(): Promise<void>;
}

export const openOurQueue = async (port: number): Promise<OurQueue> => {
  const deps = {
    url: `redis://127.0.0.1:${port}`,
    log: silent,
    meter: { count: ignore, gauge: ignore, observe: ignore },
    clock: createSystemClock(),
    ids: createIdSource(),
    shareAfterMs: 0,
  };
  const queue = await openBullmqQueue(deps);
  const other = await openBullmqQueue(deps);
  let rounds = 0;

  /** Claims whenever there may be something, until `wanted` hints are done. */
  const consume = (from: RunQueue, wanted: number): Promise<void> =>
    new Promise((resolve, reject) => {
      let done = 0;
      let running = 0;
      const claim = async (): Promise<void> => {
        running += 1;
        for (;;) {
          const claimed = await from.claim(maxClaim, visibilityMs);
          if (claimed.length === 0) break;
          await from.done(claimed.map((one) => one.claim));
          done += claimed.length;
        }
        running -= 1;
        if (done < wanted) return;
        stop();
        resolve();
      };
      const stop = from.onAvailable(() => {
        for (let more = running; more < claimers; more += 1) claim().catch(reject);
      });
    });

  return {
    throughput: async (hints, batch) => {
      rounds += 1;
      const consumed = consume(queue, hints);
      const start = nowMs();
      for (let at = 0; at < hints; at += batch) {
        const size = Math.min(batch, hints - at);
        await queue.publish(Array.from({ length: size }, (_, index) => hintOf(rounds, at + index)));
      }
      await consumed;
      return (hints / (nowMs() - start)) * 1000;
    },
    latency: async (by) => {
      rounds += 1;
      const from = by === 'publisher' ? queue : other;
      const claimed = new Promise<number>((resolve, reject) => {
        const stop = from.onAvailable(() => {
          from.claim(1, visibilityMs).then(async (claims) => {
            if (claims.length === 0) return;
            const at = nowMs();
            stop();
            await from.done(claims.map(({ claim }) => claim));
            resolve(at);
          }, reject);
        });
      });
      const start = nowMs();
      await queue.publish([hintOf(rounds, 0)]);
      return (await claimed) - start;
    },
    close: async () => {
      await Promise.all([queue.close(), other.close()]);
    },
  };
};
