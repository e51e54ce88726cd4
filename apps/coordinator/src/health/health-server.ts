import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { DomainError } from '@skein/domain';
import { type Address, formatAddress } from '../address.ts';
import type { HealthReply, HealthReport } from './health-messages.ts';

/** Pause between two reports of the loop, in ms. */
const reportMs = 250;

/** Without a report for so long nobody knows whether the coordinator is ready, in ms. */
const staleMs = 1_500;

/** Without a report for so long the process is not said to be alive any more, in ms. */
const deadMs = 60_000;

/** A server of `/readyz` and `/healthz` that answers when the coordinator's loop does not. */
export interface HealthServer {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves health from a thread of its own. `read` is asked four times a second in this thread; when it cannot be asked, because the loop
 * is busy, `/readyz` answers 503 with the status `unknown`, and after a minute `/healthz` does too. Throws `unavailable` for an address in use.
 */
export const serveHealth = async (
  address: Address,
  read: () => HealthReport,
  limits: { readonly staleMs?: number; readonly deadMs?: number } = {},
): Promise<HealthServer> => {
  const workerData = { host: address.host, port: address.port, staleMs, deadMs, ...limits };
  const thread = new Worker(new URL('./health-thread.mjs', import.meta.url), { workerData });
  const exited = once(thread, 'exit');
  const [reply] = (await once(thread, 'message')) as [HealthReply];
  if (reply.type === 'failed') {
    await thread.terminate();
    throw new DomainError('unavailable', `health cannot be served on ${formatAddress(address)}: ${reply.message}`);
  }
  const report = (): void => thread.postMessage(read());
  report();
  const timer = setInterval(report, reportMs);
  timer.unref();
  thread.unref();
  return {
    url: `http://${formatAddress({ host: address.host, port: reply.port })}`,
    close: async () => {
      clearInterval(timer);
      thread.ref();
      thread.postMessage('close');
      await exited;
    },
  };
};
