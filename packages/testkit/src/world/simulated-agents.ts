import type { Digest, JsonValue, TaskRef, TreeRef } from '@skein/domain';
import { DomainError, defaultSnapshotLimits } from '@skein/domain';
import type {
  Clock,
  ExecutionContext,
  Hasher,
  Log,
  Meter,
  Model,
  Random,
  StepExecutor,
  TaskRunner,
  ToolHost,
  Turn,
  TurnRequest,
  WorkTreeSource,
} from '@skein/ports';
import { createSnapshotOpener } from '@skein/snapshot';
import { createTaskRunner } from '@skein/worker';
import { createSeededRandom } from '../seeded-random.ts';
import type { SideEffect } from './side-effects.ts';

/** What an agent executor of a simulation is made from: `createAgentExecutor` takes it. */
export interface AgentParts {
  readonly model: Model;
  readonly toolHost: ToolHost;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly meter: Meter;
}

/** What the agent steps of one worker work with. */
export interface SimulatedAgentsDeps {
  readonly createExecutor: (parts: AgentParts) => StepExecutor;
  readonly clock: Clock;
  readonly random: Random;
  readonly hasher: Hasher;
  readonly log: Log;
  readonly meter: Meter;
  /** All that any agent of the world did. */
  readonly effects: SideEffect[];
  /** Whether this is the current lease of the step, by the log. */
  readonly isCurrent: (task: TaskRef) => boolean;
  /** Chance that a model breaks off an attempt. */
  readonly failure: number;
}

type Files = Map<string, { readonly text: string; readonly mode: number }>;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Most turns of a conversation, without those that messages add. */
const maxTurns = 4;

const workTreeOf =
  (folders: ReadonlyMap<string, Files>, hasher: Hasher): WorkTreeSource =>
  ({ root, fetchBlob, storeBlob }) => {
    let last: Digest | undefined;
    const filesOf = (): Files => folders.get(root) ?? new Map();
    return {
      capture: async (): Promise<TreeRef | undefined> => {
        const files = filesOf();
        const bytes = encoder.encode(JSON.stringify([...files].toSorted(([a], [b]) => (a < b ? -1 : 1))));
        const digest = hasher.digest(bytes);
        if (digest === last || (last === undefined && files.size === 0)) return undefined;
        last = await storeBlob(bytes);
        return { digest: last, files: files.size, bytes: bytes.length };
      },
      restore: async ({ digest }) => {
        const bytes = await fetchBlob(digest);
        if (hasher.digest(bytes) !== digest) throw new DomainError('digest_mismatch', 'the kept tree is damaged');
        const files = filesOf();
        files.clear();
        for (const [path, file] of JSON.parse(decoder.decode(bytes)) as [string, { text: string; mode: number }][])
          files.set(path, file);
        last = digest;
      },
    };
  };

/** Turn and place of a call, from its key. */
const placeOf = (key: string): { readonly turn: number; readonly index: number } => {
  const [turn = '', index = ''] = key.split(':').slice(-2);
  return { turn: Number(turn), index: Number(index) };
};

const toolHostOf = (deps: SimulatedAgentsDeps, folders: Map<string, Files>, context: ExecutionContext): ToolHost => {
  const { clock, effects } = deps;
  const { runId, step, token } = context.offer;
  const random = deps.random.fork(`tools ${runId} ${step} ${token}`);
  const did = (tool: string, key: string, isEffect: boolean): void => {
    const fenced = !deps.isCurrent(context.offer);
    effects.push({ kind: 'tool', runId, step, token, tool, key, ...placeOf(key), isEffect, fenced });
  };
  // A path names its call: `TURN-INDEX.txt`.
  const keyOfPath = (path: string): string => `${runId}:${step}:${path.replace('.txt', '').replace('-', ':')}`;
  const filesOf = (root: string): Files => {
    const files = folders.get(root) ?? new Map();
    folders.set(root, files);
    return files;
  };
  return {
    readFile: async (root, path) => {
      did('read', keyOfPath(path), false);
      await clock.sleep(random.integer(80));
      const file = filesOf(root).get(path);
      if (file === undefined) throw new DomainError('not_found', `${path} does not exist`);
      return { text: file.text, bytes: file.text.length, truncated: false, mode: file.mode };
    },
    writeFile: async (root, path, bytes, mode) => {
      did('write', keyOfPath(path), false);
      await clock.sleep(random.integer(80));
      filesOf(root).set(path, { text: decoder.decode(bytes), mode });
    },
    runBash: async (root, { command, idempotencyKey: key = '' }, signal) => {
      const done = effects.some((effect) => effect.isEffect && effect.key === key);
      const ended = { output: 'done', truncated: false, timedOut: false };
      if (command === 'check') return { ...ended, exitCode: done ? 0 : 1 };
      await clock.sleep(random.integer(200), signal);
      did('bash', key, true);
      filesOf(root).set(`${placeOf(key).turn}.log`, { text: key, mode: 0o644 });
      await clock.sleep(random.integer(200), signal);
      return { ...ended, exitCode: 0 };
    },
  };
};

