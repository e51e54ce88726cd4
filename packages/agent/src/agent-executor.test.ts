import type { JsonSchema, JsonValue } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { ToolCall } from '@skein/ports';
import {
  type AgentContextChanges,
  type AgentParts,
  agentContextOf,
  agentStoresOf,
  createMemoryLog,
  createMemoryToolHost,
  createScriptedModel,
  FakeClock,
  type ScriptedTurn,
} from '@skein/testkit';
import { describe, expect, test } from 'vitest';
import { createAgentExecutor } from './agent-executor.ts';

const call = (tool: string, input: JsonValue, callId = `call-${tool}`): ToolCall => ({ callId, tool, input });
const answer = (input: JsonValue): ScriptedTurn => ({ toolCalls: [call('output', input)] });
const colour: JsonSchema = {
  type: 'object',
  properties: { colour: { enum: ['red', 'blue'] } },
  required: ['colour'],
  additionalProperties: false,
};
const tools = (...allow: string[]) => ({ tools: { allow } });

interface World {
  readonly parts?: AgentParts;
  readonly context?: AgentContextChanges;
  readonly signal?: AbortSignal;
  readonly toolHost?: ReturnType<typeof createMemoryToolHost>;
}

const setUp = (script: readonly ScriptedTurn[], world: World = {}) => {
  const model = createScriptedModel(script);
  const toolHost = world.toolHost ?? createMemoryToolHost();
  const clock = new FakeClock();
  const log = createMemoryLog();
  const counts: string[] = [];
  const meter = {
    count: (name: string, by = 1, labels: object = {}) => counts.push(`${name} ${by} ${JSON.stringify(labels)}`),
    gauge: () => {},
    observe: () => {},
  };
  const context = agentContextOf({ stores: agentStoresOf(world.parts ?? {}), ...world.context });
  const executor = createAgentExecutor({ model, toolHost, clock, log, meter });
  const run = () => executor.execute(context, world.signal ?? new AbortController().signal);
  return { model, toolHost, clock, log, counts, context, run };
};

const failure = (code: string, details: object = {}) => ({
  status: 'failed',
  error: expect.objectContaining({
    code,
    ...(Object.keys(details).length > 0 ? { details: expect.objectContaining(details) } : {}),
  }),
});

