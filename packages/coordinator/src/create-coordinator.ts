import type { JsonValue } from '@skein/domain';
import { LRUCache } from 'lru-cache';
import { AuditLog } from './audit/audit-log.ts';
import { listAudit } from './audit/list-audit.ts';
import type { Coordinator } from './coordinator.ts';
import {
  listDeadLetters,
  purgeDeadLetter,
  readDeadLetter,
  readDeliveryEvents,
  redriveDeadLetter,
} from './delivery/dead-letters.ts';
import { EventWriter } from './delivery/event-writer.ts';
import { createFencedTasks } from './delivery/fenced-writes.ts';
import { listMessages, readMessage, waitMessage } from './delivery/read-messages.ts';
import { sendMessage } from './delivery/send-message.ts';
import { Dispatcher } from './dispatch/dispatcher.ts';
import { RedeliveryBudget } from './dispatch/redelivery-budget.ts';
import { TaskClasses } from './dispatch/task-class.ts';
import type { CoordinatorConfig, CoordinatorDeps } from './engine/coordinator-deps.ts';
import { defaultCoordinatorConfig } from './engine/coordinator-deps.ts';
import { DueWheel } from './engine/due-wheel.ts';
import type { Engine } from './engine/engine.ts';
import { Health } from './engine/health.ts';
import { pauseOf } from './engine/pause-of.ts';
import { readinessOf } from './engine/readiness.ts';
import { startCoordinator, stopCoordinator } from './engine/start-stop.ts';
import { StoreGate } from './engine/store-gate.ts';
import { Fleet } from './fleet/fleet.ts';
import { drainWorker, listWorkers } from './fleet/list-workers.ts';
import { createGateway } from './gateway/create-gateway.ts';
import { createMembers } from './members/create-members.ts';
import type { Members } from './members/members.ts';
import { foldNow } from './memory/fold-loop.ts';
import { listMemory, listProposals, memoryHistory, readMemory } from './memory/read-memory.ts';
import { revertRun } from './memory/revert-run.ts';
import { reviewProposal } from './memory/review-proposal.ts';
import { setMemory } from './memory/set-memory.ts';
import { createFleetPeers } from './peers/fleet-peers.ts';
import type { Peers } from './peers/peers.ts';
import { singlePeers } from './peers/peers.ts';
import { activateVersion, diffAgentVersions, listVersions } from './project/agent-versions.ts';
import { applyProject, getDag, listDags, listSchedules } from './project/apply-project.ts';
import { DagCache } from './project/dag-cache.ts';
import { diffSnapshots, exportSnapshot, inspectSnapshot } from './project/inspect-snapshot.ts';
import { describeStep, listEffects } from './query/describe-step.ts';
import { RunWatchers } from './query/run-watchers.ts';
import { listItems, listRuns, readLog, readOutput, viewOfRun } from './query/view-of-run.ts';
import { waitRun } from './query/wait-run.ts';
import { watchRun } from './query/watch-run.ts';
import { createRollouts } from './rollout/create-rollouts.ts';
import { Evaluator } from './rollout/evaluator.ts';
import { WebhookLoop } from './rollout/webhook-loop.ts';
import { createRoutedCoordinator } from './routed/create-routed-coordinator.ts';
import { OpenCalls } from './run/open-calls.ts';
import { RunTable } from './run/run-table.ts';
import { wakeRun } from './run/run-turn.ts';
import { lookAtCall } from './run/tend-call.ts';
import { TreeSizes } from './run/tree-sizes.ts';
import { Scoring } from './scoring/scoring.ts';
import { createStoredSecrets } from './secrets/stored-secrets.ts';
import { AdmissionWindow } from './submit/admission-window.ts';
import { cancelRun } from './submit/cancel-run.ts';
import { fillWindow } from './submit/fill-window.ts';
import { retryRun } from './submit/retry-run.ts';
import { SealedSnapshots } from './submit/sealed-snapshots.ts';
import { submitRun } from './submit/submit-run.ts';
import { createToken, listTokens, revokeToken } from './token/manage-tokens.ts';
import { TokenCache } from './token/token-cache.ts';
import { createTriggers } from './trigger/create-triggers.ts';
import { answerApproval } from './waiting/answer-approval.ts';
import { listApprovals } from './waiting/list-approvals.ts';
import { pushBack } from './waiting/push-back.ts';

