import { DomainError } from '@skein/domain';
import type {
  Clock,
  CoordinatorGateway,
  PeerDialer,
  PeerGateway,
  PeerMessage,
  StreamLink,
  StreamListener,
} from '@skein/ports';
import type { SimProcess } from './sim-process.ts';

/** A coordinator at its address. */
interface Host {
  readonly peerGateway: PeerGateway;
  readonly gateway: CoordinatorGateway;
  readonly process: SimProcess;
}

/** One open stream, as the network sees it. */
interface Stream {
  readonly from: string;
  readonly to: string;
  readonly break: () => void;
}

/** What the network knows of the message of one side. */
export interface PassedMessage {
  readonly from: string;
  readonly to: string;
  readonly message: PeerMessage;
}

/** How a network of coordinators behaves. */
export interface PeerNetworkOptions {
  readonly clock: Clock;
  /** Asked for each frame, ms; 0 when not given. Frames of one direction stay in order (P1). */
  readonly delayMs?: (from: string, to: string) => number;
  /** What the other side hears in the place of each message, as a defect on purpose has it; undefined: nothing. */
  readonly tamper?: (passed: PassedMessage) => PeerMessage | undefined;
  /** Sees each message as it leaves. */
  readonly onMessage?: (passed: PassedMessage) => void;
}

const away = (): DomainError => new DomainError('unavailable', 'no coordinator answers');

const pair = (a: string, b: string): string => (a < b ? `${a} ${b}` : `${b} ${a}`);

/**
 * The network between coordinators of one process on a fake clock: messages of a turn travel together, in order, and are copied as a wire
 * would; streams break with their processes, and when a test says so.
 */
