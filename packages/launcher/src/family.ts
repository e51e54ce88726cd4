import type { ProcessEntry } from './process-table.ts';
import { findMarked, listProcesses, readProcess, signalProcess } from './process-table.ts';

/**
 * All processes that descend from one launch, also those that left its session.
 *
 * A descendant is known by any of: the marker in its environment or in an open file, the session or group of the first process, the
 * session of another descendant (unless its leader lives and is none), a parent that is one, or having been seen as one in an earlier
 * census (pid and start time). What escapes: a process that cleared its environment, closed its files, left the session and lost its
 * parent, all between two censuses.
 */
export class ProcessFamily {
  readonly #root: number;
  readonly #marker: string;
  readonly #seen = new Map<number, string>();

  constructor(root: number, marker: string) {
    this.#root = root;
    this.#marker = marker;
  }

  /** Notes who belongs to the family now. */
  census(): void {
    for (const { pid, startedAt } of this.#related(listProcesses(), new Set())) this.#seen.set(pid, startedAt);
    for (const [pid, startedAt] of this.#seen) if (readProcess(pid)?.startedAt !== startedAt) this.#seen.delete(pid);
  }

  /** Live members, the first process included while it lives. */
  async members(): Promise<readonly number[]> {
    const marked = new Set(await findMarked(this.#marker));
    for (const { pid } of this.#related(listProcesses(), marked)) marked.add(pid);
    return [...marked];
  }

  /** Kills members until two looks in a row find none; resolves to how many were killed. Gives up after `limitMs`. */
  async killAll(
    limitMs: number,
    pause: (ms: number) => Promise<void>,
  ): Promise<{ readonly killed: number; readonly left: number }> {
    const killed = new Set<number>();
    const until = performance.now() + limitMs;
    let clean = 0;
    let left = 0;
    while (clean < 2 && performance.now() < until) {
      signalProcess(-this.#root, 'SIGKILL');
      const members = await this.members();
      left = members.length;
      clean = left === 0 ? clean + 1 : 0;
      for (const pid of members) if (signalProcess(pid, 'SIGKILL')) killed.add(pid);
      if (clean < 2) await pause(members.length === 0 ? 1 : 5);
    }
    return { killed: killed.size, left };
  }

  #related(processes: readonly ProcessEntry[], known: ReadonlySet<number>): readonly ProcessEntry[] {
    const members = new Map<number, ProcessEntry>();
    for (const entry of processes) {
      const { pid, group, session, startedAt } = entry;
      const own = pid === this.#root || session === this.#root || group === this.#root;
      if (own || known.has(pid) || this.#seen.get(pid) === startedAt) members.set(pid, entry);
    }
    // A descendant can only be in a session that a descendant made, or in that of the launcher, which is no evidence.
    const own = readProcess(process.pid);
    const sessions = new Set<number>();
    const join = (entry: ProcessEntry): void => {
      members.set(entry.pid, entry);
      if (entry.session !== own?.session) sessions.add(entry.session);
    };
    for (const entry of members.values()) join(entry);
    const live = new Set([0, ...processes.map(({ pid }) => pid)]); // 0: the leader is outside of this pid namespace
    // One with a living leader that is none was made by somebody else: a member in it opened the file, or was given the marker.
    const isOurs = (session: number): boolean => sessions.has(session) && (members.has(session) || !live.has(session));
    for (let grown = true; grown; ) {
      grown = false;
      for (const entry of processes) {
        if (members.has(entry.pid) || !(members.has(entry.parent) || isOurs(entry.session))) continue;
        join(entry);
        grown = true;
      }
    }
    return [...members.values()];
  }
}
