import type { AgentMessage } from '@skein/domain';

/** The messages of one attempt as its agent reads them. Fed by the worker's endpoint; none of these block or throw. */
export interface Mailbox {
  /** Messages that arrived and were not taken yet, in order; expired ones are left out. Stays the same until `take`. */
  unread(): readonly AgentMessage[];
  /** Removes these from `unread`: they go into the next model request. */
  take(numbers: readonly number[]): void;
  /** Called for each message that arrives. Returns what ends it. */
  onMessage(listener: (message: AgentMessage) => void): () => void;
  /** Tells the sender that these were in a model request (memory only). */
  presented(numbers: readonly number[], turn: number): void;
}
