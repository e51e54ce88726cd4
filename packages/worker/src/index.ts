export { defaultEndpointTuning } from './endpoint/endpoint-config.ts';
export type { EndpointConfig, EndpointTuning } from './endpoint/endpoint-config.ts';
export { createWorkerEndpoint } from './endpoint/worker-endpoint.ts';
export type { EndpointDeps, EndpointEnd, EndpointState, WorkerEndpoint } from './endpoint/worker-presence.ts';
export { createTaskRunner } from './task/create-task-runner.ts';
export type { TaskRunnerDeps } from './task/create-task-runner.ts';
