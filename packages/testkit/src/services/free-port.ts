import { randomInt } from 'node:crypto';
import getPort from 'get-port';

/**
 * A port of the loopback that nobody listens at now, for a server that takes it seconds later, and again after a restart. It lies below the
 * range from which the system gives ports to those who do not say which (from 32768 on Linux), so that no such one takes it meanwhile.
 */
export const freePort = (): Promise<number> =>
  getPort({ host: '127.0.0.1', port: Array.from({ length: 20 }, () => randomInt(20_000, 32_000)) });
