import type { JsonValue } from '@skein/domain';
import type { TaskSink } from '@skein/ports';

/** The human log of an agent step: the model's text as it comes, tool calls as one line each. */
export interface StepLog {
  text(text: string): void;
  /** Ends the model's text with a line break if it lacks one. */
  endText(): void;
  call(tool: string, input: JsonValue): void;
  /** `detail` stands behind the outcome, for example how long it took. */
  result(tool: string, output: JsonValue, isError: boolean, detail?: string): void;
  note(message: string): void;
  thought(text: string): void;
  /** The log of a sub-agent: each of its lines begins with its name, below those of its callers. */
  nested(agentId: string): StepLog;
}

const maxLine = 240;
const maxThought = 4_000;

/** Writes to the sink at once; nothing is kept back. Lines are cut after `redact`: half a secret could not be found in the log. */
export const createStepLog = (sink: TaskSink, redact: (value: JsonValue) => JsonValue): StepLog => {
  const encoder = new TextEncoder();
  let atLineStart = true;
  // All agents of an attempt share the lines.
  const write = (text: string, prefix: string) => {
    if (text === '') return;
    const marked = prefix === '' ? text : text.replace(/\n(?!$)/g, `\n${prefix}`);
    sink.log(encoder.encode(`${atLineStart ? prefix : ''}${marked}`));
    atLineStart = text.endsWith('\n');
  };
  const endLine = () => {
    if (!atLineStart) write('\n', '');
  };
  const create = (prefix: string): StepLog => {
    const line = (text: string, max = maxLine) => {
      endLine();
      write(`${compact(redact(text) as string, max)}\n`, prefix);
    };
    return {
      text: (text) => write(text, prefix),
      endText: endLine,
      call: (tool, input) => line(`[tool] ${tool} ${JSON.stringify(input)}`),
      result: (tool, output, isError, detail) =>
        line(
          `[tool] ${tool} ${isError ? 'error' : 'ok'} ${detail === undefined ? '' : `(${detail}) `}${JSON.stringify(output)}`,
        ),
      note: (message) => line(`[skein] ${message}`),
      thought: (text) => line(`[think] ${text}`, maxThought),
      nested: (agentId) => create(`${prefix}[agent ${agentId}] `),
    };
  };
  return create('');
};

const compact = (text: string, max: number): string => {
  const single = text.replace(/[\r\n\u0085\u2028\u2029]+/g, ' ');
  return single.length <= max ? single : `${single.slice(0, max)}… (${single.length} characters)`;
};
