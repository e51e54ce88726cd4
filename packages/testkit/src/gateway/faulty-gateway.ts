import type { Digest, SessionId, TaskRef } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type {
  Clock,
  CoordinatorGateway,
  CoordinatorMessage,
  ExitReport,
  JoinCredentials,
  PartRequest,
  Random,
  SnapshotRequest,
  StreamLink,
  StreamListener,
  WorkerMessage,
} from '@skein/ports';
import type { Fate } from './faulty-channel.ts';
import { FaultyChannel } from './faulty-channel.ts';

/** Chances are per message or call, 0 … 1; times in ms of the given clock. All default to no fault. */
export interface Faults {
  /** The stream breaks in place of the message. */
  readonly cut: number;
  /** The message arrives twice. Never `hello`, `welcome` and `refused`. */
  readonly duplicate: number;
  /** After a reconnect, a result of an earlier stream arrives once more. */
  readonly replayResult: number;
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  /** A call (exit report, fetch, store) fails with `unavailable`; half of the time after it took effect. */
  readonly failCall: number;
  /** How long each side of a partitioned stream takes to notice. */
  readonly noticeMs: number;
}

/** What the faults did so far. */
export interface FaultCounts {
  cuts: number;
  duplicates: number;
  replays: number;
  failedCalls: number;
}

const noFaults: Faults = {
  cut: 0,
  duplicate: 0,
  replayResult: 0,
  minDelayMs: 0,
  maxDelayMs: 0,
  failCall: 0,
  noticeMs: 1000,
};

const once = new Set<string>(['hello', 'welcome', 'refused']);
const rememberedResults = 32;

interface OpenStream {
  readonly up: FaultyChannel<WorkerMessage>;
  readonly down: FaultyChannel<CoordinatorMessage>;
}

/**
 * A gateway with seeded faults on the given clock, for simulations: streams that break, messages that are late or arrive twice,
 * results that arrive again after a reconnect, calls whose answer is lost, and partitions. One per worker, or one for several.
 */
export class FaultyGateway implements CoordinatorGateway {
  readonly counts: FaultCounts = { cuts: 0, duplicates: 0, replays: 0, failedCalls: 0 };
  readonly #target: CoordinatorGateway;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #streams = new Set<OpenStream>();
  readonly #results: (WorkerMessage & { readonly type: 'result' })[] = [];
  #faults: Faults;
  #partitioned = false;

  constructor(
    deps: { readonly target: CoordinatorGateway; readonly clock: Clock; readonly random: Random },
    faults: Partial<Faults> = {},
  ) {
    this.#target = deps.target;
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#faults = { ...noFaults, ...faults };
  }

  /** Replaces some of the chances from now on; for example all by 0 at the end of a schedule. */
  setFaults(faults: Partial<Faults>): void {
    this.#faults = { ...this.#faults, ...faults };
  }

