import type { JsonSchema, JsonValue, ToolsContent } from '@skein/domain';
import type {
  Clock,
  ExecutionResult,
  Log,
  Meter,
  Model,
  StepExecutor,
  ToolHost,
  ToolServers,
  Turn,
  TurnRequest,
} from '@skein/ports';
import { FakeClock } from '../fake-clock.ts';
import { createMemoryLog } from '../memory-log.ts';
import { type AgentContextChanges, agentContextOf } from './agent-context.ts';
import { type AgentParts, agentStoresOf } from './agent-stores-of.ts';
import { createKillPoints, type KillPoints } from './kill-points.ts';
import { createMemoryStep, type MemoryAttemptFaults, type MemoryStep } from './memory-step.ts';
import { createMemoryToolHost } from './memory-tool-host.ts';

/** What an agent executor is made from. */
export interface CrashWorldDeps {
  readonly model: Model;
  readonly toolHost: ToolHost;
  readonly toolServers: ToolServers;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
}

/** What a model says, by how many turns of its script the transcript holds. */
export type TranscriptScript = (
  request: TurnRequest,
  turn: number,
  signal: AbortSignal,
) => Promise<Partial<Turn>> | Partial<Turn>;

/** What differs between worlds. */
export interface CrashWorldChanges {
  readonly parts: AgentParts;
  /** By the name of the model. A turn with a `reply` call is none of the script. */
  readonly scripts: { readonly [model: string]: TranscriptScript };
  readonly context?: AgentContextChanges;
  /** Characters of JSON that stay in an entry. */
  readonly inlineLimit?: number;
}

/** One thing that a tool did to the world outside. */
export interface Effect {
  readonly tool: string;
  readonly key: string | undefined;
  readonly input: JsonValue;
}

/** An attempt that ended or died. */
export interface CrashedAttempt {
  readonly result: ExecutionResult | undefined;
  readonly kill: KillPoints;
  readonly requests: readonly TurnRequest[];
  readonly effects: readonly Effect[];
  readonly logged: string;
  /** Paths and texts in the private directory when it ended. */
  readonly files: ReadonlyMap<string, string>;
  /** Timers that it left behind. */
  readonly pending: number;
  /** Lines of the worker's log that say `error`. */
  readonly errors: number;
}

/**
 * The world around the attempts of one agent step: what is durable, what its effects did, and attempts that die at any await. Commands
 * `check` (exit 0 when something was done with the key, else 1) and the server tool `shop__find` say what became of an effect;
 * every other command, and `shop__order`, is one.
 */
export interface CrashWorld {
  readonly step: MemoryStep;
  /** In the order in which they were done. */
  readonly effects: readonly Effect[];
  attempt(kill?: KillPoints, faults?: Omit<MemoryAttemptFaults, 'kill'>): Promise<CrashedAttempt>;
}

/** A world in which nothing has happened. */
export const createCrashWorld = (
  createExecutor: (deps: CrashWorldDeps) => StepExecutor,
  changes: CrashWorldChanges,
): CrashWorld => {
  const step = createMemoryStep(changes.inlineLimit === undefined ? {} : { inlineLimit: changes.inlineLimit });
  const effects: Effect[] = [];
  const stores = agentStoresOf(changes.parts);
  const done = (key: string | undefined) => effects.find((effect) => effect.key === key);

  const attempt: CrashWorld['attempt'] = async (kill = createKillPoints(), faults = {}) => {
    const firstEffect = effects.length;
    const files = createMemoryToolHost((command, _signal, { idempotencyKey: key }) => {
      if (command === 'check') return done(key) === undefined ? { exitCode: 1 } : { output: 'ran' };
      effects.push({ tool: 'bash', key, input: command });
      return { output: 'ran' };
    });
    const requests: TurnRequest[] = [];
    const clock = new FakeClock();
    const log = createMemoryLog();
    const { checkpoints, mailbox, workTree } = step.open(files, { ...faults, kill });
    const context = agentContextOf({ stores, checkpoints, mailbox, workTree, ...changes.context });
    const executor = createExecutor({
      model: createScriptedByTranscript(changes.scripts, requests, kill),
      toolHost: killable(files, kill),
      toolServers: createShop(effects, kill),
      clock,
      log,
      meter: { count: () => {}, gauge: () => {}, observe: () => {} },
    });
    const ended = await Promise.race([
      executor.execute(context, new AbortController().signal),
      kill.death.then(() => undefined),
    ]);
    return {
      result: kill.diedAt() === undefined ? ended : undefined,
      kill,
      requests,
      effects: effects.slice(firstEffect),
      logged: context.logged(),
      files: new Map([...files.files].map(([path, { text }]) => [path, text])),
      pending: clock.pending,
      errors: log.lines.filter(({ level }) => level === 'error').length,
    };
  };
  return { step, effects, attempt };
};

/** The server `shop`, with its definition for `ToolsContent.servers`. */
export const shopServer: ToolsContent['servers'] = {
  shop: {
    transport: { kind: 'stdio', command: 'shop', args: [], env: {} },
    secrets: [],
    startTimeoutMs: 1_000,
    callTimeoutMs: 1_000,
    maxResultBytes: 65_536,
  },
};

const createScriptedByTranscript = (
  scripts: CrashWorldChanges['scripts'],
  requests: TurnRequest[],
  kill: KillPoints,
): Model => ({
  turn: (request, onText, signal) =>
    kill.around('model', async () => {
      requests.push(request);
      const turns = request.messages.filter(
        (message) => message.role === 'assistant' && !message.toolCalls.some(({ tool }) => tool === 'reply'),
      );
      const part = (await scripts[request.model.model]?.(request, turns.length, signal)) ?? {};
      onText(part.text ?? '');
      return {
        text: '',
        toolCalls: [],
        finishReason: (part.toolCalls?.length ?? 0) > 0 ? 'tool_calls' : 'stop',
        usage: { inputTokens: 100 + turns.length, outputTokens: 7 },
        ...part,
      };
    }),
});

const killable = (files: ToolHost, kill: KillPoints): ToolHost => ({
  readFile: (...given) => kill.around('read', () => files.readFile(...given)),
  writeFile: (...given) => kill.around('write', () => files.writeFile(...given)),
  runBash: (...given) => kill.around('bash', () => files.runBash(...given)),
});

const anything: JsonSchema = { type: 'object' };

const createShop = (effects: Effect[], kill: KillPoints): ToolServers => ({
  open: (name) =>
    kill.around(`open ${name}`, () => ({
      tools: ['order', 'find'].map((tool) => ({ name: tool, description: '', inputSchema: anything })),
      call: (tool, input, _signal, key) =>
        kill.around(`call ${tool}`, () => {
          if (tool === 'order') effects.push({ tool: 'shop__order', key, input });
          const asked = (input as { readonly key?: string }).key;
          const isDone = effects.some((effect) => effect.key === asked);
          const found = isDone ? { status: 'done', output: { ordered: true } } : { status: 'not_done' };
          return { output: tool === 'order' ? { ordered: true } : found, isError: false, truncated: false };
        }),
      close: () => kill.around(`close ${name}`, () => {}),
    })),
});
