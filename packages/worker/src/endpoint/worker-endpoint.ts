// A worker's side of the protocol: it takes offers, runs them through the TaskRunner and reports, across any number of streams.
// It is not the connection (connection.ts), nor the execution (TaskRunner, perhaps in another thread).
// E1 An accepted offer ends in exactly one result, kept in the outbox until a coordinator acknowledges it; unless the
//    coordinator took the lease back (revoke, not kept, stale), the worker fenced itself or the executors gave up: then nothing is reported.
// E2 One lease runs once: offers are recognised by run, step and token while they run, while their result waits, and after.
// E3 Never more tasks than slots; a task that is being aborted holds its slot until its runner has answered.
// E4 After the fence no side effect goes on and no result of a fenced task leaves, even if the timer is late (LeaseFence F3).
// E5 A task's log is sent before its result, and its checkpoints are durable before it is; so it is for each repetition of the result.
// E6 No message outgrows a frame, whatever the worker holds.
// E7 A checkpoint of a kept task is sent until a coordinator answers it; one of a task that was taken back or fenced never leaves.
// E8 A message for an agent is named as received when it is in memory, and reaches the runner once, however often it comes.
import { type AgentMessage, DomainError, type TaskOffer, type TaskRef, type TaskResult } from '@skein/domain';
import { type CoordinatorMessage, protocolVersions, type WorkerMessage } from '@skein/ports';
import { ChangeSignal } from './change-signal.ts';
import { CheckpointChannel } from './checkpoint-channel.ts';
import { Connection, type ConnectionOwner, type Session } from './connection.ts';
import { Credits } from './credits.ts';
import { defaultEndpointTuning, type EndpointConfig, type EndpointTuning } from './endpoint-config.ts';
import { HeldTasks, isGivenUp, type RunningTask, shallReport } from './held-tasks.ts';
import { LeaseFence } from './lease-fence.ts';
import { LogChannel } from './log-channel.ts';
import { latestDigests, maxNamed } from './named-digests.ts';
import { Outbox } from './outbox.ts';
import { runHeldTask } from './run-held-task.ts';
import { taskKey, taskRef } from './task-key.ts';
import { notOursAnyMore } from './task-transfers.ts';
import type { EndpointDeps, EndpointEnd, EndpointState, WorkerEndpoint } from './worker-presence.ts';

/** Makes the endpoint of one worker process; `start` connects it. The endpoint owns the runner and closes it at its end. */
export const createWorkerEndpoint = (deps: EndpointDeps, config: EndpointConfig): WorkerEndpoint =>
  new Endpoint(deps, config);

type Acknowledged = Extract<CoordinatorMessage, { type: 'result_acknowledged' }>['outcome'];

/** How long a leaving worker waits for its stream to end in good order. */
const goodbyeMs = 1_000;

class Endpoint implements WorkerEndpoint, ConnectionOwner {
  readonly ended: Promise<EndpointEnd>;
  readonly #deps: EndpointDeps;
  readonly #config: EndpointConfig;
  readonly #tuning: EndpointTuning;
  readonly #connection: Connection;
  readonly #fence: LeaseFence;
  readonly #logs: LogChannel;
  readonly #checkpoints: CheckpointChannel;
  readonly #credits: Credits;
  readonly #outbox = new Outbox();
  readonly #tasks = new HeldTasks();
  readonly #changed: ChangeSignal;
  #resolveEnded: (end: EndpointEnd) => void = () => undefined;
  #leaving: Promise<void> | undefined;
  #draining = false;
  #hurry = false;

  constructor(deps: EndpointDeps, config: EndpointConfig) {
    this.#deps = deps;
    this.#config = config;
    this.#tuning = { ...defaultEndpointTuning, ...config.tuning };
    this.#connection = new Connection(deps, config, this.#tuning, this);
    this.#fence = new LeaseFence(deps.clock, this.#tuning.fenceMarginMs, () => this.#fenceTasks(), deps.onLease);
    this.#changed = new ChangeSignal(deps.clock);
    const link = {
      isOpen: () => this.#connection.session !== undefined,
      send: (message: WorkerMessage) => void this.#connection.send(message),
      probe: () => this.#connection.beat(),
    };
    this.#logs = new LogChannel(deps.clock, link, this.#tuning);
    this.#checkpoints = new CheckpointChannel(deps.clock, link);
    this.#credits = new Credits(deps.clock, link.send, () => this.#freeSlots());
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    deps.runner.onEvicted((digests) => {
      for (let at = 0; at < digests.length; at += maxNamed) {
        this.#connection.send({ type: 'evicted', digests: digests.slice(at, at + maxNamed) });
      }
    });
  }

