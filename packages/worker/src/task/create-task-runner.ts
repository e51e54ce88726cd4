// One whole task: inputs, verified snapshot, preconditions, execution, result.
// T1 `run` always answers with a result; the only step failure that throws is none.
// T2 An agent step runs only on stores that were hydrated from a snapshot with the offered digest (S1); there is no other source.
// T3 `released` is answered only while no step code ran.
// T4 Secrets that the task has read are in nothing that it says: log, values, errors, proposals (S3).
// T6 An agent step gets its durable points, its mailbox and its files; what it goes on from was fetched and checked before its code runs.
// T5 The private directory is removed after every attempt, whatever happened; `close` waits for the last removals.
import {
  DomainError,
  isDomainError,
  type JsonObject,
  type JsonValue,
  type MemoryProposal,
  maxProposalBytes,
  type Playback,
  type StepKind,
  type TaskOffer,
  type TaskResult,
  toErrorData,
  utf8Length,
} from '@skein/domain';
import type {
  AgentStores,
  Checkpoints,
  Clock,
  ExecutionContext,
  ExecutionResult,
  Hasher,
  Log,
  SecretSource,
  StepExecutor,
  TaskRunner,
  TaskSink,
  TaskTransfers,
  TextPatterns,
  Tracer,
  WorkDirs,
  WorkTree,
  WorkTreeSource,
} from '@skein/ports';
import type { CachingSnapshotOpener, SnapshotFetchers } from '@skein/snapshot';
import { redactedOutcome } from '../secrets/redacted-outcome.ts';
import { Redactor } from '../secrets/redactor.ts';
import { openTaskLog } from '../secrets/task-log.ts';
import { createTaskSecrets } from '../secrets/task-secrets.ts';
import { openAbortScope } from './abort-scope.ts';
import { boundOutcome } from './bound-outcome.ts';
import { preconditionsHold } from './check-preconditions.ts';
import { openCheckpoints } from './create-checkpoints.ts';
import { createMailbox } from './create-mailbox.ts';
import { matchesAnyOutput } from './match-text.ts';
import { openPlayback } from './open-playback.ts';
import { outcomeOfAbort } from './outcome-of-abort.ts';
import { resolveInputs } from './resolve-inputs.ts';
import { storeValues } from './store-values.ts';
import { traceTask } from './trace-task.ts';

/** What a task runner works with. */
export interface TaskRunnerDeps {
  readonly executors: readonly StepExecutor[];
  readonly snapshots: Pick<CachingSnapshotOpener, 'open' | 'held' | 'onEvicted'>;
  readonly workDirs: WorkDirs;
  readonly hasher: Hasher;
  /** For the patterns that authors wrote into preconditions and `continue_on`. */
  readonly patterns: TextPatterns;
  /** The worker's own secrets; what it does not have, the coordinator is asked for. */
  readonly secretValues: SecretSource;
  readonly clock: Clock;
  readonly log: Log;
  /** Records what tasks took; without it nothing does. */
  readonly tracer?: Tracer;
  /** Keeps and restores the files of agent steps; without it they have none that outlive an attempt. */
  readonly workTrees?: WorkTreeSource;
}

/** Makes the runner of one worker. */
export const createTaskRunner = (deps: TaskRunnerDeps): TaskRunner => {
  const byKind = new Map<StepKind, StepExecutor>(
    deps.executors.flatMap((executor) => executor.kinds.map((kind) => [kind, executor] as const)),
  );
  const removals = new Set<Promise<void>>();
  const removeLater = (workDir: string): void => {
    const removal = deps.workDirs.remove(workDir).finally(() => removals.delete(removal));
    removals.add(removal);
  };
  return {
    run: (offer, sink, transfers, signal, handBack) =>
      traceTask(deps.tracer, offer, (traced) =>
        runTask(deps, byKind, removeLater, { offer: traced, sink, transfers, signal, handBack }),
      ),
    held: () => deps.snapshots.held(),
    onEvicted: (listener) => deps.snapshots.onEvicted(listener),
    close: async () => {
      await Promise.all(removals);
    },
  };
};

interface Task {
  readonly offer: TaskOffer;
  readonly sink: TaskSink;
  readonly transfers: TaskTransfers;
  readonly signal: AbortSignal;
  readonly handBack: AbortSignal | undefined;
}

