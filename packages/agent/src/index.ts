export { createAgentExecutor } from './agent-executor.ts';
export type { AgentExecutorDeps } from './attempt/attempt.ts';