/** Bytes of parsed output values that stay in memory. */
const maxValueBytes = 64 * 1024 * 1024;

const createEngine = (deps: CoordinatorDeps, config: CoordinatorConfig): Engine => {
  const fleet = new Fleet();
  const sealed = new SealedSnapshots(deps.snapshots, pauseOf(deps.clock));
  const wake: Engine['wake'] = (actor) => wakeRun(engine, actor);
  let evaluator: Evaluator | undefined;
  let scoring: Scoring | undefined;
  let webhooks: WebhookLoop | undefined;
  let members: Members | undefined;
  let peers: Peers | undefined;
  const engine: Engine = {
    deps,
    config,
    fleet,
    runs: new RunTable(),
    dispatcher: new Dispatcher(fleet, sealed, deps.clock, wake),
    redeliveries: new RedeliveryBudget(deps.clock, config.redelivery),
    classes: new TaskClasses(),
    events: new EventWriter(deps),
    fenced: createFencedTasks(),
    wheel: new DueWheel(deps.clock, (runId) => {
      const actor = engine.runs.find(runId);
      if (actor !== undefined) wake(actor);
    }),
    watchers: new RunWatchers(),
    calls: new OpenCalls(deps.clock, (call, failures) => lookAtCall(engine, call, failures)),
    trees: new TreeSizes(),
    dags: new DagCache(deps.projects, config.solePublisher && config.fleet === undefined),
    sealed,
    window: new AdmissionWindow(
      () => Math.max(config.minWindow, 2 * fleet.slots),
      () => fillWindow(engine),
    ),
    tokens: new TokenCache(deps, config.tokenCacheMs),
    audit: new AuditLog(deps, config.audit),
    health: new Health(deps.clock, deps.meter),
    store: new StoreGate(deps, () => {
      for (const actor of engine.runs.actors) wake(actor);
      fillWindow(engine);
    }),
    get peers(): Peers {
      peers ??= config.fleet === undefined ? singlePeers : createFleetPeers(engine);
      return peers;
    },
    get members(): Members {
      members ??= createMembers(engine);
      return members;
    },
    get evaluator(): Evaluator {
      evaluator ??= new Evaluator(engine);
      return evaluator;
    },
    get scoring(): Scoring {
      scoring ??= new Scoring(engine);
      return scoring;
    },
    get webhooks(): WebhookLoop {
      webhooks ??= new WebhookLoop(engine);
      return webhooks;
    },
    values: new LRUCache<string, NonNullable<JsonValue>>({ maxSize: maxValueBytes }),
    wake,
    phase: 'new',
  };
  return engine;
};

/**
 * A coordinator over these ports. All that it holds in memory is a cache of the log: it may be killed at any instruction (R5).
 * Nothing happens before `start`.
 */
