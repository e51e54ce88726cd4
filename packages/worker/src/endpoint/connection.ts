// Keeps a worker joined to some coordinator: opens the stream, says hello, beats, notices silence, comes back.
// It knows nothing of tasks; `ConnectionOwner` does.
// C1 Each phase owns its timers and its stream; `#enter` is the only way from one phase to another and releases the old phase.
// C2 A stream that is not the current phase's is dead to us: its late calls change nothing.
// C3 Only `refused` with an error that time does not heal ends the connection for good; everything else is tried again.
import { DomainError, errorCatalog, fromErrorData, type SessionId } from '@skein/domain';
import type { Clock, CoordinatorGateway, CoordinatorMessage, Random, StreamLink, WorkerMessage } from '@skein/ports';
import { ChangeSignal } from './change-signal.ts';
import type { EndpointConfig, EndpointTuning } from './endpoint-config.ts';
import { reconnectDelayMs } from './reconnect-delay.ts';

/** What the welcome fixed for this session. */
export interface Session {
  readonly sessionId: SessionId;
  readonly heartbeatMs: number;
  readonly leaseMs: number;
  /** When the hello left, on the worker's monotonic clock. */
  readonly helloSentAtMs: number;
}

/** Whose connection it is. Calls come one at a time. */
export interface ConnectionOwner {
  hello(): Extract<WorkerMessage, { type: 'hello' }>;
  runningTasks(): number;
  onJoined(session: Session, welcome: Extract<CoordinatorMessage, { type: 'welcome' }>): void;
  onMessage(message: CoordinatorMessage): void;
  onHeartbeatSent(sentAtMs: number): void;
  onLost(error: DomainError | undefined): void;
  /** The coordinator will never let this worker in (C3). */
  onRefused(error: DomainError): void;
}

interface Stream {
  link?: StreamLink<WorkerMessage>;
  isClosed: boolean;
}

type Phase =
  | { readonly name: 'idle' }
  | { readonly name: 'joining'; readonly stream: Stream; helloSentAtMs: number; cancelTimer: () => void }
  | {
      readonly name: 'joined';
      readonly stream: Stream;
      readonly session: Session;
      cancelBeat: () => void;
      cancelWatch: () => void;
    }
  | { readonly name: 'backing_off'; readonly cancelTimer: () => void }
  | { readonly name: 'closed' };

/** A stream without an answer for so many heartbeat periods is dead; early enough to come back before the fence. */
const silentHeartbeats = 2.25;

/** A worker's place at a coordinator. */
export class Connection {
  readonly #gateway: CoordinatorGateway;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #config: EndpointConfig;
  readonly #tuning: EndpointTuning;
  readonly #owner: ConnectionOwner;
  readonly #changed: ChangeSignal;
  #phase: Phase = { name: 'idle' };
  /** Streams that ended since the last answered heartbeat; a welcome alone does not prove a coordinator well. */
  #failures = 0;

  constructor(
    deps: { readonly gateway: CoordinatorGateway; readonly clock: Clock; readonly random: Random },
    config: EndpointConfig,
    tuning: EndpointTuning,
    owner: ConnectionOwner,
  ) {
    this.#gateway = deps.gateway;
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#config = config;
    this.#tuning = tuning;
    this.#owner = owner;
    this.#changed = new ChangeSignal(deps.clock);
  }

  get session(): Session | undefined {
    return this.#phase.name === 'joined' ? this.#phase.session : undefined;
  }

  get isClosed(): boolean {
    return this.#phase.name === 'closed';
  }

