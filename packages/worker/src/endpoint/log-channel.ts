// Sends the logs of running attempts over the worker's stream, and nothing else.
// L1 The stream never blocks and is cut when it is over-full, so logs wait here: at most `logWindowBytes` are on the stream
//    without proof of arrival. The stream is ordered, hence an answered heartbeat proves all that was sent before it.
// L2 Memory is bounded by the cap per attempt; above it one marker line is sent and the rest is not kept.
// L3 `finish` calls back once, when the attempt's log is sent or given up (with a marker): a result never overtakes its log.
// L4 Logs are best effort: what was on a stream that broke is not sent again.
import type { TaskRef } from '@skein/domain';
import type { Clock, WorkerMessage } from '@skein/ports';
import type { EndpointTuning } from './endpoint-config.ts';
import { taskKey } from './task-key.ts';

/** The stream as the log channel sees it. */
export interface LogLink {
  isOpen(): boolean;
  send(message: WorkerMessage): void;
  /** Sends a heartbeat now, so that its answer proves what arrived. */
  probe(): void;
}

interface AttemptLog {
  readonly task: TaskRef;
  readonly chunks: Uint8Array[];
  buffered: number;
  accepted: number;
  capped: boolean;
  onDrained?: () => void;
  cancelDrainTimer?: () => void;
}

const maxChunkBytes = 64 * 1024;

/** The logs of all attempts of one worker. */
export class LogChannel {
  readonly #clock: Clock;
  readonly #link: LogLink;
  readonly #tuning: EndpointTuning;
  readonly #logs = new Map<string, AttemptLog>();
  #sentBytes = 0;
  #provenBytes = 0;
  #marks: { readonly sentAtMs: number; readonly sentBytes: number }[] = [];
  #probing = false;
  #pumpAsked: 'no' | 'later' | 'this_turn' = 'no';

  constructor(clock: Clock, link: LogLink, tuning: EndpointTuning) {
    this.#clock = clock;
    this.#link = link;
    this.#tuning = tuning;
  }

  /** Takes bytes of an attempt's log; over the cap it takes a marker and then nothing (L2). */
  write(task: TaskRef, bytes: Uint8Array): void {
    const log = this.#logOf(task);
    if (log.capped || bytes.length === 0) return;
    const room = this.#tuning.maxLogBytesPerAttempt - log.accepted;
    this.#keep(log, bytes.length > room ? bytes.subarray(0, room) : bytes);
    if (bytes.length > room) {
      log.capped = true;
      this.#keep(log, marker(`the log ends here: it reached ${this.#tuning.maxLogBytesPerAttempt} bytes`));
    }
    this.#ask(log.buffered >= maxChunkBytes ? 'this_turn' : 'later');
  }

  /** No more writes; `onDrained` is called once, perhaps before this returns (L3). */
  finish(task: TaskRef, onDrained: () => void): void {
    const log = this.#logs.get(taskKey(task));
    if (log === undefined) return onDrained();
    log.onDrained = onDrained;
    this.#send(log);
    if (this.#settle(log)) return;
    this.#armDrainTimer(log);
  }

  /** Drops what is left; `onDrained` is not called. */
  discard(task: TaskRef): void {
    const log = this.#logs.get(taskKey(task));
    log?.cancelDrainTimer?.();
    this.#logs.delete(taskKey(task));
  }

  /** A heartbeat leaves now: its answer will prove all that was sent before. */
  markHeartbeat(sentAtMs: number): void {
    this.#marks.push({ sentAtMs, sentBytes: this.#sentBytes });
  }

  heartbeatAnswered(sentAtMs: number): void {
    while (this.#marks[0] !== undefined && this.#marks[0].sentAtMs <= sentAtMs) {
      this.#provenBytes = this.#marks[0].sentBytes;
      this.#marks.shift();
      this.#probing = false;
    }
    this.#pump();
  }

  /** A new stream: nothing of it is on its way yet (L4). */
  streamOpened(): void {
    this.#sentBytes = 0;
    this.#provenBytes = 0;
    this.#marks = [];
    this.#probing = false;
    this.#pump();
  }

  #logOf(task: TaskRef): AttemptLog {
    const key = taskKey(task);
    const known = this.#logs.get(key);
    if (known !== undefined) return known;
    const log: AttemptLog = { task, chunks: [], buffered: 0, accepted: 0, capped: false };
    this.#logs.set(key, log);
    return log;
  }

  #keep(log: AttemptLog, bytes: Uint8Array): void {
    log.chunks.push(bytes);
    log.buffered += bytes.length;
    log.accepted += bytes.length;
  }

  #ask(when: 'later' | 'this_turn'): void {
    if (this.#pumpAsked === 'this_turn' || this.#pumpAsked === when) return;
    this.#pumpAsked = when;
    const pump = (): void => {
      this.#pumpAsked = 'no';
      this.#pump();
    };
    if (when === 'this_turn') this.#clock.endOfTurn(pump);
    else this.#clock.after(this.#tuning.logGatherMs, pump);
  }

  #pump(): void {
    for (const log of this.#logs.values()) {
      this.#send(log);
      this.#settle(log);
    }
  }

  #send(log: AttemptLog): void {
    while (log.buffered > 0 && this.#link.isOpen()) {
      const room = this.#tuning.logWindowBytes - (this.#sentBytes - this.#provenBytes);
      if (room <= 0) break;
      const bytes = takeBytes(log.chunks, Math.min(maxChunkBytes, room));
      log.buffered -= bytes.length;
      this.#sentBytes += bytes.length;
      this.#link.send({ type: 'log', task: log.task, bytes });
    }
    if (this.#sentBytes - this.#provenBytes > this.#tuning.logWindowBytes / 2 && !this.#probing) {
      this.#probing = true;
      this.#link.probe();
    }
  }

  #settle(log: AttemptLog): boolean {
    if (log.buffered > 0 || log.onDrained === undefined) return false;
    this.discard(log.task);
    log.onDrained();
    return true;
  }

  #armDrainTimer(log: AttemptLog): void {
    log.cancelDrainTimer = this.#clock.after(this.#tuning.logDrainMs, () => {
      if (!this.#link.isOpen()) return this.#armDrainTimer(log);
      const bytes = marker(`${log.buffered} bytes of the log were given up: the coordinator did not take them in time`);
      log.buffered = 0;
      this.#link.send({ type: 'log', task: log.task, bytes });
      this.#settle(log);
    });
  }
}

const marker = (text: string): Uint8Array => new TextEncoder().encode(`\n[skein] ${text}\n`);

/** Removes up to `limit` bytes from the front; small chunks leave together. */
const takeBytes = (chunks: Uint8Array[], limit: number): Uint8Array => {
  const first = chunks[0] as Uint8Array;
  if (first.length >= limit || chunks.length === 1) {
    const taken = first.subarray(0, limit);
    if (taken.length === first.length) chunks.shift();
    else chunks[0] = first.subarray(taken.length);
    return taken;
  }
  const gathered: Uint8Array[] = [];
  let size = 0;
  while (chunks[0] !== undefined && size < limit) {
    const taken = chunks[0].subarray(0, limit - size);
    if (taken.length === chunks[0].length) chunks.shift();
    else chunks[0] = chunks[0].subarray(taken.length);
    gathered.push(taken);
    size += taken.length;
  }
  const joined = new Uint8Array(size);
  let offset = 0;
  for (const part of gathered) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
};
