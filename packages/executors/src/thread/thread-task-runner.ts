// The TaskRunner port over a thread of its own, so that no executor shares an event loop with the worker's heartbeats.
// H1 A dead thread fails the tasks that it ran with a typed internal error, its processes are killed, and another takes its place.
// H2 An abort is forwarded; a thread that does not end the task within the grace is taken for stuck and ended itself (then H1). Time in which
//    this thread stood still as well does not count. Other tasks are not to blame: one that has begun may not go on here, one that has not is
//    handed back.
// H3 When `close` resolves, no thread and no process group of it is left.
import type { Worker } from 'node:worker_threads';
import type { TaskOffer, TaskOutcome, TaskResult } from '@skein/domain';
import { type Digest, DomainError, fromErrorData, isDomainError, toErrorData } from '@skein/domain';
import type { Log, TaskRunner, TaskSink, TaskTransfers } from '@skein/ports';
import { killMarked } from '../process/kill-escaped.ts';
import { startPatientTimer } from '../process/patient-timer.ts';
import { signalGroup } from '../process/process-groups.ts';
import { startThread } from './start-thread.ts';
import type { FromThread, ToThread, TransferRequest, TransferValue } from './thread-messages.ts';

/** What the thread runs and how patient its owner is. Durations in ms. */
export interface ThreadTaskRunnerOptions {
  /** Module that composes a runner and calls `serveTaskRunner` on its `parentPort`. */
  readonly entry: URL;
  /** Structured-cloned to the thread as `workerData`. */
  readonly data?: unknown;
  /** `SKEIN_LAUNCH` of what this worker process starts, and nobody else: what a dead thread left behind outside its groups is killed by it. */
  readonly launchMarker?: string;
  readonly log: Log;
  /** After an abort, until the thread counts as stuck: when an orderly end was asked for, and when the lease is lost. */
  readonly abortGraceMs?: number;
  readonly fencedAbortGraceMs?: number;
}

interface RunningTask {
  readonly sink: TaskSink;
  readonly transfers: TaskTransfers;
  readonly offer: TaskOffer;
  readonly signal: AbortSignal;
  readonly handBack: AbortSignal | undefined;
  readonly resolve: (result: TaskResult) => void;
  readonly reject: (error: DomainError) => void;
  started?: boolean;
  stopGrace?: () => void;
  stopListening?: () => void;
  stopMessages?: () => void;
}

interface Thread {
  readonly worker: Worker;
  readonly startedAtMs: number;
  readonly tasks: Map<number, RunningTask>;
  readonly groups: Set<number>;
  /** It was ended for a task that it did not end. */
  isGivenUp: boolean;
}

const quickDeathMs = 1_000;
const maxRestartDelayMs = 5_000;
const closeGraceMs = 3_000;

/** Starts the thread at once, so that the first task finds it warm. */
export const createThreadTaskRunner = (options: ThreadTaskRunnerOptions): TaskRunner => new ThreadTaskRunner(options);

class ThreadTaskRunner implements TaskRunner {
  readonly #options: ThreadTaskRunnerOptions;
  readonly #held = new Set<Digest>();
  readonly #evictionListeners: ((digests: readonly Digest[]) => void)[] = [];
  /** Tasks that came while there was no thread. */
  #waiting: RunningTask[] = [];
  #thread: Thread | undefined;
  #lastTask = 0;
  #quickDeaths = 0;
  #restartTimer: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;
  /** Resolves when the last thread is gone and nothing of it is left. */
  #ended: Promise<void> = Promise.resolve();
  /** A process that ends without `close` takes the groups with it. */
  readonly #onProcessExit = (): void => {
    for (const groupId of this.#thread?.groups ?? []) signalGroup(groupId, 'SIGKILL');
  };

