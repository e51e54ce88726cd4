import type { TaskRef, WorkerId } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type {
  Clock,
  CoordinatorGateway,
  CoordinatorMessage,
  StreamLink,
  StreamListener,
  WorkerMessage,
} from '@skein/ports';
import type { LeaseMirror } from './lease-mirror.ts';
import type { SimMutant } from './sim-mutant.ts';
import { tamperDown, tamperUp } from './sim-mutant.ts';
import type { SimProcess } from './sim-process.ts';

const down = (): DomainError => new DomainError('unavailable', 'no coordinator answers');

/** Credit of one stream, as its worker gave it. */
interface Credit {
  free: number;
  offersSeen: number;
  offersSent: number;
  /** Results since: each gives its slot back before the worker says so. */
  results: number;
  draining: boolean;
}

/** A worker that begins to drain takes its slots back while a lease may be on its way to the disk; it hands such an offer back. */
const over = (credit: Credit): boolean =>
  !credit.draining && credit.offersSent - credit.offersSeen > credit.free + credit.results;

type Recorded = Extract<CoordinatorMessage, { readonly type: 'checkpoint_recorded' }>;

/** The answer to a checkpoint, before there is one. */
const recordedEarly = ({
  task,
  index,
  entries,
}: Extract<WorkerMessage, { readonly type: 'checkpoint' }>): Recorded => ({
  type: 'checkpoint_recorded',
  task,
  count: entries.some(({ type }) => type === 'restart') ? 0 : index + entries.length,
});

/** A call to a process that does not answer is given up after this time. */
const silentMs = 2_000;

/** What a switchboard works with. */
export interface SwitchboardDeps {
  readonly clock: Clock;
  readonly leases: LeaseMirror;
  /** The last stream of each worker, at whatever coordinator. */
  readonly links: Map<WorkerId, StreamLink<WorkerMessage>>;
  readonly mutant: SimMutant | undefined;
  /** Takes note of each result that reached a coordinator. */
  readonly arrived: Set<string>;
  /** Tasks may be at home elsewhere: their homes take back what is kept in error. */
  readonly isFleet?: boolean;
  /** Takes note of a broken rule. */
  readonly report: (problem: string) => void;
}

/** The address of a coordinator: whoever lives there now answers; when it dies, its streams break. */
export class Switchboard implements CoordinatorGateway {
  readonly #deps: SwitchboardDeps;
  #target: { readonly gateway: CoordinatorGateway; readonly process: SimProcess } | undefined;

  constructor(deps: SwitchboardDeps) {
    this.#deps = deps;
  }

  connect(gateway: CoordinatorGateway, process: SimProcess): void {
    this.#target = { gateway, process };
  }

  openWorkerStream: CoordinatorGateway['openWorkerStream'] = (credentials, listener) => {
    const target = this.#live();
    if (target === undefined) {
      this.#deps.clock.endOfTurn(() => listener.onClosed(down()));
      return { send: () => undefined, close: () => undefined };
    }
    const { process, gateway } = target;
    const { leases, links, mutant } = this.#deps;
    let closed = false;
    /** Counts by which a restart was acknowledged: nothing of it, or all up to it. */
    const restarts = new Set<string>();
    let running: readonly TaskRef[] = [];
    const credit: Credit = { free: 0, offersSeen: 0, offersSent: 0, results: 0, draining: false };
    const guarded: StreamListener<CoordinatorMessage> = {
      onMessage: (message) => {
        if (!process.alive || closed) return;
        const heard = tamperDown(mutant, running, message);
        this.#check(heard, credit, restarts);
        listener.onMessage(heard);
        if (heard.type === 'welcome') running = [];
      },
      onClosed: (error) => {
        if (closed) return;
        closed = true;
        listener.onClosed(error);
      },
    };
    process.onDeath(() => guarded.onClosed(down()));
    // The machine takes what comes for a stopped process; it hears of it when it goes on.
    let opened: StreamLink<WorkerMessage> | undefined;
    process.run(() => {
      opened = gateway.openWorkerStream(credentials, guarded);
    });
    const link: StreamLink<WorkerMessage> = {
      send: (message) => opened?.send(message),
      close: (error) => opened?.close(error),
    };
    const send = (message: WorkerMessage): void => {
      if (message.type === 'hello') links.set(message.worker.workerId, link);
      if (message.type === 'hello') running = message.running;
      if (message.type === 'checkpoint' && message.entries[0]?.type === 'restart')
        restarts.add(`${message.task.runId} ${message.task.step} ${message.task.token} ${message.index + 1}`);
      if (message.type === 'credits') Object.assign(credit, { ...message, results: 0 });
      if (message.type === 'draining') credit.draining = true;
      if (message.type === 'result') {
        const { runId, step, token } = message.result;
        this.#deps.arrived.add(`${runId} ${step} ${token}`);
        credit.results += 1;
      }
      const tampered = tamperUp(mutant, leases, message);
      const sender = tampered.as === undefined ? link : (links.get(tampered.as) ?? link);
      if (mutant === 'outbox_dropped' && message.type === 'result') {
        const { runId, step, attempt, token } = message.result;
        listener.onMessage({
          type: 'result_acknowledged',
          task: { runId, step, attempt, token },
          outcome: 'recorded',
        });
      }
      if (mutant === 'checkpoint_not_committed' && message.type === 'checkpoint') {
        const early = recordedEarly(message);
        this.#checkRecorded(early);
        listener.onMessage(early);
      }
      sender.send(tampered.message);
    };
    return {
      send: (message) => process.run(() => send(message)),
      close: (error) => process.run(() => link.close(error)),
    };
  };

