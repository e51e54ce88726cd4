import type { MessagePort } from 'node:worker_threads';
import { type AgentMessage, type Digest, DomainError, fromErrorData, toErrorData } from '@skein/domain';
import type { TaskRunner, TaskSink, TaskTransfers } from '@skein/ports';
import type { ProcessGroups } from '../process/process-groups.ts';
import type { LeaseWatch } from './lease-watch.ts';
import type { FromThread, ToThread, TransferRequest, TransferValue } from './thread-messages.ts';

/** Reports process groups to the thread at the other end of the port, which kills them should this thread die. */
export const createPortProcessGroups = (
  port: MessagePort,
  launchFile?: number,
  lease?: Pick<LeaseWatch, 'holds'>,
): ProcessGroups => ({
  ...(launchFile === undefined ? {} : { launchFile }),
  ...(lease === undefined ? {} : { mayStart: () => lease.holds() }),
  opened: (groupId) => post(port, { type: 'group_opened', groupId }),
  closed: (groupId) => post(port, { type: 'group_closed', groupId }),
});

/** Serves a task runner to `createThreadTaskRunner` at the other end of the port, until that closes it. */
export const serveTaskRunner = (port: MessagePort, runner: TaskRunner): void => {
  new RunnerServer(port, runner).listen();
};

class RunnerServer {
  readonly #port: MessagePort;
  readonly #runner: TaskRunner;
  readonly #aborts = new Map<number, AbortController>();
  readonly #handBacks = new Map<number, AbortController>();
  readonly #calls = new Map<number, { resolve(value: TransferValue): void; reject(error: DomainError): void }>();
  readonly #messages = new Map<number, TaskMessages>();
  #lastCall = 0;
  #announced: ReadonlySet<Digest> = new Set();

  constructor(port: MessagePort, runner: TaskRunner) {
    this.#port = port;
    this.#runner = runner;
  }

  listen(): void {
    this.#runner.onEvicted((digests) => this.#announceHeld(digests));
    this.#port.on('message', (message: ToThread) => this.#onMessage(message));
  }

  #onMessage(message: ToThread): void {
    switch (message.type) {
      case 'run':
        void this.#run(message);
        return;
      case 'abort':
        this.#aborts.get(message.task)?.abort(fromErrorData(message.reason));
        return;
      case 'hand_back':
        this.#handBacks.get(message.task)?.abort(fromErrorData(message.reason));
        return;
      case 'message':
        this.#messages.get(message.task)?.add(message.message);
        return;
      case 'transferred':
        this.#calls.get(message.call)?.resolve(message.value);
        this.#calls.delete(message.call);
        return;
      case 'transfer_failed':
        this.#calls.get(message.call)?.reject(fromErrorData(message.error));
        this.#calls.delete(message.call);
        return;
      case 'close':
        void this.#runner.close().finally(() => {
          this.#post({ type: 'closed' });
          this.#port.close();
        });
        return;
    }
  }

  async #run({ task, offer }: Extract<ToThread, { type: 'run' }>): Promise<void> {
    const [controller, handBack] = [new AbortController(), new AbortController()];
    this.#aborts.set(task, controller);
    this.#handBacks.set(task, handBack);
    this.#messages.set(task, new TaskMessages());
    const sink: TaskSink = {
      started: () => this.#post({ type: 'started', task }),
      log: (bytes) => {
        const own = new Uint8Array(bytes); // a view of a shared buffer would be cloned with all of that buffer
        this.#post({ type: 'log', task, bytes: own }, [own.buffer]);
      },
    };
    try {
      const result = await this.#runner.run(offer, sink, this.#transfers(task), controller.signal, handBack.signal);
      this.#announceHeld();
      this.#post({ type: 'finished', task, result });
    } catch (error) {
      this.#post({ type: 'threw', task, error: toErrorData(error) });
    } finally {
      this.#aborts.delete(task);
      this.#handBacks.delete(task);
      this.#messages.delete(task);
    }
  }

  #transfers(task: number): TaskTransfers {
    const call = <T extends TransferValue>(request: TransferRequest): Promise<T> =>
      new Promise((resolve, reject) => {
        this.#lastCall += 1;
        this.#calls.set(this.#lastCall, { resolve: (value) => resolve(value as T), reject });
        this.#post({ type: 'transfer', task, call: this.#lastCall, request });
      });
    return {
      fetchSnapshot: (digest, held) => call({ kind: 'fetch_snapshot', digest, held }),
      fetchPart: (snapshot, part) => call({ kind: 'fetch_part', snapshot, part }),
      fetchBlob: (digest) => call({ kind: 'fetch_blob', digest }),
      readSecret: (secret) => call({ kind: 'read_secret', secret }),
      storeBlob: (bytes) => call({ kind: 'store_blob', bytes: new Uint8Array(bytes) }),
      checkpoint: (index, entries) => call<undefined>({ kind: 'checkpoint', index, entries }),
      onMessage: (listener) => this.#messages.get(task)?.listen(listener) ?? (() => undefined),
      presented: (numbers, turn) => this.#post({ type: 'presented', task, numbers, turn }),
    };
  }

  /** What came and left between two announcements is named too: the coordinator counts on what it sent. */
  #announceHeld(evicted: readonly Digest[] = []): void {
    const held = new Set(this.#runner.held());
    const added = [...held].filter((digest) => !this.#announced.has(digest));
    const removed = [...new Set([...this.#announced, ...evicted])].filter((digest) => !held.has(digest));
    this.#announced = held;
    if (added.length > 0 || removed.length > 0) this.#post({ type: 'held', added, removed });
  }

  #post(message: FromThread, moved: readonly ArrayBuffer[] = []): void {
    post(this.#port, message, moved);
  }
}

/** The messages of one task: each once, in the order in which they came; those that came first wait for the first listener. */
class TaskMessages {
  readonly #seen: AgentMessage[] = [];
  readonly #listeners = new Set<(message: AgentMessage) => void>();

  add(message: AgentMessage): void {
    this.#seen.push(message);
    for (const listener of this.#listeners) listener(message);
  }

  listen(listener: (message: AgentMessage) => void): () => void {
    for (const message of this.#seen) listener(message);
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

const post = (port: MessagePort, message: FromThread, moved: readonly ArrayBuffer[] = []): void =>
  port.postMessage(message, moved);
