import type { WorkerId } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type {
  Clock,
  CoordinatorGateway,
  CoordinatorMessage,
  StreamLink,
  StreamListener,
  WorkerMessage,
} from '@skein/ports';
import type { SimProcess } from './sim-process.ts';

const down = (): DomainError => new DomainError('unavailable', 'no coordinator answers');

/** Changes what a worker says before the coordinator hears it, and who seems to say it; for mutants. */
export type Tamper = (message: WorkerMessage) => { readonly message: WorkerMessage; readonly as?: WorkerId };

/** The address of the coordinator: whoever lives there now answers; when it dies, its streams break. */
export class Switchboard implements CoordinatorGateway {
  readonly #clock: Clock;
  readonly #tamper: Tamper;
  readonly #links = new Map<WorkerId, StreamLink<WorkerMessage>>();
  #target: { readonly gateway: CoordinatorGateway; readonly process: SimProcess } | undefined;

  constructor(clock: Clock, tamper: Tamper = (message) => ({ message })) {
    this.#clock = clock;
    this.#tamper = tamper;
  }

  connect(gateway: CoordinatorGateway, process: SimProcess): void {
    this.#target = { gateway, process };
  }

  openWorkerStream: CoordinatorGateway['openWorkerStream'] = (credentials, listener) => {
    const target = this.#live();
    if (target === undefined) {
      this.#clock.endOfTurn(() => listener.onClosed(down()));
      return { send: () => undefined, close: () => undefined };
    }
    const { process, gateway } = target;
    let closed = false;
    const guarded: StreamListener<CoordinatorMessage> = {
      onMessage: (message) => {
        if (process.alive && !closed) listener.onMessage(message);
      },
      onClosed: (error) => {
        if (closed) return;
        closed = true;
        listener.onClosed(error);
      },
    };
    process.onDeath(() => guarded.onClosed(down()));
    const link = gateway.openWorkerStream(credentials, guarded);
    return {
      send: (message) => {
        if (!process.alive) return;
        if (message.type === 'hello') this.#links.set(message.worker.workerId, link);
        const tampered = this.#tamper(message);
        const sender = tampered.as === undefined ? link : (this.#links.get(tampered.as) ?? link);
        sender.send(tampered.message);
      },
      close: (error) => {
        if (process.alive) link.close(error);
      },
    };
  };

  reportExit: CoordinatorGateway['reportExit'] = (...args) => this.#call((gateway) => gateway.reportExit(...args));
  fetchSnapshot: CoordinatorGateway['fetchSnapshot'] = (...args) =>
    this.#call((gateway) => gateway.fetchSnapshot(...args));
  fetchBlob: CoordinatorGateway['fetchBlob'] = (...args) => this.#call((gateway) => gateway.fetchBlob(...args));
  storeBlob: CoordinatorGateway['storeBlob'] = (...args) => this.#call((gateway) => gateway.storeBlob(...args));

  #live(): { readonly gateway: CoordinatorGateway; readonly process: SimProcess } | undefined {
    return this.#target?.process.alive === true ? this.#target : undefined;
  }

  #call<T>(run: (gateway: CoordinatorGateway) => Promise<T>): Promise<T> {
    const target = this.#live();
    if (target === undefined) return Promise.reject(down());
    return new Promise((resolve, reject) => {
      target.process.onDeath(() => reject(down()));
      run(target.gateway).then(resolve, reject);
    });
  }
}
