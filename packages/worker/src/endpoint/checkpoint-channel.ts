// Brings the durable points of attempts to a coordinator, and nothing else.
// K1 Those of one task arrive in order. A restart is alone on the way: what was before it is answered, what comes after it waits.
// K2 What is not answered is kept, and sent again on the next stream, or when a live coordinator has said nothing for long. The index
//    makes a repetition harmless. A restart goes once per stream, so that no second answer to it is taken for one to what follows it.
// K3 After `discard` nothing of the task leaves, and who waits learns why.
// K4 `finish` calls back once, when all of the task is durable or was discarded: a result never overtakes its checkpoints.
// K5 No message is larger than a frame may be, and no more than a window of bytes is on the way. An entry that no coordinator takes is
//    refused here: sent, it would end the stream of all tasks, again and again.
import { type CheckpointEntry, DomainError, maxCheckpointEntryBytes, type TaskRef, utf8Length } from '@skein/domain';
import type { Clock, WorkerMessage } from '@skein/ports';
import { taskKey } from './task-key.ts';

/** The stream as the checkpoint channel sees it. */
export interface CheckpointLink {
  isOpen(): boolean;
  send(message: WorkerMessage): void;
}

/** One message that is not answered yet. */
interface Pending {
  readonly index: number;
  readonly entries: readonly CheckpointEntry[];
  readonly bytes: number;
  /** Transcript length that answers it. */
  readonly count: number;
  readonly isRestart: boolean;
  /** On the monotonic clock; undefined while it is not on the present stream. */
  sentAtMs: number | undefined;
  readonly resolve: () => void;
  readonly reject: (error: DomainError) => void;
}

interface TaskQueue {
  readonly task: TaskRef;
  pending: Pending[];
  onDrained?: () => void;
}

/** Bytes of entries in one message. */
const maxMessageBytes = 512 * 1024;
/** Entries in one message. */
const maxMessageEntries = 500;
/** Bytes on the way without an answer, of all tasks. */
const windowBytes = 2 * 1024 * 1024;

/** The checkpoints of all attempts of one worker. */
export class CheckpointChannel {
  readonly #clock: Clock;
  readonly #link: CheckpointLink;
  readonly #queues = new Map<string, TaskQueue>();
  #bytesOnTheWay = 0;

  constructor(clock: Clock, link: CheckpointLink) {
    this.#clock = clock;
    this.#link = link;
  }

  /** Resolves when these are durable; `index` entries of the transcript were recorded before them. Rejects with `too_large` (K5). */
  async record(task: TaskRef, index: number, entries: readonly CheckpointEntry[]): Promise<void> {
    const parts = split(index, entries);
    const queue = this.#queueOf(task);
    const answers = parts.map(
      (part) =>
        new Promise<void>((resolve, reject) => {
          queue.pending.push({ ...part, sentAtMs: undefined, resolve, reject });
        }),
    );
    this.#pump(queue);
    await Promise.all(answers);
  }

  /** A coordinator's answer: the first `count` entries are durable. */
  onRecorded(task: TaskRef, count: number): void {
    const queue = this.#queues.get(taskKey(task));
    if (queue === undefined) return;
    for (let head = queue.pending[0]; head !== undefined; head = queue.pending[0]) {
      const isAnswered =
        head.sentAtMs !== undefined && (head.isRestart ? answersRestart(head, count) : head.count <= count);
      if (!isAnswered) break;
      this.#shift(queue).resolve();
      if (head.isRestart) break; // the count says nothing of what comes after it
    }
    this.#settle(queue);
    this.#pumpAll();
  }

