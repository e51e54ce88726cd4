import { cleanText, DomainError, type JsonObject, type JsonValue, type ModelContent } from '@skein/domain';
import type { ModelMessage, SecretReader, ToolCall, ToolDefinition, Turn, TurnRequest } from '@skein/ports';
import type { ToolResult } from '../tools/run-tool-calls.ts';
import { type AnswerSchema, type JudgedAnswer, measure } from './answer-schema.ts';
import type { Budget } from './budget.ts';
import type { StepLog } from './step-log.ts';

/** One attempt's conversation. */
export interface Conversation {
  readonly model: ModelContent;
  readonly system: string;
  readonly prompt: string;
  readonly tools: readonly ToolDefinition[];
  readonly answer?: AnswerSchema;
  readonly budget: Budget;
  readonly stepLog: StepLog;
  /** For the secret that the model names. */
  readonly readSecret: SecretReader;
  readonly callModel: (request: TurnRequest, signal: AbortSignal) => Promise<Turn>;
  readonly runTools: (calls: readonly ToolCall[], signal: AbortSignal) => Promise<readonly ToolResult[]>;
}

/** How often a wrong answer goes back to the model. */
const maxSchemaRepairs = 2;

/**
 * The loop: model turn, tool calls, next turn, until an answer; returns the step's outputs.
 * It ends whatever the model does: each pass costs a turn, and turns are limited. Throws the typed failure that ended it.
 */
export const runTurns = async (talk: Conversation, signal: AbortSignal): Promise<JsonObject> => {
  const messages: ModelMessage[] = [{ role: 'user', text: talk.prompt }];
  let repairs = 0;
  for (;;) {
    const left = talk.budget.beforeTurn();
    const bound = turnBound(left, talk.model.maxOutputTokens);
    const { model, system, tools, readSecret } = talk;
    // The transcript is copied: a model that keeps the request must not see it grow.
    const turn = bounded(
      await talk.callModel({ model, system, messages: [...messages], tools, readSecret, ...bound }, signal),
    );
    talk.budget.afterTurn(turn);
    if (turn.finishReason === 'content_filter') {
      throw new DomainError('unprocessable', "the provider's content filter withheld the answer");
    }
    messages.push({ role: 'assistant', text: turn.text, toolCalls: turn.toolCalls });
    const answers = talk.answer === undefined ? [] : turn.toolCalls.filter((call) => call.tool === 'output');
    const others = turn.toolCalls.filter((call) => !answers.includes(call));
    talk.budget.beforeToolCalls(others.length);
    const results = others.length === 0 ? [] : await talk.runTools(others, signal);
    if (talk.answer === undefined && others.length === 0) return finish(talk, textAnswer(talk, turn));
    if (talk.answer === undefined || (answers.length === 0 && others.length > 0)) {
      messages.push({ role: 'tool', results });
      continue;
    }
    const judged = answers.map((call) => talk.answer?.judge(call.input) ?? noAnswer);
    const good = judged.find((each) => each.ok);
    if (good !== undefined) return finish(talk, good);
    const problems = judged.flatMap((each) => (each.ok ? [] : each.problems));
    if (repairs >= maxSchemaRepairs) throw wrongAnswer(problems);
    repairs += 1;
    talk.budget.repaired();
    talk.stepLog.note(`the answer does not match the output schema (repair ${repairs} of ${maxSchemaRepairs})`);
    messages.push(repairRequest(answers, judged, results));
  }
};

/** Deeper than any tool or schema asks for, and far from what ends the stack of those who read it. */
const maxInputDepth = 64;

/** A call whose input is nested beyond all reason keeps its place; what it says is dropped, and its tool will complain. */
const bounded = (turn: Turn): Turn =>
  turn.toolCalls.some(({ input }) => isDeeperThan(input, maxInputDepth))
    ? {
        ...turn,
        toolCalls: turn.toolCalls.map((call) =>
          isDeeperThan(call.input, maxInputDepth) ? { ...call, input: { malformed_input: 'nested too deeply' } } : call,
        ),
      }
    : turn;

/** Level by level, because a recursion is what such a value would end. */
const isDeeperThan = (value: JsonValue, max: number): boolean => {
  let level: readonly JsonValue[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > max) return true;
    level = level.flatMap((each) => (typeof each === 'object' && each !== null ? Object.values(each) : []));
  }
  return false;
};

/** What any model can be asked for; above it a bound that exceeds the model's own maximum is refused by some providers. */
const safeBoundTokens = 4_096;

const turnBound = (left: number, max: number | undefined): { readonly maxOutputTokens?: number } => {
  if (max !== undefined) return { maxOutputTokens: Math.min(left, max) };
  return left <= safeBoundTokens ? { maxOutputTokens: left } : {};
};

const noAnswer: JudgedAnswer = { ok: false, problems: ['the answer must be given by calling the output tool'] };

const textAnswer = (talk: Conversation, turn: Turn): JudgedAnswer => {
  if (turn.finishReason === 'length') {
    const max = talk.model.maxOutputTokens;
    throw new DomainError('resource_exhausted', 'the answer was cut at the limit of tokens for one turn', {
      limit: 'tokens',
      ...(max === undefined ? {} : { max }),
    });
  }
  return measure({ text: cleanText(turn.text) });
};

const finish = (talk: Conversation, judged: JudgedAnswer): JsonObject => {
  if (!judged.ok) throw wrongAnswer(judged.problems);
  talk.budget.beforeOutput(judged.bytes);
  return judged.outputs;
};

const wrongAnswer = (problems: readonly string[]): DomainError =>
  new DomainError(
    'unprocessable',
    `the agent's answer does not match the output schema, also after ${maxSchemaRepairs} repairs`,
    {
      reason: 'output_schema',
      problems: problems.length === 0 ? ['no call of the output tool'] : [...problems],
    },
  );

/** Every call needs its result; a text in place of an answer gets a plain reminder. */
const repairRequest = (
  answers: readonly ToolCall[],
  judged: readonly JudgedAnswer[],
  results: readonly ToolResult[],
): ModelMessage => {
  if (answers.length === 0) {
    return {
      role: 'user',
      text: 'That was text, not an answer. Call the `output` tool with an object that matches its schema.',
    };
  }
  const refused = answers.map((call, index) => {
    const verdict = judged[index];
    const problems: JsonValue = verdict === undefined || verdict.ok ? [] : [...verdict.problems];
    const output = { error: 'the answer does not match the schema; correct it and call output again', problems };
    return { callId: call.callId, tool: 'output', output, isError: true };
  });
  return { role: 'tool', results: [...results, ...refused] };
};