describe('an answer', () => {
  test('without a schema the last text is the output', async () => {
    const { run, context } = setUp([{ text: 'All good.' }]);
    expect(await run()).toEqual({
      outcome: { status: 'succeeded' },
      outputs: { text: 'All good.' },
      usage: {
        turns: 1,
        toolCalls: 0,
        inputTokens: 10,
        outputTokens: 5,
        schemaRepairs: 0,
        toolErrors: 0,
        model: 'offline/rules-1',
      },
    });
    expect(context.startedCount()).toBe(1);
    expect(context.logged()).toBe('All good.\n');
  });

  test('with a schema the object of the output tool is the output', async () => {
    const { run, model } = setUp([answer({ colour: 'red' })], { context: { action: { outputSchema: colour } } });
    expect(await run()).toMatchObject({ outcome: { status: 'succeeded' }, outputs: { colour: 'red' } });
    expect(model.requests[0]?.tools).toEqual([expect.objectContaining({ name: 'output', inputSchema: colour })]);
  });

  test("the step's schema wins over the agent's", async () => {
    const { run } = setUp([answer({ colour: 'red' })], {
      parts: { agent: { outputSchema: { type: 'object', required: ['size'] } } },
      context: { action: { outputSchema: colour } },
    });
    expect((await run()).outcome).toEqual({ status: 'succeeded' });
  });

  test('a schema of another type is answered as `result`', async () => {
    const schema: JsonSchema = { type: 'array', items: { $ref: '#/$defs/n' }, $defs: { n: { type: 'integer' } } };
    const { run } = setUp([answer({ result: ['x'] }), answer({ result: [1, 2] })], {
      context: { action: { outputSchema: schema } },
    });
    expect(await run()).toMatchObject({ outputs: { result: [1, 2] }, usage: { schemaRepairs: 1 } });
  });

  test('a wrong answer goes back with its problems and may be repaired twice', async () => {
    const { run, model } = setUp([answer({ colour: 'green' }), answer({ color: 'red' }), answer({ colour: 'blue' })], {
      context: { action: { outputSchema: colour } },
    });
    expect(await run()).toMatchObject({ outputs: { colour: 'blue' }, usage: { turns: 3, schemaRepairs: 2 } });
    expect(JSON.stringify(model.requests[1]?.messages.at(-1))).toContain(
      '/colour must be equal to one of the allowed values',
    );
  });

  test('an answer nested beyond all reason is a wrong answer like any other', async () => {
    let deep: JsonValue = 'x';
    for (let level = 0; level < 100_000; level += 1) deep = [deep];
    const { run } = setUp([answer({ colour: deep }), answer({ colour: 'red' })], {
      context: { action: { outputSchema: colour } },
    });
    expect(await run()).toMatchObject({ outputs: { colour: 'red' }, usage: { schemaRepairs: 1 } });
  });

  test('a third wrong answer fails the attempt, with usage', async () => {
    const { run } = setUp([answer({ colour: 'green' })], { context: { action: { outputSchema: colour } } });
    expect(await run()).toMatchObject({
      outcome: failure('unprocessable', { reason: 'output_schema' }),
      outputs: {},
      usage: { turns: 3, schemaRepairs: 2, inputTokens: 30 },
    });
  });

  test('text in place of a required answer counts as a failed answer', async () => {
    const { run, model } = setUp([{ text: '{"colour":"red"}' }, answer({ colour: 'red' })], {
      context: { action: { outputSchema: colour } },
    });
    expect(await run()).toMatchObject({ outputs: { colour: 'red' }, usage: { schemaRepairs: 1 } });
    expect(model.requests[1]?.messages.at(-1)).toMatchObject({ role: 'user' });
  });

  test('other calls of the answering turn are run before the step ends', async () => {
    const { run, toolHost } = setUp(
      [{ toolCalls: [call('output', { colour: 'red' }), call('write', { path: 'a', content: 'x' })] }],
      { parts: tools('write'), context: { action: { outputSchema: colour } } },
    );
    expect((await run()).outputs).toEqual({ colour: 'red' });
    expect([...toolHost.files.keys()]).toEqual(['a']);
  });

  test('NUL and lone surrogates are cleaned from the answer', async () => {
    const { run } = setUp([{ text: 'a\u0000b\ud800c' }]);
    expect((await run()).outputs).toEqual({ text: 'ab\ufffdc' });
  });

  test('a schema that cannot be compiled fails before any turn', async () => {
    const { run, model, context } = setUp([{}], { context: { action: { outputSchema: { type: 'nonsense' } } } });
    expect((await run()).outcome).toMatchObject(failure('invalid_argument'));
    expect([model.requests.length, context.startedCount()]).toEqual([0, 0]);
  });
});

