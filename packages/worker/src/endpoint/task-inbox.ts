import { type AgentMessage, mailboxLimits } from '@skein/domain';

/** The messages that came for one task: each number once, kept until the task ends, so that a listener that comes late misses none. */
export class TaskInbox {
  readonly #messages = new Map<number, AgentMessage>();
  readonly #listeners = new Set<(message: AgentMessage) => void>();

  /** False when there is no room: it is not taken. A repetition changes nothing. */
  add(message: AgentMessage): boolean {
    if (this.#messages.has(message.number)) return true;
    if (this.#messages.size >= mailboxLimits.maxMessages) return false;
    this.#messages.set(message.number, message);
    for (const listener of this.#listeners) listener(message);
    return true;
  }

  /** Calls with those that are here, in order of arrival, then with each that comes. Returns what ends it. */
  listen(listener: (message: AgentMessage) => void): () => void {
    for (const message of this.#messages.values()) listener(message);
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}