  start(): void {
    this.#connection.open();
  }

  drain(reason: string): Promise<void> {
    if (this.#leaving === undefined) {
      this.#deps.log.info('draining', { reason, running: this.#tasks.size });
      this.#leaving = this.#leave('drained');
    }
    return this.#leaving;
  }

  stop(): Promise<void> {
    this.#hurry = true;
    this.#leaving ??= this.#leave('stopped');
    this.#changed.notify();
    return this.#leaving;
  }

  state(): EndpointState {
    return {
      joined: this.#connection.session !== undefined,
      draining: this.#draining,
      running: this.#tasks.size,
      unacknowledged: this.#outbox.size,
    };
  }

  hello(): Extract<WorkerMessage, { type: 'hello' }> {
    return {
      type: 'hello',
      protocol: protocolVersions,
      worker: this.#config.info,
      held: latestDigests(this.#deps.runner.held()),
      running: this.#tasks.own(),
      unacknowledged: this.#outbox.refs(),
      ...this.#tasks.gaveUp(),
    };
  }

  runningTasks(): number {
    return this.#tasks.size;
  }

  onJoined(session: Session, welcome: Extract<CoordinatorMessage, { type: 'welcome' }>): void {
    if (this.#fence.isDue()) return this.#fenceTasks(); // the hello named tasks that are not ours any more: say it anew
    const kept = new Set(welcome.keep.map(taskKey));
    for (const task of this.#tasks.all()) {
      if (!kept.has(taskKey(task.ref))) this.#forget(task, 'the coordinator did not keep the task');
    }
    this.#fence.begin(session.leaseMs, session.helloSentAtMs);
    this.#credits.streamOpened();
    this.#logs.streamOpened();
    this.#checkpoints.streamOpened();
    if (this.#draining) this.#connection.send({ type: 'draining' });
    this.#sendResults(0);
    this.#credits.sendNow();
    this.#deps.log.info('joined a coordinator', {
      coordinatorId: welcome.coordinatorId,
      sessionId: session.sessionId,
      kept: welcome.keep.length,
      resent: this.#outbox.size,
    });
    this.#changed.notify();
  }

  onMessage(message: CoordinatorMessage): void {
    if (message.type === 'heartbeat_answer') this.#fence.accept(message.sentAtMs);
    if (this.#fence.isDue()) return this.#fenceTasks(); // E4
    switch (message.type) {
      case 'offer':
        return this.#onOffer(message.offer);
      case 'result_acknowledged':
        return this.#onAcknowledged(message.task, message.outcome);
      case 'heartbeat_answer':
        this.#checkpoints.resend(this.#tuning.resendMs);
        this.#sendResults(this.#tuning.resendMs);
        return this.#logs.heartbeatAnswered(message.sentAtMs);
      case 'checkpoint_recorded':
        return this.#checkpoints.onRecorded(message.task, message.count);
      case 'message':
        return this.#onTaskMessage(message.task, message.message);
      case 'cancel':
        return this.#onCancel(message.task, message.reason);
      case 'revoke':
        return this.#onRevoke(message.task);
      case 'drain':
        void this.drain('the coordinator asked for it');
        return undefined;
      case 'welcome':
      case 'refused':
        return undefined;
    }
  }

  onHeartbeatSent(sentAtMs: number): void {
    this.#logs.markHeartbeat(sentAtMs);
  }

  onLost(error: DomainError | undefined): void {
    this.#deps.meter.count('skein_worker_streams_lost_total', 1);
    this.#deps.log.warn('lost the coordinator', { code: error?.code, reason: error?.message });
  }

  onRefused(error: DomainError): void {
    this.#deps.log.error('the coordinator refused this worker', { code: error.code, reason: error.message });
    this.#hurry = true;
    this.#leaving ??= this.#leave('stopped', error);
    this.#changed.notify();
  }

  #onOffer(offer: TaskOffer): void {
    this.#credits.offerSeen();
    const { meter } = this.#deps;
    const held = this.#tasks.find(offer);
    if (held !== undefined && held.fate !== 'forget') {
      meter.count('skein_worker_repeated_offers_total', 1);
      this.#connection.send({ type: 'received', task: held.ref });
      if (held.started) this.#connection.send({ type: 'started', task: held.ref });
      return this.#credits.ask();
    }
    const recorded = this.#outbox.find(offer);
    if (recorded !== undefined) this.#connection.send({ type: 'result', result: recorded });
    const other = this.#tasks.otherLease(offer);
    const isOutdated = other !== undefined && other.ref.token > offer.token;
    if (held !== undefined || isOutdated || this.#outbox.has(offer) || this.#tasks.isSettled(offer)) {
      meter.count('skein_worker_repeated_offers_total', 1); // E2
      return this.#credits.ask();
    }
    if (other !== undefined) this.#forget(other, 'the step was leased again');
    if (this.#draining) return this.#refuse(offer, new DomainError('unavailable', 'the worker is draining'));
    if (this.#tasks.size >= this.#config.info.slots) {
      return this.#refuse(offer, new DomainError('resource_exhausted', 'all slots of the worker are busy')); // E3
    }
    this.#accept(offer);
  }

  #accept(offer: TaskOffer): void {
    const task = this.#tasks.add(offer);
    this.#connection.send({ type: 'received', task: task.ref });
    this.#credits.ask();
    this.#deps.meter.gauge('skein_worker_running_tasks', this.#tasks.size);
    void this.#run(task, offer).then((result) => this.#onFinished(task, result));
  }

  #run(task: RunningTask, offer: TaskOffer): Promise<TaskResult> {
    return runHeldTask(
      {
        deps: this.#deps,
        credentials: this.#config.credentials,
        maxPartBytes: this.#tuning.maxPartBytes,
        checkpoints: this.#checkpoints,
        logs: this.#logs,
        send: (message) => this.#connection.send(message),
        session: async (signal) => {
          await this.#changed.until(() => this.#connection.session !== undefined, undefined, signal);
          return (this.#connection.session as Session).sessionId;
        },
        fenceIfDue: () => {
          if (this.#fence.isDue()) this.#fenceTasks();
        },
        onStale: () => this.#forget(task, 'the coordinator refused the token'),
      },
      task,
      offer,
    );
  }

  #onTaskMessage(ref: TaskRef, message: AgentMessage): void {
    const task = this.#tasks.find(ref);
    if (task === undefined || task.fate === 'forget') return;
    if (task.inbox.add(message)) {
      this.#connection.send({ type: 'messages_received', task: task.ref, numbers: [message.number] }); // E8
    } else this.#deps.meter.count('skein_worker_messages_refused_total', 1);
  }

  #onFinished(task: RunningTask, result: TaskResult): void {
    if (this.#fence.isDue()) this.#fenceTasks(); // E4
    if (isGivenUp(task, result.outcome)) {
      this.#forget(task, 'the executors may not go on with it');
      this.#connection.reconnect(new DomainError('unavailable', 'the worker gave up a task')); // the hello names it
    }
    this.#checkpoints.finish(task.ref, () => this.#onEnded(task, result)); // E5
  }

  #onEnded(task: RunningTask, result: TaskResult): void {
    this.#tasks.remove(task.ref);
    this.#credits.ask();
    this.#deps.meter.gauge('skein_worker_running_tasks', this.#tasks.size);
    if (shallReport(task, result.outcome)) this.#report({ ...result, ...task.ref });
    else {
      this.#drop(task.ref, 'the task ended without a report');
      this.#tasks.giveUp(task.ref, task.started);
      this.#deps.meter.count('skein_worker_forgotten_results_total', 1);
    }
    this.#changed.notify();
  }