const usage = { inputTokens: 10, outputTokens: 5 };

/** What the model says next. The same transcript gets the same answer in every attempt. */
const answerOf = (
  { runId, step, round = 0 }: ExecutionContext['offer'],
  request: TurnRequest,
  turn: number,
): Omit<Turn, 'usage'> => {
  const random = createSeededRandom(`${runId} ${step} ${round} ${turn}`);
  const last = request.messages.findLast((message) => message.role === 'user');
  const asked = /\[message (\S+) from/.exec(last?.text ?? '')?.[1];
  if (asked !== undefined && request.tools.some(({ name }) => name === 'reply') && random.next() < 0.7) {
    const input: JsonValue = { message_id: asked, text: `heard in turn ${turn}` };
    return { text: '', toolCalls: [{ callId: `${turn}-0`, tool: 'reply', input }], finishReason: 'tool_calls' };
  }
  const length = 1 + createSeededRandom(`${runId} ${step} ${round}`).integer(maxTurns);
  if (turn >= length) return { text: `an answer in turn ${turn}`, toolCalls: [], finishReason: 'stop' };
  const calls = Array.from({ length: 1 + random.integer(3) }, (_, index) => {
    const path = `${turn}-${index}.txt`;
    const draw = random.next();
    const call: { readonly tool: string; readonly input: JsonValue } =
      draw < 0.4
        ? { tool: 'bash', input: { command: `order ${turn} ${index}` } }
        : draw < 0.6
          ? { tool: 'write', input: { path, content: 'x'.repeat(draw < 0.43 ? 20_000 : 20) } }
          : draw < 0.9
            ? { tool: 'read', input: { path } }
            : { tool: 'think', input: { thought: 'hm' } };
    return { callId: `${turn}-${index}`, ...call };
  });
  return { text: `turn ${turn}`, toolCalls: calls, finishReason: 'tool_calls' };
};

const modelOf = (
  { clock, effects, random: source, failure }: SimulatedAgentsDeps,
  context: ExecutionContext,
): Model => {
  const { runId, step, token } = context.offer;
  const random = source.fork(`model ${runId} ${step} ${token}`);
  return {
    turn: async (request, onText, signal) => {
      const turn = request.messages.filter(({ role }) => role === 'assistant').length + 1;
      const key = `${runId}:${step}:${turn}`;
      effects.push({ kind: 'model', runId, step, token, tool: '', key, turn, index: 0, isEffect: false });
      await clock.sleep(20 + random.integer(400), signal);
      if (random.next() < failure / maxTurns) throw new DomainError('invalid_argument', 'the model broke by chance');
      const answer = answerOf(context.offer, request, turn);
      onText(answer.text);
      return { ...answer, usage };
    },
  };
};

/** The real task runner with the real agent executor, on a model that plays dice and files in memory. */
export const createAgentRunner = (deps: SimulatedAgentsDeps): TaskRunner => {
  const { createExecutor, clock, random, hasher, log, meter } = deps;
  const folders = new Map<string, Files>();
  let created = 0;
  const executor: StepExecutor = {
    kinds: ['agent'],
    execute: async (context, signal) => {
      const model = modelOf(deps, context);
      const toolHost = toolHostOf(deps, folders, context);
      const result = await createExecutor({ model, toolHost, clock, random, log, meter }).execute(context, signal);
      // What later steps refer to.
      return result.outcome.status === 'succeeded'
        ? { ...result, outputs: { ...result.outputs, value: 'value', list: ['a', 'b'] } }
        : result;
    },
  };
  return createTaskRunner({
    executors: [executor],
    snapshots: createSnapshotOpener({ hasher, limits: defaultSnapshotLimits, maxCacheBytes: 1_000_000 }),
    workDirs: {
      create: async () => {
        created += 1;
        folders.set(`/${created}`, new Map());
        return `/${created}`;
      },
      remove: async (path) => void folders.delete(path),
    },
    hasher,
    patterns: { compile: (source) => new RegExp(source, 'u') },
    secretValues: { read: async () => undefined },
    clock,
    log,
    workTrees: workTreeOf(folders, hasher),
  });
};