  /** Breaks every open stream now. */
  cutAll(): void {
    for (const stream of this.#streams) this.#cut(stream);
  }

  /** Nothing passes until `heal`. Open streams break when each side notices; messages under way at `heal` still arrive if none did. */
  partition(): void {
    if (this.#partitioned) return;
    this.#partitioned = true;
    for (const stream of this.#streams) {
      this.#clock.after(this.#faults.noticeMs, () => {
        if (this.#partitioned) this.#cut(stream);
      });
    }
  }

  heal(): void {
    this.#partitioned = false;
    for (const { up, down } of this.#streams) {
      up.pump();
      down.pump();
    }
  }

  openWorkerStream(
    credentials: JoinCredentials,
    listener: StreamListener<CoordinatorMessage>,
  ): StreamLink<WorkerMessage> {
    if (this.#partitioned) {
      this.#clock.after(this.#faults.noticeMs, () => listener.onClosed(unreachable()));
      return { send: () => undefined, close: () => undefined };
    }
    const { stream, reach } = this.#join(listener);
    this.#streams.add(stream);
    reach(
      this.#target.openWorkerStream(credentials, {
        onMessage: (message) => stream.down.send(message),
        onClosed: (error) => stream.down.close(error),
      }),
    );
    return {
      send: (message) => {
        stream.up.send(message);
        if (message.type === 'hello') this.#replay(stream);
        if (message.type === 'result') this.#remember(message);
      },
      close: (error) => stream.up.close(error),
    };
  }

  reportExit(credentials: JoinCredentials, report: ExitReport): Promise<void> {
    return this.#call(() => this.#target.reportExit(credentials, report));
  }

  fetchSnapshot(
    credentials: JoinCredentials,
    sessionId: SessionId,
    request: SnapshotRequest,
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    return this.#call(() => this.#target.fetchSnapshot(credentials, sessionId, request, signal), signal);
  }

  /** A failing call may have brought some of the bytes: what it brought is good. */
  fetchPart(
    credentials: JoinCredentials,
    sessionId: SessionId,
    request: PartRequest,
    onBytes: (bytes: Uint8Array) => void,
    signal?: AbortSignal,
  ): Promise<number> {
    const fails = this.#happens(this.#faults.failCall);
    const kept = this.#random.next();
    return this.#call(async () => {
      const pieces: Uint8Array[] = [];
      const take = (bytes: Uint8Array) => pieces.push(bytes);
      const total = await this.#target.fetchPart(credentials, sessionId, request, take, signal);
      let left = fails ? Math.floor(kept * (total - request.offset)) : total;
      for (const piece of pieces) {
        if (left > 0) onBytes(piece.subarray(0, left));
        left -= piece.length;
      }
      if (!fails) return total;
      this.counts.failedCalls++;
      throw unreachable();
    }, signal);
  }

  readSecret(
    credentials: JoinCredentials,
    sessionId: SessionId,
    task: TaskRef,
    secret: string,
    signal?: AbortSignal,
  ): Promise<string> {
    return this.#call(() => this.#target.readSecret(credentials, sessionId, task, secret, signal), signal);
  }

  fetchBlob(
    credentials: JoinCredentials,
    sessionId: SessionId,
    task: TaskRef,
    digest: Digest,
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    return this.#call(() => this.#target.fetchBlob(credentials, sessionId, task, digest, signal), signal);
  }

  storeBlob(
    credentials: JoinCredentials,
    sessionId: SessionId,
    task: TaskRef,
    bytes: Uint8Array,
    signal?: AbortSignal,
  ): Promise<Digest> {
    return this.#call(() => this.#target.storeBlob(credentials, sessionId, task, bytes, signal), signal);
  }

  #join(listener: StreamListener<CoordinatorMessage>): {
    readonly stream: OpenStream;
    readonly reach: (link: StreamLink<WorkerMessage>) => void;
  } {
    let link: StreamLink<WorkerMessage> | undefined;
    const shared = {
      clock: this.#clock,
      fateOf: (message: WorkerMessage | CoordinatorMessage) => this.#fateOf(message),
      blocked: () => this.#partitioned,
      cut: () => {
        this.counts.cuts++;
        this.#cut(stream);
      },
    };
    const stream: OpenStream = {
      up: new FaultyChannel<WorkerMessage>({
        ...shared,
        end: { onMessage: (message) => link?.send(message), onClosed: (error) => link?.close(error) },
      }),
      down: new FaultyChannel<CoordinatorMessage>({
        ...shared,
        end: {
          onMessage: (message) => listener.onMessage(message),
          onClosed: (error) => {
            this.#streams.delete(stream);
            listener.onClosed(error);
          },
        },
      }),
    };
    return {
      stream,
      reach: (opened) => {
        link = opened;
      },
    };
  }

  /** Both sides hear of it in later turns; no call of a caller is answered by a callback inside it. */
  #cut(stream: OpenStream): void {
    this.#clock.endOfTurn(() => {
      stream.up.breakOff(new DomainError('unavailable', 'the stream broke'));
      stream.down.breakOff(new DomainError('unavailable', 'the stream broke'));
    });
  }

  #fateOf(message: WorkerMessage | CoordinatorMessage): Fate {
    const { cut, duplicate, minDelayMs, maxDelayMs } = this.#faults;
    const fate = {
      cut: this.#happens(cut),
      copies: !once.has(message.type) && this.#happens(duplicate) ? 2 : 1,
      delayMs: this.#delay(minDelayMs, maxDelayMs),
    };
    if (fate.copies > 1 && !fate.cut) this.counts.duplicates++;
    return fate;
  }

  #remember(message: WorkerMessage & { readonly type: 'result' }): void {
    this.#results.push(message);
    if (this.#results.length > rememberedResults) this.#results.shift();
  }

  #replay(stream: OpenStream): void {
    for (const result of this.#results) {
      if (!this.#happens(this.#faults.replayResult)) continue;
      this.counts.replays++;
      stream.up.send(result);
    }
  }

  async #call<T>(run: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const { failCall, minDelayMs, maxDelayMs, noticeMs } = this.#faults;
    const fails = this.#happens(failCall);
    const before = this.#happens(0.5);
    const delayMs = this.#delay(minDelayMs, maxDelayMs);
    if (delayMs > 0) await this.#clock.sleep(delayMs, signal);
    if (this.#partitioned) {
      await this.#clock.sleep(noticeMs, signal);
      throw unreachable();
    }
    if (fails) this.counts.failedCalls++;
    if (fails && before) throw unreachable();
    const value = await run();
    if (fails) throw unreachable();
    return value;
  }

  #happens(chance: number): boolean {
    return this.#random.next() < chance;
  }

  #delay(from: number, to: number): number {
    return from + Math.floor(this.#random.next() * Math.max(0, to - from));
  }
}

const unreachable = (): DomainError => new DomainError('unavailable', 'the coordinator cannot be reached');
