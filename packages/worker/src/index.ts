export type { EndpointConfig, EndpointTuning } from './endpoint/endpoint-config.ts';
export { defaultEndpointTuning } from './endpoint/endpoint-config.ts';
export type { ClosableGateway } from './endpoint/many-coordinators.ts';
export { createManyCoordinators } from './endpoint/many-coordinators.ts';
export { createWorkerEndpoint } from './endpoint/worker-endpoint.ts';
export type { EndpointDeps, EndpointEnd, EndpointState, WorkerEndpoint } from './endpoint/worker-presence.ts';
export type { TaskRunnerDeps } from './task/create-task-runner.ts';
export { createTaskRunner } from './task/create-task-runner.ts';