  reportExit: CoordinatorGateway['reportExit'] = (...args) => this.#call((gateway) => gateway.reportExit(...args));
  fetchSnapshot: CoordinatorGateway['fetchSnapshot'] = (...args) =>
    this.#call((gateway) => gateway.fetchSnapshot(...args));
  fetchPart: CoordinatorGateway['fetchPart'] = (credentials, sessionId, request, onBytes, signal) =>
    this.#call((gateway) => gateway.fetchPart(credentials, sessionId, request, onBytes, signal));
  readSecret: CoordinatorGateway['readSecret'] = (...args) => this.#call((gateway) => gateway.readSecret(...args));
  fetchBlob: CoordinatorGateway['fetchBlob'] = (...args) => this.#call((gateway) => gateway.fetchBlob(...args));
  storeBlob: CoordinatorGateway['storeBlob'] = (...args) => this.#call((gateway) => gateway.storeBlob(...args));

  /** Rules that only the stream can show: no more offers than asked for, and none kept whose lease is over. */
  #check(message: CoordinatorMessage, credit: Credit, restarts: ReadonlySet<string>): void {
    if (message.type === 'offer') {
      credit.offersSent += 1;
      if (over(credit))
        this.#deps.report(`${message.offer.runId} ${message.offer.step}: offered beyond the free slots`);
    }
    if (message.type === 'checkpoint_recorded') {
      const { task, count } = message;
      if (!restarts.has(`${task.runId} ${task.step} ${task.token} ${count}`)) this.#checkRecorded(message);
    }
    if (message.type !== 'welcome' || this.#deps.isFleet === true) return;
    for (const task of message.keep) {
      if (!this.#deps.leases.isCurrent(task))
        this.#deps.report(`${task.runId} ${task.step} ${task.token}: kept although its lease is over`);
    }
  }

  /** A worker hears that durable points are recorded only when they are. */
  #checkRecorded({ task, count }: Recorded): void {
    const recorded = this.#deps.leases.recorded(task);
    if (recorded !== undefined && recorded < count)
      this.#deps.report(`${task.runId} ${task.step} ${task.token}: ${count} points acknowledged, ${recorded} recorded`);
  }

  #live(): { readonly gateway: CoordinatorGateway; readonly process: SimProcess } | undefined {
    return this.#target?.process.alive === true ? this.#target : undefined;
  }

  #call<T>(run: (gateway: CoordinatorGateway) => Promise<T>): Promise<T> {
    const target = this.#live();
    if (target === undefined) return Promise.reject(down());
    const { process, gateway } = target;
    return new Promise((resolve, reject) => {
      process.onDeath(() => reject(down()));
      if (process.stopped) void this.#deps.clock.sleep(silentMs).then(() => reject(down()));
      process.run(() => void run(gateway).then(resolve, reject));
    });
  }
}
