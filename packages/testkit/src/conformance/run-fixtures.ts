import type {
  DeadLetter,
  DeliveryEvent,
  Digest,
  RunFact,
  RunId,
  RunStatus,
  StoredProposal,
  TenantId,
} from '@skein/domain';
import type { AppendRequest, RunCreation, RunHead } from '@skein/ports';

/** A digest of nothing in particular. */
export const digestOf = (index: number): string => `sha256:${index.toString(16).padStart(64, '0')}`;

/** The fact that opens a log. */
export const submitted = (dag = 'demo', at = 1_000): RunFact => ({
  type: 'run_submitted',
  v: 1,
  at,
  dag,
  dagDigest: digestOf(1),
  params: {},
  routingContext: {},
  priority: 0,
  source: { kind: 'api' },
});

/** A fact that can be told apart by its text. */
export const note = (text: string, at = 1_000): RunFact => ({
  type: 'cancel_requested',
  v: 1,
  at,
  by: 'test',
  reason: 'requested',
  message: text,
});

/** What a test may say about a run. */
export interface RunSketch {
  readonly tenant?: TenantId;
  readonly dag?: string;
  readonly status?: RunStatus;
  readonly shard?: number;
  readonly priority?: number;
  readonly createdAt?: number;
  readonly dueAt?: number;
  readonly snapshotDigest?: Digest;
  readonly parentRunId?: RunId;
  readonly rootRunId?: RunId;
  readonly creation?: Partial<RunCreation>;
  readonly facts?: readonly RunFact[];
}

/** The request that creates a run. */
export const creating = (runId: RunId, sketch: RunSketch = {}): AppendRequest => {
  const { tenant = 'default', dag = 'demo', facts = [submitted(dag, sketch.createdAt)] } = sketch;
  const head: RunHead = {
    tenant,
    runId,
    dag,
    dagDigest: digestOf(1),
    status: sketch.status ?? 'queued',
    seq: facts.length,
    shard: sketch.shard ?? 0,
    priority: sketch.priority ?? 0,
    createdAt: sketch.createdAt ?? 1_000,
    partial: false,
    ...(sketch.dueAt === undefined ? {} : { dueAt: sketch.dueAt }),
    ...(sketch.snapshotDigest === undefined ? {} : { snapshotDigest: sketch.snapshotDigest }),
    ...(sketch.parentRunId === undefined ? {} : { parentRunId: sketch.parentRunId }),
    ...(sketch.rootRunId === undefined ? {} : { rootRunId: sketch.rootRunId }),
  };
  const creation: RunCreation = { source: { kind: 'api' }, routingContext: {}, ...sketch.creation };
  return { tenant, runId, expectedSeq: 0, facts, head, creation };
};

/** A proposal of a run, told apart by its index. */
export const proposing = (runId: RunId, index: number, change: Partial<StoredProposal> = {}): StoredProposal => ({
  proposalId: `${runId}:step:1:${index}`,
  scope: 'agent/triage',
  op: 'append',
  text: `line ${index}`,
  runId,
  step: 'step',
  attempt: 1,
  agentId: 'triage',
  versionId: digestOf(3),
  at: 1_000 + index,
  status: 'pending',
  ...change,
});

/** A dead letter of a message, told apart by its index. */
export const deadLetter = (runId: RunId, index: number, change: Partial<DeadLetter> = {}): DeadLetter => ({
  id: `dl:${runId}:${index}`,
  tenant: 'default',
  kind: 'message',
  runId,
  step: 'talk',
  messageId: `msg_${index}`,
  dag: 'demo',
  reason: 'recipient_gone',
  transportAttempts: 0,
  executionAttempts: 1,
  applicationFailures: 2,
  at: 1_000 + index,
  history: [{ at: 900, what: 'presented', workerId: 'wrk_1' }],
  body: `text ${index}`,
  status: 'open',
  ...change,
});

/** A delivery event, told apart by its item. */
export const deliveryEvent = (itemId: string, change: Partial<DeliveryEvent> = {}): DeliveryEvent => ({
  tenant: 'default',
  kind: 'rejected',
  at: 1_000,
  itemId,
  runId: 'run_1',
  step: 'talk',
  reason: 'step_finished',
  ...change,
});

/** The request that goes on from a head. A `dueAt` that is not given is cleared. */
export const going = (
  head: RunHead,
  facts: readonly RunFact[],
  change: Partial<RunHead> = {},
  expectedSeq = head.seq,
): AppendRequest => {
  const { dueAt: _, ...rest } = head;
  return {
    tenant: head.tenant,
    runId: head.runId,
    expectedSeq,
    facts,
    head: { ...rest, ...change, seq: expectedSeq + facts.length },
  };
};
