import { utf8Bytes } from '@skein/domain';
import type { TaskSink } from '@skein/ports';
import type { Redactor } from './redactor.ts';

/** The log of one task as its executor writes it. */
export interface TaskLog {
  readonly write: TaskSink['log'];
  /** A line of the worker's own. */
  readonly note: (line: string) => void;
  /** Gives what was held back; to be called before the result is reported. */
  readonly flush: () => void;
}

/** Every byte of a task's log goes through the redactor, each source on its own: two that write at once cannot hide a secret in the seam. */
export const openTaskLog = (sink: TaskSink, redactor: Redactor): TaskLog => {
  const streams = new Map<string, ReturnType<Redactor['stream']>>();
  const streamOf = (name: string): ReturnType<Redactor['stream']> => {
    let stream = streams.get(name);
    if (stream === undefined) {
      stream = redactor.stream((bytes) => sink.log(bytes));
      streams.set(name, stream);
    }
    return stream;
  };
  return {
    write: (bytes, source = 'stdout') => streamOf(source).push(bytes),
    note: (line) => sink.log(utf8Bytes(`[skein] ${line}\n`)),
    flush: () => {
      for (const stream of streams.values()) stream.flush();
    },
  };
};
