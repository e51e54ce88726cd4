// An agent's loop. With a journal it goes on from what is recorded.
// L1 A recorded turn is taken as it stands: no model is asked, no recorded call is carried out.
// L2 A turn is recorded before any of its calls that is not read-only begins, and the last one before the loop ends.
import { cleanText, DomainError, type JsonObject, type ModelContent, type ToolCallClass } from '@skein/domain';
import type { ModelMessage, SecretReader, ToolCall, ToolDefinition, Turn, TurnRequest } from '@skein/ports';
import type { Journal, PlacedCall } from '../attempt/journal.ts';
import type { RecordedTurn } from '../resume/history.ts';
import type { ToolResult, TurnCalls } from '../tools/run-tool-calls.ts';
import { type AnswerSchema, type JudgedAnswer, measure } from './answer-schema.ts';
import { askModel, type SaidAndAnswered } from './ask-model.ts';
import type { Budget } from './budget.ts';
import { isDeeperThan } from './clean-json.ts';
import type { Inbox } from './inbox.ts';
import { maxSchemaRepairs, noAnswerReminder, outputResults, wrongAnswer } from './repair-answer.ts';
import type { StepLog } from './step-log.ts';
import type { UserMessage } from './turn-delta.ts';

/** What the model works with, as far as the tool servers that run say. */
export interface Offer {
  readonly system: string;
  readonly tools: readonly ToolDefinition[];
  readonly classOf: (tool: string) => ToolCallClass;
}

/** One attempt's conversation. */
export interface Conversation {
  readonly model: ModelContent;
  readonly prompt: string;
  /** Opens what the tools need at its first call. */
  readonly offer: () => Promise<Offer>;
  readonly answer?: AnswerSchema;
  readonly budget: Budget;
  readonly stepLog: StepLog;
  /** For the secret that the model names. */
  readonly readSecret: SecretReader;
  readonly callModel: (request: TurnRequest, signal: AbortSignal) => Promise<Turn>;
  readonly runTools: (calls: TurnCalls, signal: AbortSignal) => Promise<readonly ToolResult[]>;
  /** Present exactly when the attempt is recorded. */
  readonly journal?: Journal;
  /** Present exactly when the agent can be sent messages. */
  readonly inbox?: Inbox;
}

/**
 * The loop: model turn, tool calls, next turn, until an answer; returns the step's outputs.
 * It ends whatever the model does: each pass costs a turn, and turns are limited. Throws the typed failure that ended it.
 */
export const runTurns = async (talk: Conversation, signal: AbortSignal): Promise<JsonObject> => {
  const { journal, budget } = talk;
  const messages: ModelMessage[] = [];
  let said: readonly UserMessage[] = [{ role: 'user', text: talk.prompt }];
  let repairs = 0;
  let isRepair = false;
  let isAfterTools = false;
  for (let number = 1; ; number += 1) {
    const recorded = journal?.recorded(number);
    const answered: SaidAndAnswered =
      recorded ?? boundedTurn(await askModel(talk, { number, messages, said, isAfterTools }, signal));
    const { turn } = answered;
    messages.push(...answered.said, { role: 'assistant', text: turn.text, toolCalls: turn.toolCalls });
    const { calls, answers } = await place(talk, turn, recorded);
    const refusal = count(budget, turn, calls, recorded !== undefined);
    if (recorded === undefined) {
      const read = talk.inbox?.consume() ?? { consumed: [], asked: [] };
      // What a limit forbids is not planned.
      const planned = { calls: refusal === undefined ? calls : [], usage: budget.usageOf(turn) };
      await journal?.answered({ number, said: answered.said, turn, ...planned, isRepair, ...read }); // L2
    }
    if (refusal !== undefined) throw refusal.thrown;
    const known = recorded === undefined ? {} : { recorded: recorded.results };
    const results = calls.length === 0 ? [] : await talk.runTools({ turn: number, calls, ...known }, signal);
    budget.toolsFailed(results.filter(({ isError }) => isError).length);
    said = [];
    isRepair = false;
    isAfterTools = calls.length > 0;
    if (calls.length > 0 && answers.length === 0) {
      messages.push({ role: 'tool', results });
      continue;
    }
    const judged = judge(talk, turn, answers);
    const good = judged.find((each) => each.ok);
    const next = journal?.recorded(number + 1);
    if (good !== undefined && next === undefined) {
      const unread = readBeforeEnd(talk, recorded !== undefined);
      if (unread.length === 0) return finish(talk, good);
      said = unread;
    }
    if (good === undefined) {
      if (repairs >= maxSchemaRepairs && next === undefined) throw wrongAnswer(judged);
      repairs += 1;
      isRepair = true;
      budget.repaired();
      if (next === undefined) {
        talk.stepLog.note(`the answer does not match the output schema (repair ${repairs} of ${maxSchemaRepairs})`);
      }
      if (answers.length === 0) said = [noAnswerReminder];
    }
    if (answers.length > 0) messages.push({ role: 'tool', results: [...results, ...outputResults(answers, judged)] });
    await journal?.flush();
  }
};

