import { loadService } from './load-service.ts';

/** The service and the message types of the worker protocol, loaded once per process from the `.proto` file. */
export const { service: workerService, messageType } = loadService({
  file: 'skein/worker/v1/worker.proto',
  package: 'skein.worker.v1',
  service: 'WorkerService',
  rawMethod: 'Work',
});
