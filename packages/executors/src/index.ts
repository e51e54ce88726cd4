export { createNoopExecutor } from './noop/noop-executor.ts';
export type { ProcessGroups } from './process/process-groups.ts';
export { createShellExecutor } from './shell/shell-executor.ts';
export type { ShellExecutorConfig } from './shell/shell-executor.ts';
export { createWorkDirs } from './work-dirs/create-work-dirs.ts';
