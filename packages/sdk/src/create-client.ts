import type { AgentVersion, WorkerView } from '@skein/domain';
import { type ApprovalsClient, createApprovalsClient } from './approvals-client.ts';
import {
  createDeadLettersClient,
  createDeliveryEventsClient,
  type DeadLettersClient,
  type DeliveryEventsClient,
} from './delivery-client.ts';
import {
  createFreezesClient,
  createReplaysClient,
  createScoresClient,
  type FreezesClient,
  type ReplaysClient,
  type ScoresClient,
} from './evaluation-clients.ts';
import { createListAll } from './list-all.ts';
import { segment } from './list-page.ts';
import { createMemoryClient, type MemoryClient } from './memory-client.ts';
import { createMessagesClient, type MessagesClient } from './messages-client.ts';
import type { AgentDiff, SnapshotDiffInfo, SnapshotInfo } from './plan-wire.ts';
import { createRolloutsClient, type RolloutsClient } from './rollouts-client.ts';
import { createRunsClient, type RunsClient } from './runs-client.ts';
import {
  type AuditClient,
  createAuditClient,
  createSecretsClient,
  createTriggersClient,
  type SecretsClient,
  type TriggersClient,
} from './security-client.ts';
import type { TokenRole } from './security-wire.ts';
import { createTransport, type TransportOptions } from './transport.ts';
import type {
  AgentListItem,
  ApplyFile,
  ApplyInput,
  ApplyOutcome,
  CreatedToken,
  DagDocument,
  DagListItem,
  ReadinessInfo,
  Schedule,
  TokenInfo,
} from './wire.ts';

/** A coordinator over HTTP. Every method throws `DomainError` only; calls that may be repeated are tried again while it is not available. */
export interface SkeinClient {
  readonly url: string;
  readonly runs: RunsClient;
  readonly messages: MessagesClient;
  readonly approvals: ApprovalsClient;
  readonly deadLetters: DeadLettersClient;
  readonly deliveryEvents: DeliveryEventsClient;
  readonly rollouts: RolloutsClient;
  readonly freezes: FreezesClient;
  readonly replays: ReplaysClient;
  readonly scores: ScoresClient;
  /** Publishes a project, or (with `dryRun`) says what would change. */
  apply(input: ApplyInput): Promise<ApplyOutcome>;
  readonly dags: { list(): Promise<readonly DagListItem[]>; get(name: string): Promise<DagDocument> };
  readonly schedules: { list(): Promise<readonly Schedule[]> };
  readonly agents: {
    list(): Promise<readonly AgentListItem[]>;
    versions(agentId: string): Promise<readonly AgentVersion[]>;
    /** By version id, alias, or at least 6 hex digits with which the id begins. */
    activate(agentId: string, version: string): Promise<AgentVersion>;
    /** Versions are named as for `activate`. */
    diff(agentId: string, from: string, to: string): Promise<AgentDiff>;
  };
  readonly workers: { list(): Promise<readonly WorkerView[]>; drain(workerId: string): Promise<WorkerView> };
  readonly memory: MemoryClient;
  readonly snapshots: {
    /** By digest, or at least 6 hex digits with which it begins. */
    inspect(digest: string): Promise<SnapshotInfo>;
    diff(a: string, b: string): Promise<SnapshotDiffInfo>;
    /** One gzip envelope. */
    download(digest: string): Promise<Uint8Array>;
  };
  readonly audit: AuditClient;
  readonly secrets: SecretsClient;
  readonly triggers: TriggersClient;
  readonly tokens: {
    create(input: {
      readonly kind: 'api' | 'join';
      readonly name: string;
      /** Of an `api` token; `admin` when absent. */
      readonly role?: TokenRole;
      readonly ttlMs?: number;
      /** Of a join token: the labels that its workers get and may have; `*` lets them choose. */
      readonly labels?: { readonly [name: string]: string };
      /** Of a join token: how many worker processes may join by it. */
      readonly maxUses?: number;
    }): Promise<CreatedToken>;
    list(): Promise<readonly TokenInfo[]>;
    revoke(tokenId: string): Promise<void>;
  };
  readiness(): Promise<ReadinessInfo>;
  /** Prometheus' text format. */
  metrics(): Promise<string>;
}

