export type { AgentExecutorDeps } from './agent-executor.ts';
export { createAgentExecutor } from './agent-executor.ts';