describe('limits', () => {
  const reading: ScriptedTurn = {
    toolCalls: [call('read', { path: 'a' })],
    usage: { inputTokens: 40, outputTokens: 10 },
  };
  const limited = (limits: object, script: readonly ScriptedTurn[] = [reading]) =>
    setUp(script, { parts: { ...tools('read'), agent: { limits } } });

  test('turns', async () => {
    const result = await limited({ maxTurns: 3 }).run();
    expect(result).toMatchObject({
      outcome: failure('resource_exhausted', { limit: 'turns', max: 3 }),
      usage: { turns: 3 },
    });
  });

  test('tokens', async () => {
    const { run, model } = limited({ maxTokens: 120 });
    expect(await run()).toMatchObject({
      outcome: failure('resource_exhausted', { limit: 'tokens', used: 150 }),
      usage: { inputTokens: 120, outputTokens: 30 },
    });
    expect(model.requests.map((request) => request.maxOutputTokens)).toEqual([120, 70, 20]);
  });

  test('tool calls, counted before they run', async () => {
    const result = await limited({ maxToolCalls: 1 }, [
      { toolCalls: [call('read', { path: 'a' }), call('read', { path: 'b' }, 'second')] },
    ]).run();
    expect(result).toMatchObject({
      outcome: failure('resource_exhausted', { limit: 'tool_calls' }),
      usage: { toolCalls: 0 },
    });
  });

  test('bytes of output', async () => {
    const result = await limited({ maxOutputBytes: 20 }, [{ text: 'x'.repeat(30) }]).run();
    expect(result).toMatchObject({ outcome: failure('resource_exhausted', { limit: 'output_bytes', used: 41 }) });
  });

  test('wall time, also when the model never answers', async () => {
    const { run, clock } = limited({ timeoutMs: 5_000 }, [() => new Promise(() => {})]);
    const running = run();
    await clock.advance(5_000);
    expect((await running).outcome).toMatchObject(failure('deadline_exceeded', { limit: 'wall_time', max: 5_000 }));
    expect(clock.pending).toBe(0);
  });

  test('a turn is bounded by what the model may write, or by what is left when that is little', async () => {
    const bounds = async (model: object, maxTokens: number) => {
      const { run, model: scripted } = setUp([{ text: 'ok' }], { parts: { model, agent: { limits: { maxTokens } } } });
      await run();
      return scripted.requests[0]?.maxOutputTokens;
    };
    expect(await bounds({ maxOutputTokens: 500 }, 200_000)).toBe(500);
    expect(await bounds({ maxOutputTokens: 500 }, 100)).toBe(100);
    expect(await bounds({}, 200_000)).toBeUndefined();
    expect(await bounds({}, 100)).toBe(100);
  });

  test("the step's limits win over the agent's", async () => {
    const { run } = setUp([reading], {
      parts: { ...tools('read'), agent: { limits: { maxTurns: 9 } } },
      context: { action: { limits: { maxTurns: 2 } } },
    });
    expect((await run()).usage?.turns).toBe(2);
  });

  test('a text answer that was cut by the provider is no answer', async () => {
    const { run } = setUp([{ text: 'half of', finishReason: 'length' }]);
    expect((await run()).outcome).toMatchObject(failure('resource_exhausted', { limit: 'tokens' }));
  });
});

test('the name of a model that holds its provider is not doubled', async () => {
  const { run } = setUp([{ text: 'ok' }], { parts: { model: { model: 'offline/rules-1' } } });
  expect((await run()).usage?.model).toBe('offline/rules-1');
});

describe('cost', () => {
  test('comes from the prices of the model', async () => {
    const { run } = setUp([{ text: 'ok', usage: { inputTokens: 1_000, outputTokens: 200 } }], {
      parts: { model: { prices: { inputPerMillion: 3, outputPerMillion: 15 } } },
    });
    expect((await run()).usage?.costUsd).toBe(0.006);
  });

  test('is absent when prices are unknown', async () => {
    expect((await setUp([{ text: 'ok' }]).run()).usage).not.toHaveProperty('costUsd');
  });
});

describe('a failing provider', () => {
  const busy = new DomainError('resource_exhausted', 'slow down', { retryAfterMs: 7_000 });
  const down = new DomainError('unavailable', 'down', {});

  test('is asked again after its own hint', async () => {
    const { run, clock, model } = setUp([busy, { text: 'ok' }]);
    const running = run();
    await clock.advance(6_999);
    expect(model.requests).toHaveLength(1);
    await clock.advance(1);
    expect(await running).toMatchObject({ outputs: { text: 'ok' }, usage: { turns: 1 } });
  });

  test('is asked at most twice more in one step', async () => {
    const { run, clock, model } = setUp([down]);
    const running = run();
    await clock.advance(60_000);
    expect((await running).outcome).toMatchObject(failure('unavailable'));
    expect(model.requests).toHaveLength(3);
  });

  test('is not waited for beyond the wall time', async () => {
    const { run, model } = setUp([busy], { context: { action: { limits: { timeoutMs: 5_000 } } } });
    expect((await run()).outcome).toMatchObject(failure('resource_exhausted'));
    expect(model.requests).toHaveLength(1);
  });

  test.each(['unauthenticated', 'invalid_argument', 'deadline_exceeded'] as const)('%s fails at once', async (code) => {
    const { run, model } = setUp([new DomainError(code, 'no', {})]);
    expect((await run()).outcome).toMatchObject(failure(code));
    expect(model.requests).toHaveLength(1);
  });

  test('a bug in it becomes internal without its message, and is logged once', async () => {
    const { run, log } = setUp([new TypeError('secret detail')]);
    expect((await run()).outcome).toEqual({ status: 'failed', error: { code: 'internal', message: 'internal error' } });
    expect(log.lines.filter((line) => line.level === 'error')).toHaveLength(1);
  });
});

