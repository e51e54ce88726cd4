import { DomainError, type JsonValue } from '@skein/domain';
import type { ToolCall } from '@skein/ports';
import type { ToolResult } from '../tools/run-tool-calls.ts';
import type { JudgedAnswer } from './answer-schema.ts';
import type { UserMessage } from './turn-delta.ts';

/** How often a wrong answer goes back to the model. */
export const maxSchemaRepairs = 2;

/** A text in place of an answer gets a plain reminder. */
export const noAnswerReminder: UserMessage = {
  role: 'user',
  text: 'That was text, not an answer. Call the `output` tool with an object that matches its schema.',
};

/** Every call needs its result, also those of `output`: what is wrong with them, or that a message came in before the end. */
export const outputResults = (answers: readonly ToolCall[], judged: readonly JudgedAnswer[]): readonly ToolResult[] =>
  answers.map(({ callId }, index) => {
    const verdict = judged[index];
    if (verdict?.ok === true) {
      const note = 'the step did not end: read what was sent to you, then call output again';
      return { callId, tool: 'output', output: { note }, isError: false };
    }
    const problems: JsonValue = verdict === undefined ? [] : [...verdict.problems];
    const output = { error: 'the answer does not match the schema; correct it and call output again', problems };
    return { callId, tool: 'output', output, isError: true };
  });

/** The typed failure of an answer that stays wrong. */
export const wrongAnswer = (judged: readonly JudgedAnswer[]): DomainError => {
  const problems = judged.flatMap((each) => (each.ok ? [] : each.problems));
  return new DomainError(
    'unprocessable',
    `the agent's answer does not match the output schema, also after ${maxSchemaRepairs} repairs`,
    { reason: 'output_schema', problems: problems.length === 0 ? ['no call of the output tool'] : problems },
  );
};