  constructor(options: ThreadTaskRunnerOptions) {
    this.#options = options;
    process.once('exit', this.#onProcessExit);
    this.#thread = this.#start();
  }

  run(
    offer: TaskOffer,
    sink: TaskSink,
    transfers: TaskTransfers,
    signal: AbortSignal,
    handBack?: AbortSignal,
  ): Promise<TaskResult> {
    return new Promise((resolve, reject) => {
      const task: RunningTask = { offer, sink, transfers, signal, handBack, resolve, reject };
      if (this.#closing !== undefined) resolve(lost(offer, 'the executors are closed'));
      else if (this.#thread === undefined) this.#waiting.push(task);
      else this.#submit(this.#thread, task);
    });
  }

  held(): readonly Digest[] {
    return [...this.#held];
  }

  onEvicted(listener: (digests: readonly Digest[]) => void): void {
    this.#evictionListeners.push(listener);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #start(): Thread {
    const worker = startThread(this.#options.entry, { workerData: this.#options.data });
    const thread: Thread = {
      worker,
      startedAtMs: performance.now(),
      tasks: new Map(),
      groups: new Set(),
      isGivenUp: false,
    };
    this.#ended = new Promise((resolve) => {
      worker.on('exit', () => void this.#onExit(thread).then(resolve));
    });
    worker.on('message', (message: FromThread) => this.#onMessage(thread, message));
    worker.on('error', (error: unknown) =>
      this.#options.log.error('the executor thread crashed', { crash: whereOf(error) }),
    );
    return thread;
  }

  #submit(thread: Thread, task: RunningTask): void {
    this.#lastTask += 1;
    const id = this.#lastTask;
    thread.tasks.set(id, task);
    post(thread, { type: 'run', task: id, offer: task.offer });
    task.stopMessages = task.transfers.onMessage((message) => post(thread, { type: 'message', task: id, message }));
    const onAbort = (): void => {
      post(thread, { type: 'abort', task: id, reason: toErrorData(task.signal.reason) });
      task.stopGrace = startPatientTimer(this.#graceMs(task.signal.reason), () => this.#giveUp(thread)); // H2
    };
    if (task.signal.aborted) onAbort();
    else task.signal.addEventListener('abort', onAbort, { once: true });
    // Only the thread knows whether the code has begun: nothing is done to one that goes on.
    const { handBack } = task;
    const onHandBack = (): void => post(thread, { type: 'hand_back', task: id, reason: toErrorData(handBack?.reason) });
    if (handBack?.aborted === true) onHandBack();
    else handBack?.addEventListener('abort', onHandBack, { once: true });
    task.stopListening = () => {
      task.signal.removeEventListener('abort', onAbort);
      handBack?.removeEventListener('abort', onHandBack);
    };
  }

  #graceMs(reason: unknown): number {
    const isOrderly = isDomainError(reason) && (reason.code === 'cancelled' || reason.code === 'deadline_exceeded');
    return isOrderly ? (this.#options.abortGraceMs ?? 10_000) : (this.#options.fencedAbortGraceMs ?? 1_200);
  }

  /** Ends the thread, which did not end an aborted task in time (H2). */
  #giveUp(thread: Thread): void {
    this.#options.log.error('the executor thread does not end a task and is ended', { tasks: thread.tasks.size });
    thread.isGivenUp = true;
    void thread.worker.terminate();
  }

  #onMessage(thread: Thread, message: FromThread): void {
    switch (message.type) {
      case 'held':
        return this.#onHeld(message.added, message.removed);
      case 'started':
        return this.#onStarted(thread.tasks.get(message.task));
      case 'log':
        return thread.tasks.get(message.task)?.sink.log(message.bytes);
      case 'presented':
        return thread.tasks.get(message.task)?.transfers.presented(message.numbers, message.turn);
      case 'transfer':
        void this.#transfer(thread, message.task, message.call, message.request);
        return undefined;
      case 'finished':
        return this.#take(thread, message.task)?.resolve(message.result);
      case 'threw':
        return this.#take(thread, message.task)?.reject(fromErrorData(message.error));
      case 'group_opened':
        thread.groups.add(message.groupId);
        return undefined;
      case 'group_closed':
        thread.groups.delete(message.groupId);
        return undefined;
      case 'closed':
        return undefined;
    }
  }

  #onStarted(task: RunningTask | undefined): void {
    if (task === undefined) return;
    task.started = true;
    task.sink.started();
  }

  #take(thread: Thread, id: number): RunningTask | undefined {
    const task = thread.tasks.get(id);
    thread.tasks.delete(id);
    task?.stopGrace?.();
    task?.stopListening?.();
    task?.stopMessages?.();
    return task;
  }

  #onHeld(added: readonly Digest[], removed: readonly Digest[]): void {
    for (const digest of added) this.#held.add(digest);
    for (const digest of removed) this.#held.delete(digest);
    if (removed.length > 0) for (const listener of this.#evictionListeners) listener(removed);
  }

  async #transfer(thread: Thread, id: number, call: number, request: TransferRequest): Promise<void> {
    const task = thread.tasks.get(id);
    try {
      if (task === undefined) throw new DomainError('cancelled', 'the task has ended');
      post(thread, { type: 'transferred', call, value: await carryOut(task.transfers, request) });
    } catch (error) {
      post(thread, { type: 'transfer_failed', call, error: toErrorData(error) });
    }
  }

