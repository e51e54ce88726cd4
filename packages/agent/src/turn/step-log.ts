import type { JsonValue } from '@skein/domain';
import type { TaskSink } from '@skein/ports';

/** The human log of an agent step: the model's text as it comes, tool calls as one line each. */
export interface StepLog {
  text(text: string): void;
  /** Ends the model's text with a line break if it lacks one. */
  endText(): void;
  call(tool: string, input: JsonValue): void;
  result(tool: string, output: JsonValue, isError: boolean): void;
  note(message: string): void;
}

const maxLine = 240;

/** Writes to the sink at once; nothing is kept back. */
export const createStepLog = (sink: TaskSink): StepLog => {
  const encoder = new TextEncoder();
  let atLineStart = true;
  const write = (text: string) => {
    if (text === '') return;
    sink.log(encoder.encode(text));
    atLineStart = text.endsWith('\n');
  };
  const line = (text: string) => write(`${atLineStart ? '' : '\n'}${compact(text)}\n`);
  return {
    text: write,
    endText: () => {
      if (!atLineStart) write('\n');
    },
    call: (tool, input) => line(`[tool] ${tool} ${JSON.stringify(input)}`),
    result: (tool, output, isError) => line(`[tool] ${tool} ${isError ? 'error' : 'ok'} ${JSON.stringify(output)}`),
    note: (message) => line(`[skein] ${message}`),
  };
};

const compact = (text: string): string => {
  const single = text.replace(/[\r\n\u0085\u2028\u2029]+/g, ' ');
  return single.length <= maxLine ? single : `${single.slice(0, maxLine)}… (${single.length} characters)`;
};
