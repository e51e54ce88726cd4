// Answers tool calls from a record.
// P1 Each recorded call of a tool with an input answers once, in the order of the record; after the last, the last answers again.
// P2 What an attempt before this one was answered counts as answered, so that a resumed attempt hears the same.
import { canonicalJson, type JsonValue, type Playback, unrecordedTools } from '@skein/domain';
import type { RecordedResult } from '../resume/history.ts';
import { objectOf } from '../tools/input-fields.ts';
import { cleanJson } from '../turn/clean-json.ts';

/** The record of one attempt, which all its agents share. */
export interface Player {
  readonly mode: Playback['mode'];
  /** Calls that were not in the record until now. */
  readonly diverged: number;
  /** Names of the recorded tools, each once. */
  readonly tools: readonly string[];
  /** The next answer to this call; undefined, and counted, when the record holds no such call. */
  next(tool: string, input: JsonValue): RecordedResult | undefined;
  /** A call that an attempt before this one has the result of (P2). */
  passOver(tool: string, input: JsonValue, result: RecordedResult): void;
}

/** Code of the result that a call gets which is not in the record. */
const notInRecord = 'not_in_record';

/** What the model is told about a call that is not in the record. */
export const notInTheRecord: RecordedResult = {
  output: {
    error: notInRecord,
    message: 'not in the record: tool calls are answered from a recorded run, which made no such call',
  },
  isError: true,
};

/** Whether the tool needs nothing but the version itself. */
export const isUnrecorded = (tool: string): boolean => unrecordedTools.includes(tool);

interface Answers {
  readonly results: RecordedResult[];
  given: number;
}

const keyOf = (tool: string, input: string): string => JSON.stringify([tool, input]);

/** A player at the beginning of its record. */
export const createPlayer = ({ mode, calls }: Playback): Player => {
  const answers = new Map<string, Answers>();
  for (const { tool, input, output, isError } of calls) {
    const key = keyOf(tool, input);
    const known = answers.get(key);
    if (known === undefined) answers.set(key, { results: [{ output, isError }], given: 0 });
    else known.results.push({ output, isError });
  }
  let diverged = 0;
  const take = (tool: string, input: JsonValue): RecordedResult | undefined => {
    const found = answers.get(keyOf(tool, canonicalJson(cleanJson(input))));
    if (found === undefined) return undefined;
    const place = Math.min(found.given, found.results.length - 1);
    found.given += 1;
    return found.results[place];
  };
  return {
    mode,
    get diverged() {
      return diverged;
    },
    tools: [...new Set(calls.map(({ tool }) => tool))],
    next: (tool, input) => {
      const result = take(tool, input);
      if (result === undefined) diverged += 1;
      return result;
    },
    passOver: (tool, input, { output, isError }) => {
      if (isUnrecorded(tool) || take(tool, input) !== undefined) return;
      const error = isError ? objectOf(output)?.['error'] : undefined;
      if (mode === 'live' ? error !== 'permission_denied' : error === notInRecord) diverged += 1;
    },
  };
};
