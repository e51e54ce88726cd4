export type {
  ApplyProject,
  ApplyResult,
  Coordinator,
  Readiness,
  RunEvent,
  RunSummary,
  ScheduleView,
  SubmitRun,
  TokenView,
} from './coordinator.ts';
export { createCoordinator } from './create-coordinator.ts';
export type { CoordinatorConfig, CoordinatorDeps } from './engine/coordinator-deps.ts';
export { defaultCoordinatorConfig } from './engine/coordinator-deps.ts';
export { metric as coordinatorMetrics } from './engine/metric-names.ts';
export type { FireSchedulesDeps, Scheduler, ScheduleSource } from './schedule/fire-schedules.ts';
export { createScheduler } from './schedule/fire-schedules.ts';
