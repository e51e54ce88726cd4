import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAgentExecutor } from '@skein/agent';
import { type Coordinator, createCoordinator } from '@skein/coordinator';
import {
  type AgentContent,
  type Dag,
  defaultSnapshotLimits,
  defaultTenant,
  type ToolsContent,
  versionIdOf,
  workerFeatures,
} from '@skein/domain';
import { createNodeToolHost, createWorkDirs } from '@skein/executors';
import { createGrpcGateway, serveGateway } from '@skein/grpc';
import { createExpressions } from '@skein/language';
import type { Model, StoredPart } from '@skein/ports';
import { createSnapshotOpener, encodePart } from '@skein/snapshot';
import { createHasher, createIdSource, createSecrets, createSystemClock, createSystemRandom } from '@skein/telemetry';
import { createMemoryLog, createMemoryStores, dagOf, type LoggedLine, stepOf } from '@skein/testkit';
import { createTaskRunner, createWorkerEndpoint } from '@skein/worker';
import { vi } from 'vitest';

const joinToken = 'skt_join';
const meter = { count: () => undefined, gauge: () => undefined, observe: () => undefined };

/** A version of the agent `scout`: what its instructions say, and what its tools may do. */
export interface AgentSketch {
  readonly instructions: string;
  readonly tools?: Partial<ToolsContent>;
}

/** The DAG that asks `scout` for what its param says. */
const ask: Dag = dagOf(
  [
    stepOf('a', {
      action: {
        kind: 'agent',
        agent: 'scout',
        prompt: 'Do: ${params.q}',
        limits: {},
        memory: { read: false, propose: true },
      },
    }),
  ],
  { name: 'ask', params: [{ name: 'q', type: 'string', required: true }] },
);

/** A coordinator and a worker with a real endpoint, runner, agent loop and shell, and gRPC between them; stores in memory, and a scripted model. */
export class RealFleet {
  readonly hasher = createHasher();
  readonly stores = createMemoryStores({ clock: createSystemClock(), hasher: this.hasher });
  readonly lines: LoggedLine[] = [];
  folder = '';
  coordinator!: Coordinator;
  readonly #cleanUps: (() => Promise<void> | void)[] = [];

  async open(model: Model): Promise<this> {
    const clock = createSystemClock();
    const log = createMemoryLog(this.lines);
    this.folder = await mkdtemp(join(tmpdir(), 'skein-replay-'));
    const hash = this.hasher.digest(joinToken);
    const token = { tokenId: 'tok_join', tenant: defaultTenant, name: 'join', hash, createdAt: 0 };
    await this.stores.tokens.insert({ ...token, kind: 'join' });
    this.coordinator = createCoordinator(
      {
        ...this.stores,
        clock,
        ids: createIdSource(),
        hasher: this.hasher,
        secrets: createSecrets(),
        log,
        meter,
        expressions: createExpressions(),
        projectReader: { read: () => ({ ok: false, error: [{ message: 'no files here' }] }) },
      },
      { coordinatorId: 'coordinator', rollouts: { tickMs: 50, cooldownMs: 0, breakerFailures: 5, breakerWindowMs: 1 } },
    );
    await this.coordinator.start();
    const served = await serveGateway({ gateway: this.coordinator.gateway, address: '127.0.0.1:0', log, meter });
    const gateway = createGrpcGateway({ address: served.address, log });
    const executor = createAgentExecutor({
      model,
      toolHost: createNodeToolHost({ path: process.env['PATH'] ?? '' }),
      clock,
      log,
      meter,
    });
    const runner = createTaskRunner({
      executors: [executor],
      snapshots: createSnapshotOpener({
        hasher: this.hasher,
        limits: defaultSnapshotLimits,
        maxCacheBytes: 64 * 1024 * 1024,
      }),
      workDirs: createWorkDirs(join(this.folder, 'work')),
      hasher: this.hasher,
      patterns: { compile: (pattern) => ({ test: (text: string) => new RegExp(pattern).test(text) }) as never },
      secretValues: { read: async () => undefined },
      clock,
      log,
    });
    const endpoint = createWorkerEndpoint(
      { gateway, runner, clock, random: createSystemRandom(), log, meter },
      {
        credentials: { token: joinToken },
        info: {
          workerId: 'wrk_1',
          incarnation: 'lch_1',
          labels: {},
          slots: 4,
          kinds: ['agent'],
          isolation: 'none',
          snapshotFormats: [1],
          features: workerFeatures,
          version: '0.0.0',
          hostname: 'host',
          pid: 1,
        },
      },
    );
    endpoint.start();
    this.#cleanUps.push(
      () => rm(this.folder, { recursive: true, force: true }),
      () => this.stores.close(),
      () => served.close(0),
      () => this.coordinator.stop(),
      async () => {
        await endpoint.stop();
        gateway.close();
      },
    );
    return this;
  }

  /** Publishes a version of `scout` and makes it the active one; returns its id. */
  async publish({ instructions, tools = {} }: AgentSketch): Promise<string> {
    const parts: StoredPart[] = [];
    const keep = (kind: 'model' | 'tools', name: string, bytes: Uint8Array): string => {
      const digest = this.hasher.digest(bytes);
      parts.push({ kind, name, digest, bytes });
      return digest;
    };
    const content: AgentContent = {
      agentId: 'scout',
      description: 'Looks around.',
      instructions,
      model: keep(
        'model',
        'plain',
        encodePart('model', { id: 'plain', provider: 'offline', model: 'rules', parameters: {} }),
      ),
      skills: {},
      tools: keep(
        'tools',
        'tools',
        encodePart('tools', {
          allow: ['bash', 'remember'],
          bash: { allow: ['.*'], deny: [] },
          servers: {},
          ...tools,
        }),
      ),
      limits: {},
      subAgents: {},
    };
    const versionId = versionIdOf(content, this.hasher);
    const digest = this.hasher.digest(JSON.stringify(ask));
    await this.stores.projects.publish({
      tenant: defaultTenant,
      dags: [{ name: ask.name, digest, dag: ask }],
      subDags: [],
      parts,
      agents: [{ versionId, content }],
      activate: ['scout'],
      candidates: [],
      memory: [],
      at: 0,
    });
    return versionId;
  }

  async run(q: string): Promise<string> {
    const { run } = await this.coordinator.submitRun(defaultTenant, { dag: 'ask', params: { q } });
    await vi.waitFor(
      async () => {
        const view = await this.coordinator.getRun(defaultTenant, run.runId);
        if (view.status === 'queued' || view.status === 'running') throw new Error(`the run is ${view.status}`);
      },
      { timeout: 20_000, interval: 20 },
    );
    return run.runId;
  }

  async replay(candidate: string, options: { readonly mode?: 'strict' | 'live'; readonly expression?: string } = {}) {
    const { rollouts } = this.coordinator;
    const { mode = 'strict', expression } = options;
    const { id } = await rollouts.startReplay(
      defaultTenant,
      'scout',
      {
        candidate,
        runs: { kind: 'sample' },
        mode,
        minPairs: 1,
        ...(expression === undefined ? {} : { scorers: [{ id: 'said', kind: 'expression', expression }] }),
      },
      { actor: 'ann' },
    );
    return vi.waitFor(
      async () => {
        const view = await rollouts.readReplay(defaultTenant, id);
        if (view.status === 'running') throw new Error('the replay goes on');
        return view;
      },
      { timeout: 20_000, interval: 50 },
    );
  }

  async close(): Promise<void> {
    for (const cleanUp of this.#cleanUps.splice(0).toReversed()) await cleanUp();
  }
}