  /** The thread is gone, for whatever reason (H1). */
  async #onExit(thread: Thread): Promise<void> {
    if (this.#thread === thread) this.#thread = undefined;
    for (const groupId of thread.groups) signalGroup(groupId, 'SIGKILL');
    const { launchMarker } = this.#options;
    if (launchMarker !== undefined) await killMarked(`SKEIN_LAUNCH=${launchMarker}`);
    for (const id of thread.tasks.keys()) {
      const task = this.#take(thread, id);
      if (task === undefined) continue;
      const isInnocent = thread.isGivenUp && !task.signal.aborted;
      task.resolve(isInnocent ? givenUp(task) : lost(task.offer, 'the executor thread crashed'));
    }
    this.#onHeld([], [...this.#held]);
    if (this.#closing === undefined) this.#restart(thread);
  }

  #restart(dead: Thread): void {
    this.#quickDeaths = performance.now() - dead.startedAtMs < quickDeathMs ? this.#quickDeaths + 1 : 0;
    const delayMs = this.#quickDeaths === 0 ? 0 : Math.min(maxRestartDelayMs, 50 * 2 ** this.#quickDeaths);
    this.#restartTimer = setTimeout(() => {
      const thread = this.#start();
      this.#thread = thread;
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const task of waiting) this.#submit(thread, task);
    }, delayMs);
  }

  async #close(): Promise<void> {
    clearTimeout(this.#restartTimer);
    process.removeListener('exit', this.#onProcessExit);
    for (const task of this.#waiting) task.resolve(lost(task.offer, 'the executors are closed'));
    this.#waiting = [];
    const thread = this.#thread;
    const timer = setTimeout(() => void thread?.worker.terminate(), closeGraceMs);
    if (thread !== undefined) post(thread, { type: 'close' });
    await this.#ended; // H3
    clearTimeout(timer);
  }
}

/** What kind of error, and where. Not its message: what a task had in hand, a secret too, may be quoted there, and nobody here knows it. */
const whereOf = (error: unknown): readonly string[] => {
  if (!(error instanceof Error)) return [typeof error];
  const frames = (error.stack ?? '').split('\n').filter((line) => /^ {4}at .*:\d+\)?$/.test(line));
  return [error.name, ...frames.map((line) => line.trim())];
};

const post = (thread: Thread, message: ToThread): void => thread.worker.postMessage(message);

const carryOut = (transfers: TaskTransfers, request: TransferRequest): Promise<TransferValue> => {
  switch (request.kind) {
    case 'fetch_snapshot':
      return transfers.fetchSnapshot(request.digest, request.held);
    case 'fetch_part':
      return transfers.fetchPart(request.snapshot, request.part);
    case 'read_secret':
      return transfers.readSecret(request.secret);
    case 'fetch_blob':
      return transfers.fetchBlob(request.digest);
    case 'store_blob':
      return transfers.storeBlob(request.bytes);
    case 'checkpoint':
      return transfers.checkpoint(request.index, request.entries).then(() => undefined);
  }
};

const ended = ({ runId, step, attempt, token }: TaskOffer, outcome: TaskOutcome): TaskResult => ({
  runId,
  step,
  attempt,
  token,
  outcome,
  outputs: {},
  durationMs: 0,
});

const lost = (offer: TaskOffer, message: string): TaskResult =>
  ended(offer, { status: 'failed', error: { code: 'internal', message, details: { reason: 'executor_thread_lost' } } });

const givenUp = ({ offer, started }: RunningTask): TaskResult => {
  const message = 'the executor thread was ended for another task';
  return started === true
    ? ended(offer, { status: 'failed', error: { code: 'stale_fencing_token', message } })
    : ended(offer, { status: 'released', error: { code: 'unavailable', message } });
};
