import type { JsonObject } from '../json/json-value.ts';

/** Why something was given up; closed. */
export type DeadLetterReason =
  /** Workers were lost while they ran the task, and no checkpoint advanced. */
  | 'poison'
  /** No worker took the task, offer after offer. */
  | 'transport_exhausted'
  /** The step ended before it had read a message that asked to be read. */
  | 'recipient_gone'
  /** Attempt after attempt that had read the message was dropped. */
  | 'too_many_presentations';

/** A task or message that was given up: a state with its reason and history, kept until it is redriven or purged. */
export interface DeadLetter {
  /** `dl:` + run, step and token of a task, or message id: the same thing given up once makes one dead letter. */
  readonly id: string;
  readonly tenant: string;
  readonly kind: 'task' | 'message';
  readonly runId: string;
  readonly step: string;
  readonly messageId?: string;
  readonly dag: string;
  readonly reason: DeadLetterReason;
  /** The three counters when it was given up. */
  readonly transportAttempts: number;
  readonly executionAttempts: number;
  readonly applicationFailures: number;
  /** ms since the epoch. */
  readonly at: number;
  readonly error?: JsonObject;
  /** What led to it, oldest first: the last 20 losses or presentations. */
  readonly history: readonly { readonly at: number; readonly what: string; readonly workerId?: string }[];
  /** Text of a message. */
  readonly body?: string;
  readonly status: 'open' | 'redriven' | 'purged';
  readonly settledAt?: number;
  readonly settledBy?: string;
  /** The run that redrives it. */
  readonly redrivenRunId?: string;
}

/** What happened to something that left the normal way: one event per item, never silent (D4). */
export type DeliveryEventKind = 'expired' | 'rejected' | 'evicted' | 'dead_lettered' | 'redriven' | 'purged' | 'fenced';

/** One event of the delivery stream. */
export interface DeliveryEvent {
  readonly tenant: string;
  readonly kind: DeliveryEventKind;
  /** ms since the epoch. */
  readonly at: number;
  /** What it happened to: a message id, a dead letter's id, or run, step and token of a task. */
  readonly itemId: string;
  readonly runId: string;
  readonly step: string;
  readonly reason: string;
  readonly attempts?: number;
  /** Since it was accepted, ms. */
  readonly ageMs?: number;
}

/** A `DeliveryEvent` with its place in the stream: rises by one per event of a tenant, with no holes but those reported as a gap. */
export interface NumberedDeliveryEvent extends DeliveryEvent {
  readonly seq: number;
}