  open(): void {
    if (this.#phase.name === 'idle') this.#connect();
  }

  /** False when there is no session; the message is then not sent, now or later. */
  send(message: WorkerMessage): boolean {
    if (this.#phase.name !== 'joined') return false;
    this.#phase.stream.link?.send(message);
    return true;
  }

  /** A heartbeat out of turn. */
  beat(): void {
    if (this.#phase.name !== 'joined') return;
    const sentAtMs = Math.floor(this.#clock.monotonicMs()); // whole, so that it comes back as it went
    this.#owner.onHeartbeatSent(sentAtMs);
    this.send({ type: 'heartbeat', sentAtMs, running: this.#owner.runningTasks() });
  }

  /** Gives the present stream up and comes back on another. */
  reconnect(error: DomainError): void {
    if (this.#phase.name === 'joining' || this.#phase.name === 'joined') this.#lose(this.#phase.stream, error);
  }

  /** For good. Resolves when the stream has ended, so that what was sent before is delivered; waits at most `withinMs`. */
  async close(withinMs: number): Promise<void> {
    const phase = this.#phase;
    this.#enter({ name: 'closed' });
    if ('stream' in phase) await this.#changed.until(() => phase.stream.isClosed, withinMs);
  }

  #enter(next: Phase, error?: DomainError): void {
    const old = this.#phase;
    this.#phase = next;
    if (old.name === 'joining' || old.name === 'backing_off') old.cancelTimer();
    if (old.name === 'joined') {
      old.cancelBeat();
      old.cancelWatch();
    }
    const keepsStream = 'stream' in old && 'stream' in next && old.stream === next.stream;
    if ('stream' in old && !keepsStream) old.stream.link?.close(error);
  }

  #connect(): void {
    const stream: Stream = { isClosed: false };
    const cancelTimer = this.#clock.after(this.#tuning.welcomeTimeoutMs, () =>
      this.#lose(stream, new DomainError('deadline_exceeded', 'the coordinator did not answer the hello')),
    );
    this.#enter({ name: 'joining', stream, helloSentAtMs: this.#clock.monotonicMs(), cancelTimer });
    const link = this.#gateway.openWorkerStream(this.#config.credentials, {
      onMessage: (message) => this.#onMessage(stream, message),
      onClosed: (error) => {
        stream.isClosed = true;
        this.#changed.notify();
        this.#lose(stream, error);
      },
    });
    stream.link = link;
    if (this.#phase.name !== 'joining' || this.#phase.stream !== stream) return link.close();
    this.#phase.helloSentAtMs = this.#clock.monotonicMs();
    link.send(this.#owner.hello());
  }

  #onMessage(stream: Stream, message: CoordinatorMessage): void {
    const phase = this.#phase;
    if (!('stream' in phase) || phase.stream !== stream) return; // C2
    if (message.type === 'refused') return this.#onRefused(stream, fromErrorData(message.error));
    if (phase.name === 'joining') {
      if (message.type !== 'welcome') {
        return this.#lose(stream, new DomainError('invalid_argument', 'the coordinator spoke before its welcome'));
      }
      return this.#onWelcome(stream, phase.helloSentAtMs, message);
    }
    if (message.type === 'heartbeat_answer') {
      this.#failures = 0;
      this.#watch();
    }
    this.#owner.onMessage(message);
  }

  #onWelcome(stream: Stream, helloSentAtMs: number, welcome: Extract<CoordinatorMessage, { type: 'welcome' }>): void {
    const session: Session = {
      sessionId: welcome.sessionId,
      heartbeatMs: welcome.heartbeatMs,
      leaseMs: welcome.leaseMs,
      helloSentAtMs,
    };
    this.#enter({ name: 'joined', stream, session, cancelBeat: () => undefined, cancelWatch: () => undefined });
    this.#scheduleBeat();
    this.#watch();
    this.#owner.onJoined(session, welcome);
  }

  #scheduleBeat(): void {
    const phase = this.#phase;
    if (phase.name !== 'joined') return;
    phase.cancelBeat = this.#clock.after(phase.session.heartbeatMs, () => {
      this.beat();
      this.#scheduleBeat();
    });
  }

  /** Watches for silence, from now on. */
  #watch(): void {
    const phase = this.#phase;
    if (phase.name !== 'joined') return;
    phase.cancelWatch();
    phase.cancelWatch = this.#clock.after(silentHeartbeats * phase.session.heartbeatMs, () =>
      this.#lose(phase.stream, new DomainError('unavailable', 'the coordinator stopped answering heartbeats')),
    );
  }

  #onRefused(stream: Stream, error: DomainError): void {
    if (!isFinalRefusal(error)) return this.#lose(stream, error);
    this.#enter({ name: 'closed' });
    this.#owner.onRefused(error);
  }

  #lose(stream: Stream, error: DomainError | undefined): void {
    const phase = this.#phase;
    if (!('stream' in phase) || phase.stream !== stream) return; // C2
    const delayMs = reconnectDelayMs(
      this.#random,
      this.#failures,
      this.#tuning.reconnectBaseMs,
      this.#tuning.reconnectCapMs,
    );
    this.#failures += 1;
    this.#enter({ name: 'backing_off', cancelTimer: this.#clock.after(delayMs, () => this.#connect()) }, error);
    this.#owner.onLost(error);
  }
}

/** True when trying again cannot help: wrong credentials or versions, not a busy or broken coordinator (C3). */
export const isFinalRefusal = (error: DomainError): boolean => {
  const { retry } = errorCatalog[error.code];
  return (retry === 'no' || retry === 'never') && error.code !== 'internal' && error.code !== 'cancelled';
};
