import type { CheckpointEntry, SessionId, TaskOffer, TaskResult } from '@skein/domain';
import type { JoinCredentials, WorkerMessage } from '@skein/ports';
import type { CheckpointChannel } from './checkpoint-channel.ts';
import type { RunningTask } from './held-tasks.ts';
import type { LogChannel } from './log-channel.ts';
import { createTaskTransfers, notOursAnyMore } from './task-transfers.ts';
import type { EndpointDeps } from './worker-presence.ts';

/** What of its endpoint a running task has to do with. */
export interface TaskSurroundings {
  readonly deps: EndpointDeps;
  readonly credentials: JoinCredentials;
  readonly maxPartBytes: number;
  readonly checkpoints: CheckpointChannel;
  readonly logs: LogChannel;
  readonly send: (message: WorkerMessage) => void;
  /** The present session; waits for one. Rejects with the signal's reason. */
  readonly session: (signal: AbortSignal) => Promise<SessionId>;
  /** Forgets every task when the leases may be over: asked before anything is done for one (E4). */
  readonly fenceIfDue: () => void;
  readonly onStale: () => void;
}

/** Gives a task to the runner; what it says goes out as long as the task is ours. Never rejects. */
export const runHeldTask = async (
  { deps, send, checkpoints, logs, fenceIfDue, ...rest }: TaskSurroundings,
  task: RunningTask,
  offer: TaskOffer,
): Promise<TaskResult> => {
  const { signal } = task.abort;
  const isOurs = (): boolean => task.fate !== 'forget';
  const onStream = {
    checkpoint: (index: number, entries: readonly CheckpointEntry[]): Promise<void> => {
      fenceIfDue();
      if (isOurs()) return checkpoints.record(task.ref, index, entries);
      return Promise.reject(notOursAnyMore('the lease of the task is over'));
    },
    onMessage: task.inbox.listen.bind(task.inbox),
    presented: (numbers: readonly number[], turn: number): void => {
      if (isOurs()) send({ type: 'messages_presented', task: task.ref, numbers, turn });
    },
  };
  const transfers = createTaskTransfers({ ...deps, ...rest, onStream }, task.ref, signal);
  const sink = {
    started: (): void => {
      if (task.started) return;
      task.started = true;
      if (isOurs()) send({ type: 'started', task: task.ref });
    },
    log: (bytes: Uint8Array): void => {
      if (isOurs()) logs.write(task.ref, bytes);
    },
  };
  try {
    return await deps.runner.run(offer, sink, transfers, signal, task.handBack.signal);
  } catch (error) {
    deps.log.error('the task runner threw', { ...task.ref, error });
    const failure = { code: 'internal', message: 'internal error' } as const;
    return { ...task.ref, outcome: { status: 'failed', error: failure }, outputs: {}, durationMs: 0 };
  }
};
