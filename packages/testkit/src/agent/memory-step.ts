import { createHash } from 'node:crypto';
import {
  type AgentMessage,
  type CheckpointEntry,
  canonicalJson,
  type Digest,
  DomainError,
  type JsonValue,
  type TreeRef,
  type ValueRef,
} from '@skein/domain';
import type { Checkpoints, Mailbox, WorkTree } from '@skein/ports';
import { createKillPoints, type KillPoints } from './kill-points.ts';
import type { MemoryToolHost } from './memory-tool-host.ts';

/** What one attempt of a `MemoryStep` works with. */
export interface MemoryAttempt {
  readonly checkpoints: Checkpoints;
  readonly mailbox: Mailbox;
  readonly workTree: WorkTree;
}

/** How an attempt of a `MemoryStep` is disturbed. */
export interface MemoryAttemptFaults {
  readonly kill?: KillPoints;
  /** Called before the `call`th record (from 1) of the attempt; what it throws is what `record` throws. */
  readonly onRecord?: (call: number, entries: readonly CheckpointEntry[]) => void;
  /** Handed over again although recorded turns have read them. */
  readonly redelivered?: readonly AgentMessage[];
  /** Throws what `capture` throws. */
  readonly onCapture?: (call: number) => void;
}

/** A step execution as the log, the blob store and the mailbox keep it over the attempts, in memory. */
export interface MemoryStep {
  /** All that was ever recorded, in order. */
  readonly log: readonly CheckpointEntry[];
  /** Those since the transcript began. */
  readonly entries: () => readonly CheckpointEntry[];
  /** The entries of each call of `record`. */
  readonly records: readonly (readonly CheckpointEntry[])[];
  readonly blobs: Map<string, JsonValue>;
  readonly trees: Map<string, string>;
  /** Numbers of the messages in the requests of turns, as they were told: `TURN:NUMBER,NUMBER`. */
  readonly presented: readonly string[];
  /** As a sender does; the attempt that is open gets it at once. */
  send(message: Partial<AgentMessage> & { readonly text: string }): AgentMessage;
  /** A message comes once more to the attempt that is open. */
  redeliver(message: AgentMessage): void;
  /** Numbers of the messages that no recorded turn has read. */
  readonly unread: () => readonly number[];
  readonly load: (ref: ValueRef) => JsonValue;
  /** An attempt: the former one, if there is one, is over. Its private directory is what the tool host holds. */
  open(toolHost: MemoryToolHost, faults?: MemoryAttemptFaults): MemoryAttempt;
}

/** `inlineLimit`: characters of JSON that stay in an entry. */
export const createMemoryStep = ({ inlineLimit = 16 * 1024 } = {}): MemoryStep => {
  const log: CheckpointEntry[] = [];
  const records: (readonly CheckpointEntry[])[] = [];
  const blobs = new Map<string, JsonValue>();
  const trees = new Map<string, string>();
  const presented: string[] = [];
  const messages: AgentMessage[] = [];
  let deliver: (message: AgentMessage) => void = () => {};
  let opened = 0;

  const entries = () => log.slice(log.findLastIndex((entry) => entry.type === 'restart') + 1);
  const unread = () => {
    const consumed = new Set(entries().flatMap((entry) => (entry.type === 'turn' ? (entry.consumed ?? []) : [])));
    return messages.filter(({ number }) => !consumed.has(number)).map(({ number }) => number);
  };
  const load = (ref: ValueRef): JsonValue => {
    if ('inline' in ref) return ref.inline;
    const value = blobs.get(ref.digest);
    if (value === undefined) throw new DomainError('not_found', `no blob ${ref.digest}`);
    return value;
  };

  const open = (toolHost: MemoryToolHost, faults: MemoryAttemptFaults = {}): MemoryAttempt => {
    const attempt = ++opened;
    const kill = faults.kill ?? createKillPoints();
    const resume = entries();
    let recordCalls = 0;
    const checkpoints: Checkpoints = {
      ...(resume.length === 0 ? {} : { resume: copy({ format: 1 as const, entries: resume }) }),
      keep: (value) =>
        kill.around('keep', () => {
          const text = canonicalJson(value);
          if (text.length <= inlineLimit) return { inline: copy(value) };
          const digest = digestOfText(text);
          blobs.set(digest, copy(value));
          return { digest, bytes: text.length };
        }),
      load: (ref) => kill.around('load', () => copy(load(ref))),
      record: (added) =>
        kill.around('record', () => {
          if (attempt !== opened) throw new DomainError('stale_fencing_token', 'the lease is over');
          recordCalls += 1;
          faults.onRecord?.(recordCalls, added);
          records.push(copy(added));
          log.push(...copy(added));
          // What a dropped transcript had read is sent again.
          if (added.some((entry) => entry.type === 'restart')) handOver();
        }),
    };
    const inHand = new Map<number, AgentMessage>();
    const handOver = () => {
      for (const number of unread()) inHand.set(number, messages[number - 1] as AgentMessage);
    };
    const listeners = new Set<(message: AgentMessage) => void>();
    deliver = (message) => {
      if (kill.diedAt() !== undefined) return;
      inHand.set(message.number, message);
      for (const listener of listeners) listener(message);
    };
    handOver();
    for (const message of faults.redelivered ?? []) inHand.set(message.number, message);
    const mailbox: Mailbox = {
      unread: () => [...inHand.values()],
      take: (numbers) => {
        for (const number of numbers) inHand.delete(number);
      },
      onMessage: (listener) => {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
      presented: (numbers, turn) => void presented.push(`${turn}:${numbers.join(',')}`),
    };
    return { checkpoints, mailbox, workTree: createTree(trees, toolHost, kill, faults.onCapture) };
  };

  return {
    log,
    entries,
    records,
    blobs,
    trees,
    presented,
    unread,
    load,
    open,
    redeliver: (message) => deliver(message),
    send: (message) => {
      const number = messages.length + 1;
      const sent: AgentMessage = {
        messageId: `msg_${number}`,
        number,
        sender: 'ada',
        mode: 'next_turn',
        at: Date.UTC(2026, 0, 1),
        ...message,
      };
      messages.push(sent);
      deliver(sent);
      return sent;
    },
  };
};

const createTree = (
  trees: Map<string, string>,
  toolHost: MemoryToolHost,
  kill: KillPoints,
  onCapture: ((call: number) => void) | undefined,
): WorkTree => {
  let last = digestOfText('[]');
  let calls = 0;
  return {
    capture: () =>
      kill.around('capture', (): TreeRef | undefined => {
        calls += 1;
        onCapture?.(calls);
        const text = JSON.stringify([...toolHost.files].toSorted(([a], [b]) => (a < b ? -1 : 1)));
        const digest = digestOfText(text);
        if (digest === last) return undefined;
        last = digest;
        trees.set(digest, text);
        return { digest, files: toolHost.files.size, bytes: text.length };
      }),
    restore: ({ digest }) =>
      kill.around('restore', () => {
        const text = trees.get(digest);
        if (text === undefined) throw new DomainError('not_found', `no tree ${digest}`);
        if (digestOfText(text) !== digest) throw new DomainError('digest_mismatch', `tree ${digest} is damaged`);
        for (const [path, file] of JSON.parse(text) as [string, { text: string; mode: number }][]) {
          toolHost.files.set(path, file);
        }
        last = digest;
      }),
  };
};

const digestOfText = (text: string): Digest => `sha256:${createHash('sha256').update(text).digest('hex')}` as Digest;

const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;