/** The calls that are carried out, at their places, and those that answer. What was planned once is what it was. */
const place = async (
  talk: Conversation,
  turn: Turn,
  recorded: RecordedTurn | undefined,
): Promise<{ readonly calls: readonly PlacedCall[]; readonly answers: readonly ToolCall[] }> => {
  const calls: PlacedCall[] = [];
  const answers: ToolCall[] = [];
  for (const [index, call] of turn.toolCalls.entries()) {
    const planned = recorded?.classes.get(index);
    const isAnswer = recorded === undefined ? talk.answer !== undefined : planned === undefined;
    if (call.tool === 'output' && isAnswer) answers.push(call);
    else calls.push({ ...call, index, class: planned ?? (await talk.offer()).classOf(call.tool) });
  }
  return { calls, answers };
};

/** Counts a turn; what is thrown when a limit, or the provider, ends the step with it. */
const count = (
  budget: Budget,
  turn: Turn,
  calls: readonly PlacedCall[],
  isRecorded: boolean,
): { readonly thrown: unknown } | undefined => {
  try {
    budget.afterTurn(turn, isRecorded);
    if (turn.finishReason === 'content_filter') {
      throw new DomainError('unprocessable', "the provider's content filter withheld the answer");
    }
    budget.beforeToolCalls(calls.length);
    return undefined;
  } catch (thrown) {
    return { thrown };
  }
};

/** With a schema the answers are judged; a text in place of one is no answer. */
const judge = (talk: Conversation, turn: Turn, answers: readonly ToolCall[]): readonly JudgedAnswer[] => {
  const { answer } = talk;
  return answer === undefined ? [textAnswer(talk, turn)] : answers.map((call) => answer.judge(call.input));
};

/** Messages that came while the agent made its last turn. One that insists on nothing is not worth failing at a limit for. */
const readBeforeEnd = ({ inbox, budget }: Conversation, hadEnded: boolean): readonly UserMessage[] => {
  if (inbox === undefined) return [];
  if (!inbox.mustRead()) {
    try {
      budget.beforeTurn();
    } catch {
      return [];
    }
  }
  return inbox.readBeforeEnd(hadEnded);
};

/** Deeper than any tool or schema asks for, and far from what ends the stack of those who read it. */
const maxInputDepth = 64;

/** A call whose input is nested beyond all reason keeps its place; what it says is dropped, and its tool will complain. */
const boundedTurn = (answered: SaidAndAnswered): SaidAndAnswered =>
  answered.turn.toolCalls.some(({ input }) => isDeeperThan(input, maxInputDepth))
    ? {
        ...answered,
        turn: {
          ...answered.turn,
          toolCalls: answered.turn.toolCalls.map((call) =>
            isDeeperThan(call.input, maxInputDepth)
              ? { ...call, input: { malformed_input: 'nested too deeply' } }
              : call,
          ),
        },
      }
    : answered;

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
  if (!judged.ok) throw wrongAnswer([judged]);
  talk.budget.beforeOutput(judged.bytes);
  return judged.outputs;
};
