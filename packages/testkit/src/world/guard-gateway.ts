import type { CoordinatorGateway } from '@skein/ports';
import type { SimProcess } from './sim-process.ts';

/** The network as one process sees it: nothing reaches the process after its death or while it is stopped, and nothing leaves it. */
export const guardGateway = (gateway: CoordinatorGateway, process: SimProcess): CoordinatorGateway => {
  const guard = <T>(call: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      call.then(
        (value) => process.run(() => resolve(value)),
        (thrown: unknown) => process.run(() => reject(thrown as Error)),
      );
    });
  return {
    openWorkerStream: (credentials, listener) => {
      const link = gateway.openWorkerStream(credentials, {
        onMessage: (message) => process.run(() => listener.onMessage(message)),
        onClosed: (error) => process.run(() => listener.onClosed(error)),
      });
      return {
        send: (message) => {
          if (process.alive) link.send(message);
        },
        close: (error) => {
          if (process.alive) link.close(error);
        },
      };
    },
    reportExit: (...args) => guard(gateway.reportExit(...args)),
    fetchSnapshot: (...args) => guard(gateway.fetchSnapshot(...args)),
    fetchPart: (credentials, sessionId, request, onBytes, signal) =>
      guard(gateway.fetchPart(credentials, sessionId, request, (bytes) => process.run(() => onBytes(bytes)), signal)),
    readSecret: (...args) => guard(gateway.readSecret(...args)),
    fetchBlob: (...args) => guard(gateway.fetchBlob(...args)),
    storeBlob: (...args) => guard(gateway.storeBlob(...args)),
  };
};
