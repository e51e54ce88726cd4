import type { Model, Turn, TurnRequest } from '@skein/ports';

/** What a scripted model does in one turn: answers, or throws what is not a turn. */
export type ScriptedTurn =
  | Partial<Turn>
  | Error
  | ((request: TurnRequest, signal: AbortSignal) => Promise<Partial<Turn>> | Partial<Turn>);

/** A model that plays a script, and the requests that it got. */
export interface ScriptedModel extends Model {
  readonly requests: readonly TurnRequest[];
}

/** Plays the turns in order; past the end it repeats the last one. Text is streamed in two pieces. */
export const createScriptedModel = (script: readonly ScriptedTurn[]): ScriptedModel => {
  const requests: TurnRequest[] = [];
  return {
    requests,
    turn: async (request, onText, signal) => {
      const play = script[Math.min(requests.length, script.length - 1)] ?? {};
      requests.push(request);
      if (play instanceof Error) throw play;
      const part = typeof play === 'function' ? await play(request, signal) : play;
      const text = part.text ?? '';
      const half = Math.floor(text.length / 2);
      for (const piece of [text.slice(0, half), text.slice(half)]) if (piece !== '') onText(piece);
      return {
        text,
        toolCalls: part.toolCalls ?? [],
        finishReason: part.finishReason ?? ((part.toolCalls?.length ?? 0) > 0 ? 'tool_calls' : 'stop'),
        usage: part.usage ?? { inputTokens: 10, outputTokens: 5 },
      };
    },
  };
};