export class PeerNetwork {
  /** Streams that could not be opened. */
  refused = 0;
  readonly #options: PeerNetworkOptions;
  readonly #hosts = new Map<string, Host>();
  readonly #streams = new Set<Stream>();
  /** Pairs between which nothing passes, and nobody is told; and what waits to pass when it does again. */
  readonly #mute = new Set<string>();
  #stalled: (() => void)[] = [];
  readonly #watches = new Set<{
    readonly from: string;
    readonly type: PeerMessage['type'];
    readonly act: () => void;
  }>();
  /** Pairs whose streams break, and cannot be opened. */
  readonly #cut = new Set<string>();

  constructor(options: PeerNetworkOptions) {
    this.#options = options;
  }

  /** A coordinator is reached at this address from now on. */
  attach(address: string, host: Host): void {
    this.#hosts.set(address, host);
    host.process.onDeath(() => this.break(address));
  }

  /** How the coordinator of this address reaches the others. */
  dialer(from: string, process: SimProcess): PeerDialer {
    return {
      dial: (to) => ({
        peer: {
          openPeerStream: (credentials, listener) => this.#open(from, process, to, credentials, listener),
          callPeer: (credentials, call) =>
            this.#call(from, process, to, (host) => host.peerGateway.callPeer(credentials, structuredClone(call))),
        },
        workers: this.#workers(from, process, to),
        close: async () => {
          for (const stream of this.#streams) if (stream.from === from && stream.to === to) stream.break();
        },
      }),
    };
  }

  /** Does something in the moment in which a coordinator says a message of this type, once; the returned function ends that. */
  onNext(from: string, type: PeerMessage['type'], act: () => void): () => void {
    const watch = { from, type, act };
    this.#watches.add(watch);
    return () => void this.#watches.delete(watch);
  }

  /** Breaks the streams of a coordinator, or those between two; they may be opened again. */
  break(a: string, b?: string): void {
    for (const stream of this.#streams) {
      const ends = [stream.from, stream.to];
      if (ends.includes(a) && (b === undefined || ends.includes(b))) stream.break();
    }
  }

  /** Nothing passes between these two until `heal`; with `silently` nobody is told. */
  partition(a: string, b: string, silently = false): void {
    if (silently) this.#mute.add(pair(a, b));
    else {
      this.#cut.add(pair(a, b));
      this.break(a, b);
    }
  }

  heal(): void {
    this.#mute.clear();
    this.#cut.clear();
    const stalled = this.#stalled;
    this.#stalled = [];
    for (const arrive of stalled) arrive();
  }

  #open(
    from: string,
    process: SimProcess,
    to: string,
    credentials: { readonly secret: string },
    listener: StreamListener<PeerMessage>,
  ): StreamLink<PeerMessage> {
    const { clock } = this.#options;
    const target = this.#hosts.get(to);
    if (target === undefined || !target.process.alive || this.#cut.has(pair(from, to))) {
      this.refused += 1;
      clock.endOfTurn(() => process.run(() => listener.onClosed(away())));
      return { send: () => undefined, close: () => undefined };
    }
    let over = false;
    const stream: Stream = {
      from,
      to,
      break: () => {
        if (over) return;
        over = true;
        this.#streams.delete(stream);
        process.run(() => listener.onClosed(away()));
        target.process.run(() => server.close(away()));
      },
    };
    this.#streams.add(stream);
    const down = this.#channel(to, from, () => !over, {
      deliver: (messages) =>
        process.run(() => {
          for (const message of messages) if (!over) listener.onMessage(message);
        }),
      end: (error) => {
        if (over) return;
        over = true;
        this.#streams.delete(stream);
        process.run(() => listener.onClosed(error));
      },
    });
    let server: StreamLink<PeerMessage> = { send: () => undefined, close: () => undefined };
    target.process.run(() => {
      server = target.peerGateway.openPeerStream(credentials, {
        onMessage: (message) => down.send(message),
        onClosed: (error) => down.close(error),
      });
    });
    return this.#channel(from, to, () => !over, {
      deliver: (messages) =>
        target.process.run(() => {
          for (const message of messages) if (!over) server.send(message);
        }),
      end: (error) => {
        if (over) return;
        over = true;
        this.#streams.delete(stream);
        target.process.run(() => server.close(error));
      },
    });
  }

  #channel(
    from: string,
    to: string,
    passes: () => boolean,
    far: {
      readonly deliver: (messages: readonly PeerMessage[]) => void;
      readonly end: (error?: DomainError) => void;
    },
  ): StreamLink<PeerMessage> {
    const { clock, delayMs, onMessage, tamper } = this.#options;
    let gathered: PeerMessage[] = [];
    let closing: { readonly error?: DomainError } | undefined;
    let scheduled = false;
    let lastAt = 0;
    const flush = (): void => {
      scheduled = false;
      const messages = gathered;
      gathered = [];
      const end = closing;
      const arrive = (): void => {
        if (this.#mute.has(pair(from, to))) {
          // Nothing is lost on a stream that does not break (P1).
          this.#stalled.push(arrive);
          return;
        }
        if (messages.length > 0 && passes()) far.deliver(messages);
        if (end !== undefined) far.end(end.error);
      };
      const delay = delayMs?.(from, to) ?? 0;
      const at = Math.max(lastAt, clock.monotonicMs() + delay);
      lastAt = at;
      if (at <= clock.monotonicMs()) arrive();
      else clock.after(at - clock.monotonicMs(), arrive);
    };
    const schedule = (): void => {
      if (scheduled) return;
      scheduled = true;
      clock.endOfTurn(flush);
    };
    return {
      send: (message) => {
        if (closing !== undefined) return;
        onMessage?.({ from, to, message });
        for (const watch of this.#watches) {
          if (watch.from !== from || watch.type !== message.type) continue;
          this.#watches.delete(watch);
          // After the turn in which it was said, before it travels.
          queueMicrotask(watch.act);
        }
        const heard = tamper === undefined ? message : tamper({ from, to, message });
        if (heard === undefined) return;
        gathered.push(structuredClone(heard));
        schedule();
      },
      close: (error) => {
        if (closing !== undefined) return;
        closing = error === undefined ? {} : { error };
        schedule();
      },
    };
  }

  #workers(from: string, process: SimProcess, to: string): CoordinatorGateway {
    const call = <T>(run: (host: Host) => Promise<T>): Promise<T> => this.#call(from, process, to, run);
    return {
      openWorkerStream: (_credentials, listener) => {
        listener.onClosed(away());
        return { send: () => undefined, close: () => undefined };
      },
      reportExit: (...args) => call(({ gateway }) => gateway.reportExit(...args)),
      fetchSnapshot: (...args) => call(({ gateway }) => gateway.fetchSnapshot(...args)),
      fetchPart: (...args) => call(({ gateway }) => gateway.fetchPart(...args)),
      readSecret: (...args) => call(({ gateway }) => gateway.readSecret(...args)),
      fetchBlob: (...args) => call(({ gateway }) => gateway.fetchBlob(...args)),
      storeBlob: (...args) => call(({ gateway }) => gateway.storeBlob(...args)),
    };
  }

  #call<T>(from: string, process: SimProcess, to: string, run: (host: Host) => Promise<T>): Promise<T> {
    const host = this.#hosts.get(to);
    const key = pair(from, to);
    if (host === undefined || !host.process.alive || this.#cut.has(key) || this.#mute.has(key))
      return Promise.reject(away());
    return new Promise((resolve, reject) => {
      host.process.onDeath(() => process.run(() => reject(away())));
      host.process.run(() => {
        run(host).then(
          (value) => process.run(() => resolve(value)),
          (thrown: unknown) => process.run(() => reject(thrown as Error)),
        );
      });
    });
  }
}