describe('abort', () => {
  test('in the middle of a turn is cancelled, with usage', async () => {
    const controller = new AbortController();
    const { run, clock } = setUp([() => new Promise(() => {})], { signal: controller.signal });
    const running = run();
    await clock.settle();
    controller.abort(new DomainError('cancelled', 'run cancelled'));
    expect(await running).toMatchObject({ outcome: { status: 'cancelled' }, outputs: {}, usage: { turns: 0 } });
    expect(clock.pending).toBe(0);
  });

  test('by a deadline of the step fails with that deadline', async () => {
    const controller = new AbortController();
    controller.abort(new DomainError('deadline_exceeded', 'step timed out'));
    const { run } = setUp([{}], { signal: controller.signal });
    expect((await run()).outcome).toMatchObject(failure('deadline_exceeded'));
  });

  test('waits for a running command to be gone', async () => {
    const controller = new AbortController();
    let gone = false;
    const toolHost = createMemoryToolHost(async (_command, signal) => {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      gone = true;
      throw signal.reason;
    });
    const { run, clock } = setUp([{ toolCalls: [call('bash', { command: 'sleep 9' })] }], {
      parts: { tools: { allow: ['bash'], bash: { allow: ['sleep .*'], deny: [] } } },
      signal: controller.signal,
      toolHost,
    });
    const running = run();
    await clock.settle();
    controller.abort(new DomainError('cancelled', 'stop'));
    expect((await running).outcome).toEqual({ status: 'cancelled' });
    expect(gone).toBe(true);
  });
});

describe('the snapshot', () => {
  test('is required: without stores nothing runs', async () => {
    const { model, toolHost, clock, log } = setUp([{}]);
    const executor = createAgentExecutor({
      model,
      toolHost,
      clock,
      log,
      meter: { count: () => {}, gauge: () => {}, observe: () => {} },
    });
    const result = await executor.execute(agentContextOf(), new AbortController().signal);
    expect(result.outcome).toMatchObject(failure('snapshot_invalid', { reason: 'missing_snapshot' }));
    expect(model.requests).toHaveLength(0);
  });

  test('that lacks the agent fails the attempt', async () => {
    const { run } = setUp([{}], { context: { action: { agent: 'stranger' } } });
    expect((await run()).outcome).toMatchObject(failure('not_found'));
  });
});

describe('memory', () => {
  const memory = ['agent/other', 'agent/helper', 'dag/other', 'dag/demo', 'global'].map((scope) => ({
    scope,
    revision: 2,
    text: `notes of ${scope}`,
  }));
  const systemWith = async (access: { read: boolean; propose: boolean }) => {
    const { run, model } = setUp([{ text: 'ok' }], { parts: { memory }, context: { action: { memory: access } } });
    await run();
    return model.requests[0]?.system ?? '';
  };

  test('a step sees the global notes, its DAG and its agent, and nothing of others', async () => {
    const system = await systemWith({ read: true, propose: false });
    expect(system.match(/^\| .*$/gm)).toEqual(['| notes of global', '| notes of dag/demo', '| notes of agent/helper']);
    expect(system).toContain('Memory is read-only');
    expect(system).not.toContain('/private');
  });

  test('a step that did not opt in sees none', async () => {
    expect(await systemWith({ read: false, propose: true })).not.toContain('notes of');
  });
});

test('the model gets the reader of secrets that the task has', async () => {
  const { run, model } = setUp([{ text: 'ok' }], { context: { secrets: { KEY: 'value' } } });
  await run();
  expect(await model.requests[0]?.readSecret?.('KEY')).toBe('value');
});

test('what a reviewer said is in the system text of a step that was sent back', async () => {
  const feedback = { by: 'ada', text: 'too long', round: 1 };
  const { run, model } = setUp([{ text: 'ok' }], { context: { feedback } });
  await run();
  expect(model.requests[0]?.system).toContain('- feedback from ada: too long');
});

test('metrics name turns and tokens by model', async () => {
  const { run, counts } = setUp([{ text: 'ok' }]);
  await run();
  expect(counts).toContain('skein_agent_turns_total 1 {"model":"offline/rules-1"}');
  expect(counts).toContain('skein_agent_tokens_total 10 {"model":"offline/rules-1","direction":"input"}');
});
