import type {
  BlobStore,
  DeliveryStore,
  LogStore,
  MemberStore,
  MemoryStore,
  ProjectStore,
  RolloutStore,
  RunQueue,
  RunStore,
  ShardStore,
  SnapshotStore,
  TokenStore,
  WorkerPlaceStore,
} from '@skein/ports';
import { FakeClock } from '../fake-clock.ts';

/** The stores of a simulated world: in memory, or of a real database. */
export interface WorldStores {
  readonly runs: RunStore;
  readonly projects: ProjectStore;
  readonly memory: MemoryStore;
  readonly snapshots: SnapshotStore;
  readonly delivery: DeliveryStore;
  readonly rollouts: RolloutStore;
  readonly blobs: BlobStore;
  readonly logs: LogStore;
  readonly tokens: TokenStore;
  readonly shards: ShardStore;
  readonly members: MemberStore;
  readonly places: WorkerPlaceStore;
  readonly queue: RunQueue;
}

/** What a world stands on in the place of memory. */
export interface WorldGround {
  readonly clock: FakeClock;
  readonly stores: WorldStores;
}

/** Calls of stores that are on their way. */
class CallsUnderWay {
  #count = 0;
  #idle: (() => void)[] = [];
  #last: Promise<unknown> = Promise.resolve();

  get count(): number {
    return this.#count;
  }

  /** Resolves when none is under way. */
  async idle(): Promise<void> {
    if (this.#count > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Counts a call that has begun. */
  add(answer: Promise<unknown>): void {
    this.#count += 1;
    const done = (): void => {
      this.#count -= 1;
      if (this.#count === 0) for (const resolve of this.#idle.splice(0)) resolve();
    };
    answer.then(done, done);
  }

  /** Begins a call once all that were asked for before are answered. */
  inTurn(call: () => Promise<unknown>): Promise<unknown> {
    const answer = this.#last.then(call, call);
    this.#last = answer.catch(() => undefined);
    return answer;
  }
}

/** Time stands still while a store works: to the processes of the world, real I/O takes none. */
class PatientClock extends FakeClock {
  readonly #calls: CallsUnderWay;

  constructor(calls: CallsUnderWay) {
    super();
    this.#calls = calls;
  }

  override async settle(): Promise<void> {
    for (;;) {
      await super.settle();
      if (this.#calls.count === 0) return;
      await this.#calls.idle();
    }
  }
}

/** Methods that answer at once; they are not counted and wait for nothing. */
const synchronous: ReadonlySet<string> = new Set(['queue.onAvailable', 'logs.append']);

/**
 * A world on real stores, which `open` opens with the clock of the world. `inTurn`: a call begins when all before it were answered, so that
 * commits have the order of the calls, as an oracle of commits wants it; otherwise the stores get them as they come.
 */
export const groundOn = async (
  open: (clock: FakeClock) => Promise<WorldStores>,
  { inTurn = false }: { readonly inTurn?: boolean } = {},
): Promise<WorldGround> => {
  const calls = new CallsUnderWay();
  const clock = new PatientClock(calls);
  const counted = <T extends object>(of: string, port: T): T =>
    new Proxy(port, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        const own = member as (...args: unknown[]) => unknown;
        if (synchronous.has(`${of}.${String(name)}`)) return own.bind(target);
        return (...args: unknown[]): unknown => {
          const call = (): unknown => own.apply(target, args);
          const answer = inTurn ? calls.inTurn(async () => call()) : call();
          if (answer instanceof Promise) calls.add(answer);
          return answer;
        };
      },
    });
  const stores = await open(clock);
  const ports = Object.entries(stores).map(([name, port]) => [
    name,
    typeof port === 'object' && port !== null ? counted(name, port as object) : port,
  ]);
  return { clock, stores: Object.fromEntries(ports) as WorldStores };
};
