import type { RunFact, TaskRef, WorkerId } from '@skein/domain';
import type { AppendRequest, CoordinatorMessage, HeldTask, RunHead, RunStore, WorkerMessage } from '@skein/ports';
import type { LeaseMirror } from './lease-mirror.ts';

/**
 * Defects on purpose, to prove that the oracle sees them.
 * - `no_fencing`: results are taken whatever their token says
 * - `outbox_dropped`: a worker forgets a result once it was sent, acknowledged or not
 * - `checkpoint_not_committed`: durable points of an agent are acknowledged before they are appended
 * - `no_dedup`: a request, a message or a checkpoint that is repeated is taken as a new one
 * - `keeps_everything`: a worker that returns is told to keep all that it runs
 * - `loss_forgotten`: the log forgets that leases were lost
 * - `double_credits`: free slots count twice
 * - `adopts_unchecked`: a worker that returns is taken to run all that the log says, whatever it says itself
 * - `child_not_missed`: a run that does not exist is taken for one that is under way, so that nobody creates it again
 * - `return_forgotten`: the log forgets that called runs returned, so that they return twice
 */
export const simMutants = [
  'no_fencing',
  'outbox_dropped',
  'checkpoint_not_committed',
  'no_dedup',
  'keeps_everything',
  'loss_forgotten',
  'double_credits',
  'adopts_unchecked',
  'child_not_missed',
  'return_forgotten',
] as const;

/** One of them. */
export type SimMutant = (typeof simMutants)[number];

const plain = ({ runId, step, attempt, token }: TaskRef): TaskRef => ({ runId, step, attempt, token });

/** What a worker says, as a mutant lets the coordinator hear it, and who seems to say it. */
export const tamperUp = (
  mutant: SimMutant | undefined,
  leases: LeaseMirror,
  message: WorkerMessage,
): { readonly message: WorkerMessage; readonly as?: WorkerId } => {
  if (mutant === 'no_fencing') return leases.withCurrentToken(message);
  if (mutant === 'double_credits' && message.type === 'credits')
    return { message: { ...message, free: message.free * 2 + 1 } };
  if (mutant === 'outbox_dropped' && message.type === 'hello') return { message: { ...message, unacknowledged: [] } };
  if (mutant === 'adopts_unchecked' && message.type === 'hello') {
    const running: readonly HeldTask[] = leases
      .heldBy(message.worker.workerId)
      .map((ref) => ({ ...ref, started: true }));
    return { message: { ...message, running } };
  }
  if (mutant === 'no_dedup' && message.type === 'checkpoint')
    return { message: { ...message, index: leases.recorded(message.task) ?? message.index } };
  return { message };
};

/** What the coordinator says, as a mutant lets a worker hear it. */
export const tamperDown = (
  mutant: SimMutant | undefined,
  running: readonly TaskRef[],
  message: CoordinatorMessage,
): CoordinatorMessage =>
  mutant === 'keeps_everything' && message.type === 'welcome' ? { ...message, keep: running.map(plain) } : message;

/** A fact as a mutant reads it. */
const tamperFact = (mutant: SimMutant, fact: RunFact): RunFact => {
  if (mutant === 'loss_forgotten' && fact.type === 'step_lost' && fact.error === undefined)
    return { ...fact, step: 'nowhere' };
  if (mutant === 'return_forgotten' && fact.type === 'step_returned') return { ...fact, step: 'nowhere' };
  return fact;
};

const underWay = (tenant: string, runId: string): RunHead => ({
  tenant,
  runId,
  dag: 'nowhere',
  dagDigest: '',
  status: 'running',
  seq: 1,
  shard: 0,
  priority: 0,
  createdAt: 0,
  partial: false,
});

/** A creation that knows nothing of earlier ones. */
const forgetful = ({ creation, ...request }: AppendRequest): AppendRequest => {
  if (creation === undefined) return request;
  const { idempotency: _forgotten, ...rest } = creation;
  return { ...request, creation: rest };
};

/** The log as a mutant writes it. */
export const tamperAppends = (mutant: SimMutant | undefined, runs: RunStore): RunStore => {
  if (mutant !== 'no_dedup') return runs;
  return new Proxy(runs, {
    get: (target, name) => {
      if (name === 'append') return (request: AppendRequest) => target.append(forgetful(request));
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? (member as (...args: unknown[]) => unknown).bind(target) : member;
    },
  });
};

/** The log as a mutant reads it. */
export const tamperLog = (mutant: SimMutant | undefined, runs: RunStore): RunStore => {
  if (mutant !== 'loss_forgotten' && mutant !== 'return_forgotten' && mutant !== 'child_not_missed') return runs;
  const readHead: RunStore['readHead'] = async (tenant, runId) =>
    (await runs.readHead(tenant, runId)) ?? (mutant === 'child_not_missed' ? underWay(tenant, runId) : undefined);
  const readFacts: RunStore['readFacts'] = async (...args) =>
    (await runs.readFacts(...args)).map((fact) => tamperFact(mutant, fact));
  return new Proxy(runs, {
    get: (target, name) => {
      if (name === 'readHead') return readHead;
      if (name === 'readFacts') return readFacts;
      if (name === 'loadCheckpoint') return () => Promise.resolve(undefined);
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? (member as (...args: unknown[]) => unknown).bind(target) : member;
    },
  });
};