  #report(result: TaskResult): void {
    this.#deps.meter.count('skein_worker_results_total', 1, { outcome: result.outcome.status });
    this.#outbox.add(result);
    this.#logs.finish(result, () => {
      const ready = this.#outbox.release(result, this.#deps.clock.monotonicMs()); // E5
      if (ready !== undefined) this.#connection.send({ type: 'result', result: ready });
    });
  }

  #sendResults(unansweredForMs: number): void {
    const nowMs = this.#deps.clock.monotonicMs();
    for (const result of this.#outbox.takeDue(nowMs, nowMs - unansweredForMs)) {
      this.#connection.send({ type: 'result', result });
    }
  }

  #refuse(offer: TaskOffer, error: DomainError): void {
    const { code, message } = error;
    const outcome = { status: 'released', error: { code, message } } as const;
    this.#report({ ...taskRef(offer), outcome, outputs: {}, durationMs: 0 });
    this.#credits.ask();
  }

  #onAcknowledged(task: TaskRef, outcome: Acknowledged): void {
    const wasFull = this.#isFull();
    if (!this.#outbox.remove(task)) return;
    this.#tasks.settle(task);
    if (wasFull) this.#credits.ask();
    if (outcome === 'conflict') {
      this.#deps.log.error('another result of this lease was recorded before', { ...task });
    } else if (outcome === 'stale') {
      this.#deps.meter.count('skein_worker_stale_results_total', 1);
      this.#deps.log.warn('a result came too late: its lease was over', { ...task });
    }
    this.#changed.notify();
  }

  #onCancel(task: TaskRef, reason: string): void {
    const held = this.#tasks.find(task);
    if (held !== undefined) held.abort.abort(new DomainError('cancelled', reason));
  }

  #onRevoke(task: TaskRef): void {
    const held = this.#tasks.find(task);
    if (held !== undefined) this.#forget(held, 'the coordinator took the task back');
    if (this.#outbox.remove(task)) {
      this.#drop(task, 'the coordinator took the task back');
      this.#tasks.giveUp(task, true);
      this.#changed.notify();
    }
  }

  /** Stops a task's side effects; whatever its runner answers stays here (E1). */
  #forget(task: RunningTask, reason: string): void {
    if (task.fate === 'forget') return;
    task.fate = 'forget';
    this.#drop(task.ref, reason);
    this.#deps.log.warn('a task is not ours any more', { ...task.ref, reason });
    task.abort.abort(notOursAnyMore(reason));
  }

  /** What the task still wanted to say stays here. */
  #drop(task: TaskRef, reason: string): void {
    this.#logs.discard(task);
    this.#checkpoints.discard(task, notOursAnyMore(reason));
  }

  #forgetAll(reason: string): void {
    for (const task of this.#tasks.all()) this.#forget(task, reason);
  }

  #fenceTasks(): void {
    const tasks = this.#tasks.all().filter((task) => task.fate !== 'forget');
    this.#fence.end();
    if (tasks.length > 0) this.#deps.meter.count('skein_worker_self_fenced_total', tasks.length);
    this.#forgetAll('no heartbeat was answered in time, so the lease may be over');
    this.#connection.reconnect(new DomainError('unavailable', 'the worker fenced itself'));
  }

  #freeSlots(): number {
    return this.#draining || this.#isFull() ? 0 : Math.max(0, this.#config.info.slots - this.#tasks.size);
  }

  /** The hello names every result that waits, so that a worker with too many takes nothing new (E6). */
  #isFull(): boolean {
    const { slots } = this.#config.info;
    return this.#outbox.size + slots > Math.max(maxNamed, 2 * slots);
  }

  async #leave(reason: 'drained' | 'stopped', refusal?: DomainError): Promise<void> {
    this.#draining = true;
    this.#connection.send({ type: 'draining' });
    this.#credits.sendNow();
    this.#handBackUnstarted();
    const isIdle = (): boolean => this.#tasks.size === 0;
    await this.#changed.until(() => isIdle() || this.#hurry, this.#tuning.drainDeadlineMs);
    this.#forgetAll('the worker leaves');
    if (!(await this.#changed.until(isIdle, this.#tuning.settleMs))) {
      this.#deps.log.error('tasks did not end in time', { running: this.#tasks.size });
    }
    const isFlushed = (): boolean => this.#outbox.size === 0 || this.#hurry || this.#connection.isClosed;
    if (!(await this.#changed.until(isFlushed, this.#tuning.settleMs))) {
      this.#deps.log.error('results were not acknowledged in time', { results: this.#outbox.size });
    }
    this.#fence.end();
    await this.#deps.runner.close();
    this.#connection.send({ type: 'goodbye' });
    await this.#connection.close(goodbyeMs);
    this.#resolveEnded(refusal === undefined ? { reason } : { reason: 'refused', error: refusal });
  }

  #handBackUnstarted(): void {
    for (const task of this.#tasks.all()) {
      if (task.started || task.fate !== 'report') continue;
      task.fate = 'release';
      task.handBack.abort(new DomainError('unavailable', 'the worker is draining'));
    }
  }
}
