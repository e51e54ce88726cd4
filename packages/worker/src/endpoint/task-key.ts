import type { TaskRef } from '@skein/domain';

/** One text for one lease of one step: the key of every table of tasks in a worker. */
export const taskKey = (task: TaskRef): string => `${task.runId}/${task.step}#${task.token}`;

/** The name of a task, without the rest of the value that carries it. */
export const taskRef = (task: TaskRef): TaskRef => ({
  runId: task.runId,
  step: task.step,
  attempt: task.attempt,
  token: task.token,
});