const runTask = async (
  deps: TaskRunnerDeps,
  byKind: ReadonlyMap<StepKind, StepExecutor>,
  removeLater: (workDir: string) => void,
  task: Task,
): Promise<TaskResult> => {
  const { offer, transfers } = task;
  const startedAtMs = deps.clock.monotonicMs();
  const scope = openAbortScope(deps.clock, task.signal, offer.definition.timeoutMs);
  let started = false;
  const { handBack } = task;
  const onHandBack = (): void => scope.abort(handBack?.reason);
  /** From here on the task is not handed back any more: what its code has done would be done twice. */
  const begin = (): void => handBack?.removeEventListener('abort', onHandBack);
  if (handBack?.aborted === true) onHandBack();
  else handBack?.addEventListener('abort', onHandBack, { once: true });
  const redactor = new Redactor();
  const log = openTaskLog(task.sink, redactor);
  const sink = {
    started: () => {
      if (started) return;
      started = true;
      task.sink.started();
    },
    log: log.write,
  };
  const readSecret = createTaskSecrets({ own: deps.secretValues, transfers, redactor, note: log.note });
  let workDir: string | undefined;
  let agentParts: AgentParts | undefined;
  let result: ExecutionResult;
  try {
    const executor = byKind.get(offer.definition.action.kind);
    if (executor === undefined) throw unknownKind(offer.definition.action.kind);
    // The snapshot comes first: a later task of the same run counts on the parts that this one brought.
    const stores = offer.definition.action.kind === 'agent' ? await openSnapshot(deps, task, scope.signal) : undefined;
    const inputs = await resolveInputs(deps.hasher, transfers, offer);
    workDir = await deps.workDirs.create();
    scope.signal.throwIfAborted();
    if (stores !== undefined) {
      agentParts = await openAgentParts(deps, task, redactor, log.note, workDir);
    }
    const context: ExecutionContext = {
      offer,
      inputs,
      workDir,
      sink,
      readSecret,
      redact: (value) => redactor.value(value),
      ...(stores === undefined ? {} : { stores }),
      ...agentParts,
    };
    result = await execute(deps, executor, byKind.get('shell'), context, scope.signal, begin);
  } catch (error) {
    result = failureOf(deps.log, redactor, task, error, scope.signal, started);
  }
  agentParts?.mailbox.close();
  log.flush();
  const answer = await finish(deps, redactor, task, result, scope.signal, started, startedAtMs);
  scope.close();
  begin();
  if (workDir !== undefined) removeLater(workDir); // T5
  return answer;
};

const unknownKind = (kind: StepKind): DomainError =>
  new DomainError('unimplemented', `this worker runs no "${kind}" steps`);

const openSnapshot = (deps: TaskRunnerDeps, { offer, transfers }: Task, signal: AbortSignal): Promise<AgentStores> => {
  const { snapshot } = offer;
  if (snapshot === undefined) {
    throw new DomainError('snapshot_invalid', 'an agent step came without a snapshot', { reason: 'missing_snapshot' });
  }
  const fetchers: SnapshotFetchers = {
    fetchEnvelope: (held) => transfers.fetchSnapshot(snapshot.digest, held),
    fetchPart: (part) => transfers.fetchPart(snapshot.digest, part),
  };
  return deps.snapshots.open(snapshot, fetchers, signal);
};

interface AgentParts {
  readonly checkpoints: Checkpoints;
  readonly mailbox: ReturnType<typeof createMailbox>;
  readonly workTree?: WorkTree;
  readonly playback?: Playback;
}

/** T6. */
const openAgentParts = async (
  { hasher, clock, workTrees }: TaskRunnerDeps,
  { offer, transfers, signal }: Task,
  redactor: Redactor,
  note: (line: string) => void,
  root: string,
): Promise<AgentParts> => {
  // Before anything is recorded: a task that cannot be played back does nothing.
  const playback = await openPlayback(hasher, transfers, offer);
  const checkpoints = await openCheckpoints({ transfers, hasher, redactor, note }, offer);
  const workTree = workTrees?.({
    root,
    fetchBlob: (digest) => transfers.fetchBlob(digest),
    storeBlob: (bytes) => transfers.storeBlob(bytes),
    holdsSecret: (bytes) => redactor.isIn(bytes),
    secretsRead: () => redactor.count,
  });
  const mailbox = createMailbox(clock, transfers);
  // What was sent before the step began is read in its first turn.
  await mailbox.arrived(offer.unread ?? 0, signal);
  return {
    checkpoints,
    mailbox,
    ...(workTree === undefined ? {} : { workTree }),
    ...(playback === undefined ? {} : { playback }),
  };
};

