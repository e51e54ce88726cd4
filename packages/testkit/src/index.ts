export type { AgentContext, AgentContextChanges } from './agent/agent-context.ts';
export { agentContextOf } from './agent/agent-context.ts';
export type { AgentParts } from './agent/agent-stores-of.ts';
export { agentStoresOf } from './agent/agent-stores-of.ts';
export type {
  CrashedAttempt,
  CrashWorld,
  CrashWorldChanges,
  CrashWorldDeps,
  Effect,
  TranscriptScript,
} from './agent/crash-world.ts';
export { createCrashWorld, shopServer } from './agent/crash-world.ts';
export { injectionTexts } from './agent/injection-texts.ts';
export type { KillPoints } from './agent/kill-points.ts';
export { createKillPoints } from './agent/kill-points.ts';
export type { MemoryAttempt, MemoryAttemptFaults, MemoryStep } from './agent/memory-step.ts';
export { createMemoryStep } from './agent/memory-step.ts';
export type { MemoryToolHost } from './agent/memory-tool-host.ts';
export { createMemoryToolHost } from './agent/memory-tool-host.ts';
export type { ScriptedModel, ScriptedTurn } from './agent/scripted-model.ts';
export { createScriptedModel } from './agent/scripted-model.ts';
export type { ScriptedServer, ScriptedToolServers } from './agent/scripted-tool-servers.ts';
export { createScriptedToolServers } from './agent/scripted-tool-servers.ts';
export { anyText } from './any-text.ts';
export { AwakeTime } from './awake-time.ts';
export { describeAuditStore } from './conformance/describe-audit-store.ts';
export { describeBlobStore } from './conformance/describe-blob-store.ts';
export { describeDeliveryStore } from './conformance/describe-delivery-store.ts';
export { describeLogStore } from './conformance/describe-log-store.ts';
export { describeMemberStore } from './conformance/describe-member-store.ts';
export { describeMemoryStore } from './conformance/describe-memory-store.ts';
export { describeProjectStore } from './conformance/describe-project-store.ts';
export { describeRetention } from './conformance/describe-retention.ts';
export { describeRolloutStore } from './conformance/describe-rollout-store.ts';
export { describeRunQueue } from './conformance/describe-run-queue.ts';
export { describeRunStore } from './conformance/describe-run-store.ts';
export { describeSecretStore } from './conformance/describe-secret-store.ts';
export { describeShardStore } from './conformance/describe-shard-store.ts';
export { describeSnapshotStore } from './conformance/describe-snapshot-store.ts';
export { describeStores } from './conformance/describe-stores.ts';
export { describeTokenStore } from './conformance/describe-token-store.ts';
export { describeWorkerPlaceStore } from './conformance/describe-worker-place-store.ts';
export {
  changeTo,
  ending,
  exposing,
  nextRevision,
  publishTwo,
  rolloutEvent,
  rolloutOf,
  rolloutRecord,
  valueOf,
} from './conformance/rollout-fixtures.ts';
export type { RunSketch } from './conformance/run-fixtures.ts';
export {
  creating,
  deadLetter,
  deliveryEvent,
  digestOf,
  going,
  note,
  proposing,
  submitted,
} from './conformance/run-fixtures.ts';
export type { SealedSnapshot } from './conformance/snapshot-fixtures.ts';
export { sealed } from './conformance/snapshot-fixtures.ts';
export type { MakeHarness, StoreHarness, StoresUnderTest } from './conformance/store-harness.ts';
export { FakeClock } from './fake-clock.ts';
export { createFakeExpressions } from './fake-expressions.ts';
export { createFakeSealer, testHmac } from './fake-sealer.ts';
export { fastestMs } from './fastest-ms.ts';
export { callOf, dagOf, stepOf } from './fixtures/dag-fixtures.ts';
export type { AgentsToPublish } from './fixtures/publish-agent.ts';
export { publishAgents } from './fixtures/publish-agent.ts';
export type { GatewayUnderTest } from './gateway/describe-gateway.ts';
export { describeGateway } from './gateway/describe-gateway.ts';
export type { PeerGatewayUnderTest } from './gateway/describe-peer-gateway.ts';
export { describePeerGateway } from './gateway/describe-peer-gateway.ts';
export type { FaultCounts, Faults } from './gateway/faulty-gateway.ts';
export { FaultyGateway } from './gateway/faulty-gateway.ts';
export { createMemoryGateway } from './gateway/memory-gateway.ts';
export { createMemoryPeerGateway } from './gateway/memory-peer-gateway.ts';
export { patientLimits } from './gateway/patient-limits.ts';
export {
  sampleBytes,
  sampleCoordinatorMessages,
  sampleDigest,
  sampleEntries,
  sampleHello,
  sampleOffer,
  sampleResult,
  sampleStep,
  sampleTask,
  sampleWorkerMessages,
} from './gateway/sample-messages.ts';
export { samplePeerHello, samplePeerMessages } from './gateway/sample-peer-messages.ts';
export type { ScriptedStream } from './gateway/scripted-coordinator.ts';
export { ScriptedCoordinator, scriptedToken } from './gateway/scripted-coordinator.ts';
export type { ScriptedPeerStream } from './gateway/scripted-peer.ts';
export { ScriptedPeer, scriptedSecret } from './gateway/scripted-peer.ts';
export { MemoryAuditStore } from './memory/memory-audit-store.ts';
export { MemoryBlobStore } from './memory/memory-blob-store.ts';
export { MemoryDeliveryStore } from './memory/memory-delivery-store.ts';
export { MemoryLogStore } from './memory/memory-log-store.ts';
export { MemoryMemberStore } from './memory/memory-member-store.ts';
export { MemoryMemoryStore } from './memory/memory-memory-store.ts';
export { MemoryProjectStore } from './memory/memory-project-store.ts';
export { MemoryRolloutStore } from './memory/memory-rollout-store.ts';
export { MemoryRunQueue } from './memory/memory-run-queue.ts';
export { MemoryRunStore } from './memory/memory-run-store.ts';
export { MemorySecretStore } from './memory/memory-secret-store.ts';
export { MemoryShardStore } from './memory/memory-shard-store.ts';
export { MemorySnapshotStore } from './memory/memory-snapshot-store.ts';
export type { MemoryStores } from './memory/memory-stores.ts';
export { createMemoryStores } from './memory/memory-stores.ts';
export { MemoryTokenStore } from './memory/memory-token-store.ts';
export { MemoryWorkerPlaceStore } from './memory/memory-worker-place-store.ts';
export type { LoggedLine } from './memory-log.ts';
export { createMemoryLog } from './memory-log.ts';
export type { MemoryTracer } from './memory-tracer.ts';
export { createMemoryTracer } from './memory-tracer.ts';
export { createNodeHasher } from './node-hasher.ts';
export { propertyRuns } from './property-runs.ts';
export { createSeededRandom } from './seeded-random.ts';
export { createSequenceIds } from './sequence-ids.ts';
export { freePort } from './services/free-port.ts';
export type { PostgresServer, PostgresServerOptions } from './services/postgres-server.ts';
export { startPostgresServer } from './services/postgres-server.ts';
export type { RedisServer, RedisServerOptions } from './services/redis-server.ts';
export { hasRedis, startRedis } from './services/redis-server.ts';
export type { PostgresDatabase } from './services/start-postgres.ts';
export { startPostgres } from './services/start-postgres.ts';
export { assertNoDroppedDeliveries, assertNoLost } from './world/assert-deliveries.ts';
export { assertNoDuplicateEffects } from './world/assert-effects.ts';
export { assertFenced } from './world/assert-fenced.ts';
export { assertConsumedOnce, assertOrderPerKey } from './world/assert-messages.ts';
export { assertEventsReplayToState } from './world/assert-replay.ts';
export { assertRollouts } from './world/assert-rollouts.ts';
export type { AskedRun } from './world/check-world.ts';
export { checkWorld } from './world/check-world.ts';
export type { StoreCommit } from './world/commit-log.ts';
export type { SimWorker, WorldOptions } from './world/create-world.ts';
export { createWorld, World } from './world/create-world.ts';
export type { FleetMutant } from './world/fleet-mutant.ts';
export { fleetMutants } from './world/fleet-mutant.ts';
export type { FleetSceneOptions, SceneMember } from './world/fleet-scene.ts';
export { createFleetScene, FleetScene } from './world/fleet-scene.ts';
export type { History, Report, RunHistory } from './world/history.ts';
export { factOfEvent } from './world/history.ts';
export type { PassedMessage, PeerNetworkOptions } from './world/peer-network.ts';
export { PeerNetwork } from './world/peer-network.ts';
export { publishProject, randomDag } from './world/random-project.ts';
export type { PlayedStep, RolloutEnd, RolloutHistory } from './world/rollout-history.ts';
export type { RolloutMutant } from './world/rollout-mutant.ts';
export { rolloutMutants } from './world/rollout-mutant.ts';
export { sampleCounts } from './world/sample-counts.ts';
export type { SceneOptions } from './world/scene.ts';
export { createScene, Scene, ScriptedWorker, taskOf } from './world/scene.ts';
export type { SideEffect } from './world/side-effects.ts';
export type { SimMutant } from './world/sim-mutant.ts';
export { simMutants } from './world/sim-mutant.ts';
export { SimProcess } from './world/sim-process.ts';
export type { SimulationOptions, SimulationReport } from './world/simulate.ts';
export { simulate } from './world/simulate.ts';
export type { MovesOptions, MovesReport } from './world/simulate-moves.ts';
export { simulateMoves } from './world/simulate-moves.ts';
export type { RolloutSimulationOptions, RolloutSimulationReport } from './world/simulate-rollouts.ts';
export { simulateRollouts } from './world/simulate-rollouts.ts';
export type { WorldGround, WorldStores } from './world/world-stores.ts';
export { groundOn } from './world/world-stores.ts';
