import { type AgentLimits, DomainError, type ModelContent, type Usage } from '@skein/domain';
import type { Turn } from '@skein/ports';

/** The limits that an agent step can hit, as `details.limit` names them. */
export type LimitName = 'turns' | 'tokens' | 'tool_calls' | 'output_bytes' | 'wall_time';

/** The typed failure of a limit. */
export const limitReached = (limit: LimitName, max: number, used?: number): DomainError => {
  const details = { limit, max, ...(used === undefined ? {} : { used }) };
  const message = `the agent step reached its limit: ${limitWords[limit]} (at most ${max})`;
  return limit === 'wall_time'
    ? new DomainError('deadline_exceeded', message, details)
    : new DomainError('resource_exhausted', message, details);
};

const limitWords: { readonly [limit in LimitName]: string } = {
  turns: 'turns',
  tokens: 'tokens',
  tool_calls: 'tool calls',
  output_bytes: 'bytes of output',
  wall_time: 'milliseconds of wall time',
};

/** Counts what an attempt uses and stops it at its limits. Every method throws the limit's typed failure. */
export interface Budget {
  /** Before a turn. Returns how many tokens the turn may still produce. */
  beforeTurn(): number;
  afterTurn(turn: Turn): void;
  beforeToolCalls(count: number): void;
  beforeOutput(bytes: number): void;
  repaired(): void;
  /** What was used until now; complete also after a failure. */
  usage(): Usage;
}

/** A fresh budget of one attempt. */
export const createBudget = (limits: AgentLimits, model: ModelContent): Budget => {
  let turns = 0;
  let toolCalls = 0;
  let inputTokens = 0;
  let outputTokens = 0;
  let schemaRepairs = 0;
  return {
    beforeTurn: () => {
      if (turns >= limits.maxTurns) throw limitReached('turns', limits.maxTurns, turns);
      const left = limits.maxTokens - inputTokens - outputTokens;
      if (left <= 0) throw limitReached('tokens', limits.maxTokens, inputTokens + outputTokens);
      return left;
    },
    afterTurn: (turn) => {
      turns += 1;
      inputTokens += count(turn.usage.inputTokens);
      outputTokens += count(turn.usage.outputTokens);
      const used = inputTokens + outputTokens;
      if (used > limits.maxTokens) throw limitReached('tokens', limits.maxTokens, used);
    },
    beforeToolCalls: (calls) => {
      if (toolCalls + calls > limits.maxToolCalls) {
        throw limitReached('tool_calls', limits.maxToolCalls, toolCalls + calls);
      }
      toolCalls += calls;
    },
    beforeOutput: (bytes) => {
      if (bytes > limits.maxOutputBytes) throw limitReached('output_bytes', limits.maxOutputBytes, bytes);
    },
    repaired: () => {
      schemaRepairs += 1;
    },
    usage: () => {
      const costUsd = costOf(model, inputTokens, outputTokens);
      return {
        turns,
        toolCalls,
        inputTokens,
        outputTokens,
        schemaRepairs,
        ...(costUsd === undefined ? {} : { costUsd }),
        model: nameOf(model),
      };
    },
  };
};

/** `provider/model`; a model that is named so already keeps its name. */
const nameOf = ({ provider, model }: ModelContent): string =>
  model.startsWith(`${provider}/`) ? model : `${provider}/${model}`;

/** A provider that reports nonsense must not lift the limit. */
const count = (tokens: number): number => (Number.isFinite(tokens) && tokens > 0 ? Math.ceil(tokens) : 0);

/** Dollars from the model's prices; absent when they are unknown, never 0. */
const costOf = ({ prices }: ModelContent, input: number, output: number): number | undefined =>
  prices === undefined
    ? undefined
    : Math.round((input * prices.inputPerMillion + output * prices.outputPerMillion) * 1e3) / 1e9;