const execute = async (
  deps: TaskRunnerDeps,
  executor: StepExecutor,
  shell: StepExecutor | undefined,
  context: ExecutionContext,
  signal: AbortSignal,
  begin: () => void,
): Promise<ExecutionResult> => {
  signal.throwIfAborted();
  // Preconditions run commands of the step too.
  begin();
  if (
    context.offer.definition.preconditions.length > 0 &&
    !(await preconditionsHold(deps.patterns, shell, context, signal))
  ) {
    return { outcome: { status: 'skipped' }, outputs: {} };
  }
  signal.throwIfAborted();
  return executor.execute(context, signal);
};

const failureOf = (
  log: Log,
  redactor: Redactor,
  task: Task,
  error: unknown,
  signal: AbortSignal,
  started: boolean,
): ExecutionResult => {
  if (signal.aborted) return { outcome: outcomeOfAbort(signal.reason, started), outputs: {} };
  if (!isDomainError(error)) {
    const { runId, step, attempt } = task.offer;
    // An exception of unknown origin may quote anything.
    const cause = redactor.text(error instanceof Error ? (error.stack ?? error.message) : String(error));
    log.error('a task failed by a bug', { runId, step, attempt, error: cause });
  }
  const failure = toErrorData(error);
  if (failure.code === 'unavailable' && !started)
    return { outcome: { status: 'released', error: failure }, outputs: {} };
  return { outcome: { status: 'failed', error: failure }, outputs: {} };
};

const finish = async (
  deps: TaskRunnerDeps,
  redactor: Redactor,
  task: Task,
  result: ExecutionResult,
  signal: AbortSignal,
  started: boolean,
  startedAtMs: number,
): Promise<TaskResult> => {
  const { runId, step, attempt, token, definition } = task.offer;
  const cutShort = signal.aborted && result.outcome.status === 'cancelled';
  const outcome = redactedOutcome(redactor, cutShort ? outcomeOfAbort(signal.reason, started) : result.outcome);
  const common = {
    runId,
    step,
    attempt,
    token,
    ...(result.exitCode === undefined ? {} : { exitCode: result.exitCode }),
    ...(result.usage === undefined ? {} : { usage: result.usage }),
    durationMs: Math.round(deps.clock.monotonicMs() - startedAtMs),
  };
  try {
    const goesOn =
      outcome.status === 'failed' &&
      result.stdout !== undefined &&
      matchesAnyOutput(deps.patterns, result.stdout, definition.continueOn.output);
    const stdout = result.stdout === undefined ? undefined : redactor.text(result.stdout);
    const outputs = redactor.value({ ...result.outputs }) as JsonObject;
    const values = await storeValues(task.transfers, stdout, outputs);
    return {
      ...common,
      outcome: boundOutcome(outcome),
      ...values,
      ...(goesOn ? { continueOnOutput: true } : {}),
      ...proposalsOf(redactor, result),
    };
  } catch (error) {
    const failed = failureOf(deps.log, redactor, task, error, task.signal, started);
    return { ...common, outcome: boundOutcome(redactedOutcome(redactor, failed.outcome)), outputs: {} };
  }
};

/** Throws `too_large` for one that has become longer than a coordinator takes: the mark may be longer than what it stands for. */
const proposalsOf = (redactor: Redactor, { proposals = [] }: ExecutionResult): Pick<TaskResult, 'proposals'> => {
  if (proposals.length === 0) return {};
  const clean = redactor.value(proposals as unknown as JsonValue) as unknown as readonly MemoryProposal[];
  const actual = Math.max(...clean.map(({ text, basis = '' }) => Math.max(utf8Length(text), utf8Length(basis))));
  if (actual <= maxProposalBytes) return { proposals: clean };
  throw new DomainError('too_large', 'a memory proposal is too long', { limit: maxProposalBytes, actual });
};
