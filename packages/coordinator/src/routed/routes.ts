import type { Coordinator } from '../coordinator.ts';

/**
 * Where a use case is carried out.
 *  local  here: the store answers, or it is about this process
 *  home   at the coordinator that drives the run: only that one may write to its log
 *  near   at the home, which knows more than the log says (who waits for what); here when the home cannot answer
 *  all    here and at every other coordinator, which each know a part
 *  any    at any coordinator with shards of its own: here when there are any
 */
export type Route = 'local' | 'home' | 'near' | 'all' | 'any';

/** Every use case of a coordinator. What is not `local` may be called by peers; nothing else may. */
export const routes = {
  coordinatorId: 'local',
  gateway: 'local',
  peerGateway: 'local',
  start: 'local',
  stop: 'local',
  submitRun: 'any',
  cancelRun: 'home',
  retryRun: 'any',
  getRun: 'near',
  waitRun: 'local',
  listRuns: 'local',
  listItems: 'near',
  readOutput: 'local',
  watchRun: 'local',
  readLog: 'local',
  sendMessage: 'home',
  listMessages: 'near',
  readMessage: 'near',
  waitMessage: 'local',
  listApprovals: 'all',
  answerApproval: 'home',
  pushBack: 'home',
  listEffects: 'local',
  describeStep: 'local',
  listDeadLetters: 'local',
  readDeadLetter: 'local',
  // The home of the run that a message goes to; a task's is retried by a new run, anywhere.
  redriveDeadLetter: 'home',
  purgeDeadLetter: 'local',
  readDeliveryEvents: 'local',
  applyProject: 'local',
  listDags: 'local',
  getDag: 'local',
  listSchedules: 'local',
  listAgents: 'local',
  listVersions: 'local',
  activateVersion: 'local',
  diffAgentVersions: 'local',
  inspectSnapshot: 'local',
  diffSnapshots: 'local',
  exportSnapshot: 'local',
  listMemory: 'local',
  readMemory: 'local',
  memoryHistory: 'local',
  listProposals: 'local',
  reviewProposal: 'local',
  setMemory: 'local',
  revertRun: 'local',
  foldNow: 'local',
  // Workers of peers are sessions here.
  listWorkers: 'local',
  drainWorker: 'local',
  createToken: 'local',
  listTokens: 'local',
  revokeToken: 'local',
  authenticate: 'local',
  rollouts: 'local',
  audit: 'local',
  secrets: 'local',
  triggers: 'local',
  readiness: 'local',
} as const satisfies { readonly [method in keyof Coordinator]: Route };

/** Use cases that another coordinator may be asked for. */
export type RoutedMethod = {
  [method in keyof typeof routes]: (typeof routes)[method] extends 'local' ? never : method;
}[keyof typeof routes];

/** True for a method that peers may call. */
export const isRouted = (method: string): method is RoutedMethod =>
  Object.hasOwn(routes, method) && routes[method as keyof typeof routes] !== 'local';
