import { randomInt } from 'node:crypto';
import getPort from 'get-port';

/** Test files that run at the same time each have a share of the ports, so that none takes one that another will start on again. */
const share = 1_500;
const from = 20_000 + (Number(process.env['VITEST_POOL_ID'] ?? 0) % 8) * share;

/**
 * A port of the loopback that nobody listens at now, for a server that takes it seconds later, and again after a restart. It lies below the
 * range from which the system gives ports to those who do not say which (from 32768 on Linux), so that no such one takes it meanwhile.
 */
export const freePort = (): Promise<number> =>
  getPort({ host: '127.0.0.1', port: Array.from({ length: 20 }, () => randomInt(from, from + share)) });