  /** A new stream: nothing is on its way (K2). Tasks that are not ours any more were discarded before. */
  streamOpened(): void {
    this.#bytesOnTheWay = 0;
    for (const queue of this.#queues.values()) for (const pending of queue.pending) pending.sentAtMs = undefined;
    this.#pumpAll();
  }

  /** Sends again what was sent `unansweredForMs` ago or earlier. */
  resend(unansweredForMs: number): void {
    const nowMs = this.#clock.monotonicMs();
    for (const queue of this.#queues.values()) {
      const [head] = queue.pending;
      if (head?.sentAtMs === undefined || head.isRestart || nowMs - head.sentAtMs < unansweredForMs) continue;
      for (const pending of queue.pending) {
        if (pending.sentAtMs !== undefined) this.#bytesOnTheWay -= pending.bytes;
        pending.sentAtMs = undefined;
      }
    }
    this.#pumpAll();
  }

  /** No more of the task comes; `onDrained` is called once, perhaps before this returns (K4). */
  finish(task: TaskRef, onDrained: () => void): void {
    const queue = this.#queues.get(taskKey(task));
    if (queue === undefined) return onDrained();
    queue.onDrained = onDrained;
    this.#settle(queue);
  }

  /** Drops what is left; who waits for it gets `error` (K3). */
  discard(task: TaskRef, error: DomainError): void {
    const queue = this.#queues.get(taskKey(task));
    if (queue === undefined) return;
    this.#queues.delete(taskKey(task));
    while (queue.pending.length > 0) this.#shift(queue).reject(error);
    queue.onDrained?.();
    this.#pumpAll();
  }

  #queueOf(task: TaskRef): TaskQueue {
    const key = taskKey(task);
    const known = this.#queues.get(key);
    if (known !== undefined) return known;
    const queue: TaskQueue = { task, pending: [] };
    this.#queues.set(key, queue);
    return queue;
  }

  #shift(queue: TaskQueue): Pending {
    const [head, ...rest] = queue.pending as [Pending, ...Pending[]];
    queue.pending = rest;
    if (head.sentAtMs !== undefined) this.#bytesOnTheWay -= head.bytes;
    return head;
  }

  #settle(queue: TaskQueue): void {
    if (queue.pending.length > 0 || queue.onDrained === undefined) return;
    this.#queues.delete(taskKey(queue.task));
    queue.onDrained();
  }

  #pumpAll(): void {
    for (const queue of this.#queues.values()) this.#pump(queue);
  }

  #pump(queue: TaskQueue): void {
    for (const [place, pending] of queue.pending.entries()) {
      if (pending.isRestart && place > 0) return; // K1
      if (pending.sentAtMs === undefined) {
        const isFirst = this.#bytesOnTheWay === 0;
        if (!this.#link.isOpen() || (!isFirst && this.#bytesOnTheWay + pending.bytes > windowBytes)) return; // K5
        pending.sentAtMs = this.#clock.monotonicMs();
        this.#bytesOnTheWay += pending.bytes;
        const { index, entries } = pending;
        this.#link.send({ type: 'checkpoint', task: queue.task, index, entries });
      }
      if (pending.isRestart) return;
    }
  }
}

/** The transcript is empty after a restart; some say so, some count it. What was answered before it is shorter than that. */
const answersRestart = ({ index }: Pending, count: number): boolean => count === 0 || count === index + 1;

type Part = Pick<Pending, 'index' | 'entries' | 'bytes' | 'count' | 'isRestart'>;

/** Messages of at most 512 KiB; a restart is one of its own, and the index counts from 0 after it. */
const split = (index: number, entries: readonly CheckpointEntry[]): readonly Part[] => {
  const parts: Part[] = [];
  let gathered: CheckpointEntry[] = [];
  let bytes = 0;
  let from = index;
  const close = (): void => {
    if (gathered.length === 0) return;
    const count = from + gathered.length;
    parts.push({ index: from, entries: gathered, bytes, count, isRestart: false });
    from = count;
    gathered = [];
    bytes = 0;
  };
  for (const entry of entries) {
    const size = utf8Length(JSON.stringify(entry));
    if (size > maxCheckpointEntryBytes) {
      const details = { limit: maxCheckpointEntryBytes, actual: size };
      throw new DomainError('too_large', `a ${entry.type} entry has more bytes than one may have`, details);
    }
    if (entry.type === 'restart') {
      close();
      parts.push({ index: from, entries: [entry], bytes: size, count: 0, isRestart: true });
      from = 0;
      continue;
    }
    if (bytes + size > maxMessageBytes || gathered.length === maxMessageEntries) close();
    gathered.push(entry);
    bytes += size;
  }
  close();
  return parts;
};
