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

/**
 * Counts what an agent uses and stops it at its limits. What a sub-agent uses counts for its callers too, against their limits.
 * Every method that stops throws the limit's typed failure.
 */
export interface Budget {
  /** Before a turn. Returns how many tokens the turn may still produce. */
  beforeTurn(): number;
  /** `isRecorded`: an attempt before this one made the turn. It counts against the limits all the same. */
  afterTurn(turn: Turn, isRecorded?: boolean): void;
  /** What one turn uses, with its cost. */
  usageOf(turn: Turn): Usage;
  beforeToolCalls(count: number): void;
  beforeOutput(bytes: number): void;
  repaired(): void;
  /** Calls of one turn that ended in an error, recorded ones among them. */
  toolsFailed(count: number): void;
  /** What was used until now, sub-agents included; complete also after a failure. */
  usage(): Usage;
  /** Without sub-agents, and without what attempts before this one have used. */
  paidUsage(): Usage;
  /** A budget inside this one, of an agent that this one's agent called. */
  within(limits: AgentLimits, model: ModelContent): Budget;
}

/** A fresh budget of one attempt. */
export const createBudget = (limits: AgentLimits, model: ModelContent): Budget =>
  new CountingBudget(limits, model, undefined);

interface Counts {
  turns: number;
  toolCalls: number;
  inputTokens: number;
  outputTokens: number;
  schemaRepairs: number;
  toolErrors: number;
}

const noCounts = (): Counts => ({
  turns: 0,
  toolCalls: 0,
  inputTokens: 0,
  outputTokens: 0,
  schemaRepairs: 0,
  toolErrors: 0,
});

const addTurn = (counts: Counts, { usage }: Turn): void => {
  counts.turns += 1;
  counts.inputTokens += count(usage.inputTokens);
  counts.outputTokens += count(usage.outputTokens);
};

class CountingBudget implements Budget {
  readonly #limits: AgentLimits;
  readonly #model: ModelContent;
  readonly #caller: CountingBudget | undefined;
  readonly #called: CountingBudget[] = [];
  readonly #own: Counts = noCounts();
  /** Of `#own`: what this attempt has used. */
  readonly #paid: Counts = noCounts();

  constructor(limits: AgentLimits, model: ModelContent, caller: CountingBudget | undefined) {
    this.#limits = limits;
    this.#model = model;
    this.#caller = caller;
  }

  within(limits: AgentLimits, model: ModelContent): Budget {
    const budget = new CountingBudget(limits, model, this);
    this.#called.push(budget);
    return budget;
  }

  beforeTurn(): number {
    const { maxTurns, maxTokens } = this.#limits;
    const { turns, inputTokens, outputTokens } = this.usage();
    if (turns >= maxTurns) throw limitReached('turns', maxTurns, turns);
    const left = maxTokens - inputTokens - outputTokens;
    if (left <= 0) throw limitReached('tokens', maxTokens, inputTokens + outputTokens);
    return Math.min(left, this.#caller?.beforeTurn() ?? left);
  }

  afterTurn(turn: Turn, isRecorded = false): void {
    addTurn(this.#own, turn);
    if (!isRecorded) addTurn(this.#paid, turn);
    this.checkTokens();
  }

  usageOf(turn: Turn): Usage {
    const counts = noCounts();
    addTurn(counts, turn);
    return this.priced(counts);
  }

  beforeToolCalls(calls: number): void {
    this.checkToolCalls(calls);
    this.#own.toolCalls += calls;
  }

  beforeOutput(bytes: number): void {
    const { maxOutputBytes } = this.#limits;
    if (bytes > maxOutputBytes) throw limitReached('output_bytes', maxOutputBytes, bytes);
  }

  repaired(): void {
    this.#own.schemaRepairs += 1;
  }

  toolsFailed(calls: number): void {
    this.#own.toolErrors += calls;
  }

  paidUsage(): Usage {
    return this.priced(this.#paid);
  }

  usage(): Usage {
    return this.#called.map((budget) => budget.usage()).reduce(sum, this.priced(this.#own));
  }

  private priced(counts: Counts): Usage {
    const costUsd = costOf(this.#model, counts.inputTokens, counts.outputTokens);
    return { ...counts, ...(costUsd === undefined ? {} : { costUsd }), model: nameOf(this.#model) };
  }

  private checkTokens(): void {
    const { inputTokens, outputTokens } = this.usage();
    const used = inputTokens + outputTokens;
    if (used > this.#limits.maxTokens) throw limitReached('tokens', this.#limits.maxTokens, used);
    this.#caller?.checkTokens();
  }

  private checkToolCalls(calls: number): void {
    const { maxToolCalls } = this.#limits;
    const wanted = this.usage().toolCalls + calls;
    if (wanted > maxToolCalls) throw limitReached('tool_calls', maxToolCalls, wanted);
    this.#caller?.checkToolCalls(calls);
  }
}

/** The first one's model stands for both; a cost is known only when both are. */
const sum = ({ costUsd, ...one }: Usage, other: Usage): Usage => ({
  ...one,
  turns: one.turns + other.turns,
  toolCalls: one.toolCalls + other.toolCalls,
  inputTokens: one.inputTokens + other.inputTokens,
  outputTokens: one.outputTokens + other.outputTokens,
  schemaRepairs: one.schemaRepairs + other.schemaRepairs,
  toolErrors: (one.toolErrors ?? 0) + (other.toolErrors ?? 0),
  ...(costUsd === undefined || other.costUsd === undefined ? {} : { costUsd: nanoDollars(costUsd + other.costUsd) }),
});

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

const nanoDollars = (dollars: number): number => Math.round(dollars * 1e9) / 1e9;