/** A typed client of the HTTP API. */
export const createClient = (options: TransportOptions): SkeinClient => {
  const transport = createTransport(options);
  const get = <T>(path: string): Promise<T> => transport.json<T>({ method: 'GET', path, idempotent: true });
  const post = <T>(path: string, body: unknown, idempotent: boolean, signal?: AbortSignal): Promise<T> =>
    transport.json<T>({ method: 'POST', path, body, idempotent, ...(signal === undefined ? {} : { signal }) });
  const all = createListAll(transport);
  return {
    url: transport.url,
    runs: createRunsClient(transport, all),
    messages: createMessagesClient(transport),
    approvals: createApprovalsClient(transport, all),
    deadLetters: createDeadLettersClient(transport),
    deliveryEvents: createDeliveryEventsClient(transport),
    rollouts: createRolloutsClient(transport),
    freezes: createFreezesClient(transport),
    replays: createReplaysClient(transport),
    scores: createScoresClient(transport),
    apply: ({ files, signal, ...rest }) => post('/api/apply', { ...rest, files: files.map(toWireFile) }, true, signal),
    dags: { list: () => all('/api/dags'), get: (name) => get(`/api/dags/${segment(name)}`) },
    schedules: { list: () => all('/api/schedules') },
    agents: {
      list: () => all('/api/agents'),
      versions: (agentId) => all(`/api/agents/${segment(agentId)}/versions`),
      activate: (agentId, version) =>
        post(`/api/agents/${segment(agentId)}/versions/${segment(version)}/activate`, {}, true),
      diff: (agentId, from, to) =>
        transport.json({
          method: 'GET',
          path: `/api/agents/${segment(agentId)}/diff`,
          query: { from, to },
          idempotent: true,
        }),
    },
    workers: {
      list: () => all('/api/workers'),
      drain: (workerId) => post(`/api/workers/${segment(workerId)}/drain`, {}, true),
    },
    memory: createMemoryClient(transport),
    snapshots: {
      diff: (a, b) => transport.json({ method: 'GET', path: '/api/snapshots/diff', query: { a, b }, idempotent: true }),
      inspect: (digest) => get(`/api/snapshots/${segment(digest)}`),
      download: async (digest) => {
        const path = `/api/snapshots/${segment(digest)}/file`;
        return transport.read(
          { method: 'GET', path, idempotent: true },
          async (response) => new Uint8Array(await response.arrayBuffer()),
        );
      },
    },
    audit: createAuditClient(transport),
    secrets: createSecretsClient(transport, all),
    triggers: createTriggersClient(transport, all),
    tokens: {
      create: (input) => post('/api/tokens', input, false),
      list: () => all('/api/tokens'),
      revoke: async (tokenId) => {
        await transport.send({ method: 'DELETE', path: `/api/tokens/${segment(tokenId)}`, idempotent: true });
      },
    },
    // 503 with the checks is an answer: somebody is there, and says what is wrong.
    readiness: () => transport.json({ method: 'GET', path: '/readyz', idempotent: true, alsoAnswer: 503 }),
    metrics: () => transport.read({ method: 'GET', path: '/metrics', idempotent: true }, (response) => response.text()),
  };
};

/** Text when the bytes are UTF-8, else base64. */
const toWireFile = (file: ApplyFile): { path: string; mode?: number; text?: string; base64?: string } => {
  const head = { path: file.path, ...(file.mode === undefined ? {} : { mode: file.mode & 0o777 }) };
  try {
    return { ...head, text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(file.bytes) };
  } catch {
    return { ...head, base64: Buffer.from(file.bytes).toString('base64') };
  }
};
