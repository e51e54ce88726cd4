export type { LaunchOptions } from './launch-process.ts';
export { launchProcess } from './launch-process.ts';
export { findMarked, launchVariable } from './process-table.ts';
export type { RestartPolicy } from './restart-policy.ts';
export { countFailures, defaultRestartPolicy, restartDelayMs } from './restart-policy.ts';
export type { SuperviseOptions, Supervisor } from './supervise-process.ts';
export { superviseProcess } from './supervise-process.ts';
export type { SuperviseWorkerOptions } from './supervise-worker.ts';
export { incarnationVariable, superviseWorker } from './supervise-worker.ts';