export const createCoordinator = (deps: CoordinatorDeps, settings: Partial<CoordinatorConfig> = {}): Coordinator => {
  const config: CoordinatorConfig = { ...defaultCoordinatorConfig, ...settings };
  const engine = createEngine(deps, config);
  return createRoutedCoordinator(engine, {
    coordinatorId: config.coordinatorId,
    gateway: createGateway(engine),
    peerGateway: engine.peers.gateway,
    start: () => startCoordinator(engine),
    stop: () => stopCoordinator(engine),
    submitRun: (tenant, submit) => submitRun(engine, tenant, submit),
    cancelRun: (tenant, runId, by, message) => cancelRun(engine, tenant, runId, by, message),
    retryRun: (tenant, runId, options) => retryRun(engine, tenant, runId, options),
    getRun: (tenant, runId) => viewOfRun(engine, tenant, runId),
    waitRun: (tenant, runId, waitMs, signal) => waitRun(engine, tenant, runId, waitMs, signal),
    listRuns: (filter) => listRuns(engine, filter),
    listItems: (tenant, runId, stepId, limit, cursor) => listItems(engine, tenant, runId, stepId, limit, cursor),
    readOutput: (tenant, runId, step, name) => readOutput(engine, tenant, runId, step, name),
    watchRun: (tenant, runId, afterSeq, signal) => watchRun(engine, tenant, runId, afterSeq, signal),
    readLog: (tenant, runId, step, options) => readLog(engine, tenant, runId, step, options),
    sendMessage: (tenant, runId, step, message, sender) => sendMessage(engine, tenant, runId, step, message, sender),
    listMessages: (tenant, runId, step) => listMessages(engine, tenant, runId, step),
    readMessage: (tenant, runId, step, messageId) => readMessage(engine, tenant, runId, step, messageId),
    waitMessage: (tenant, runId, step, messageId, until, waitMs, signal) =>
      waitMessage(engine, tenant, runId, step, messageId, until, waitMs, signal),
    listApprovals: (tenant, runId) => listApprovals(engine, tenant, runId),
    answerApproval: async (tenant, runId, step, answer) => answerApproval(engine, tenant, runId, step, answer),
    pushBack: async (tenant, runId, step, options) => pushBack(engine, tenant, runId, step, options),
    listEffects: (tenant, runId, limit, cursor) => listEffects(engine, tenant, runId, limit, cursor),
    describeStep: (tenant, runId, step, options) => describeStep(engine, tenant, runId, step, options),
    listDeadLetters: (filter) => listDeadLetters(engine, filter),
    readDeadLetter: (tenant, id) => readDeadLetter(engine, tenant, id),
    redriveDeadLetter: (tenant, id, options) => redriveDeadLetter(engine, tenant, id, options),
    purgeDeadLetter: (tenant, id, by) => purgeDeadLetter(engine, tenant, id, by),
    readDeliveryEvents: (tenant, afterSeq, limit) => readDeliveryEvents(engine, tenant, afterSeq, limit),
    applyProject: (tenant, apply) => applyProject(engine, tenant, apply),
    listDags: (tenant) => listDags(engine, tenant),
    getDag: (tenant, name) => getDag(engine, tenant, name),
    listSchedules: (tenant, dag) => listSchedules(engine, tenant, dag),
    listAgents: (tenant) => deps.projects.listAgents(tenant),
    listVersions: (tenant, agentId) => listVersions(engine, tenant, agentId),
    activateVersion: (tenant, agentId, version, by) => activateVersion(engine, tenant, agentId, version, by),
    diffAgentVersions: (tenant, agentId, from, to) => diffAgentVersions(engine, tenant, agentId, from, to),
    inspectSnapshot: (tenant, digest) => inspectSnapshot(engine, tenant, digest),
    exportSnapshot: (tenant, digest) => exportSnapshot(engine, tenant, digest),
    diffSnapshots: (tenant, a, b) => diffSnapshots(engine, tenant, a, b),
    listMemory: (tenant) => listMemory(engine, tenant),
    readMemory: (tenant, scope, revision) => readMemory(engine, tenant, scope, revision),
    memoryHistory: (tenant, scope, limit, cursor) => memoryHistory(engine, tenant, scope, limit, cursor),
    listProposals: (tenant, filter) => listProposals(engine, tenant, filter),
    reviewProposal: (tenant, proposalId, verdict, by) => reviewProposal(engine, tenant, proposalId, verdict, by),
    setMemory: (tenant, scope, text, options) => setMemory(engine, tenant, scope, text, options),
    revertRun: (tenant, runId, by) => revertRun(engine, tenant, runId, by),
    foldNow: (tenant, scope) => foldNow(engine, tenant, scope),
    listWorkers: (tenant) => listWorkers(engine, tenant),
    drainWorker: (tenant, workerId) => drainWorker(engine, tenant, workerId),
    createToken: (tenant, kind, name, ttlMs, options) => createToken(engine, tenant, kind, name, ttlMs, options),
    listTokens: (tenant) => listTokens(engine, tenant),
    revokeToken: (tenant, tokenId) => revokeToken(engine, tenant, tokenId),
    authenticate: (token, kind) => engine.tokens.authenticate(token, kind),
    rollouts: createRollouts(engine),
    audit: {
      open: () => engine.audit.open(),
      refused: (note) => engine.audit.refused(note),
      list: async (filter) => listAudit(engine, filter),
    },
    secrets: createStoredSecrets(deps),
    triggers: createTriggers(deps, (tenant, dag) => engine.dags.byName(tenant, dag)),
    readiness: () => readinessOf(engine),
  });
};
