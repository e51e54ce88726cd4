import { DomainError, type JsonValue } from '@skein/domain';
import type { BashRequest, ToolCall } from '@skein/ports';
import {
  type AgentParts,
  agentContextOf,
  agentStoresOf,
  createMemoryLog,
  createMemoryToolHost,
  createMemoryTracer,
  createScriptedModel,
  createScriptedToolServers,
  FakeClock,
  type ScriptedTurn,
} from '@skein/testkit';
import { expect, test } from 'vitest';
import { createAgentExecutor } from '../agent-executor.ts';

const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const call = (tool: string, input: JsonValue): ToolCall => ({ callId: 'c1', tool, input });

const finder: AgentParts = {
  agent: { agentId: 'finder', instructions: 'You find.' },
  tools: { allow: ['think'] },
  model: { id: 'small', model: 'small-1' },
};
const parts: AgentParts = {
  tools: { allow: ['delegate', 'bash', 'think'], bash: { allow: ['.*'], deny: [] } },
  subAgents: [finder],
};

const setUp = (script: readonly ScriptedTurn[], isTraced = true) => {
  const tracer = createMemoryTracer();
  const memory = createMemoryToolHost();
  const commands: BashRequest[] = [];
  const toolHost = {
    ...memory,
    runBash: async (_root: string, request: BashRequest) => {
      commands.push(request);
      return { exitCode: 0, output: 'hunter2', truncated: false, timedOut: false };
    },
  };
  const plain = agentContextOf({ stores: agentStoresOf(parts) });
  const context = { ...plain, offer: { ...plain.offer, traceparent } };
  const executor = createAgentExecutor({
    model: createScriptedModel(script),
    toolHost,
    toolServers: createScriptedToolServers({}),
    clock: new FakeClock(),
    log: createMemoryLog(),
    meter: { count: () => undefined, gauge: () => undefined, observe: () => undefined },
    ...(isTraced ? { tracer } : {}),
  });
  return { tracer, commands, run: () => executor.execute(context, new AbortController().signal) };
};

test('an agent, its turns and calls, and the agents that it calls, are spans one below the other', async () => {
  const { tracer, run, commands } = setUp([
    { toolCalls: [call('bash', { command: 'echo goose' })] },
    { toolCalls: [call('delegate', { agent: 'finder', prompt: 'Find the goose.' })] },
    { text: 'It is here.', usage: { inputTokens: 7, outputTokens: 3 } },
    { text: 'done' },
  ]);
  expect(await run()).toMatchObject({ outcome: { status: 'succeeded' } });
  const agent = tracer.spans.at(-1)!;
  const model = tracer.spans[0]?.attributes['gen_ai.request.model'];
  expect(tracer.tree()).toEqual([
    `chat ${model} below ${agent.name}`,
    `execute_tool bash below ${agent.name}`,
    `chat ${model} below ${agent.name}`,
    'chat small-1 below invoke_agent finder',
    'invoke_agent finder below execute_tool delegate',
    `execute_tool delegate below ${agent.name}`,
    `chat ${model} below ${agent.name}`,
    `${agent.name} below elsewhere`,
  ]);
  expect(agent.parent?.spanId).toBe('00f067aa0ba902b7');
  expect(tracer.spans[3]?.attributes).toMatchObject({
    'gen_ai.operation.name': 'chat',
    'gen_ai.agent.id': 'finder',
    'gen_ai.usage.input_tokens': 7,
    'gen_ai.usage.output_tokens': 3,
  });
  const bash = tracer.spans[1]?.context;
  expect(commands[0]?.traceparent).toBe(`00-${bash?.traceId}-${bash?.spanId}-01`);
});

test('nothing that was asked, answered or printed is in a span, nor the name of a tool that there is not', async () => {
  const { tracer, run } = setUp([
    { text: 'secret-thought', toolCalls: [call('bash', { command: 'echo secret-command' })] },
    { toolCalls: [call('secret-tool', { a: 'secret-input' })] },
    { text: 'secret-answer' },
  ]);
  await run();
  expect(JSON.stringify(tracer.spans)).not.toMatch(/secret|hunter2|goose/);
  expect(tracer.spans.map(({ name, error }) => [name, error])).toContainEqual([
    'execute_tool unknown',
    'permission_denied',
  ]);
});

test('a model that fails is a span with its code, and one more for each try', async () => {
  const { tracer, run } = setUp([new DomainError('unauthenticated', 'hunter2')]);
  await run();
  expect(tracer.spans.map(({ error }) => error)).toEqual(['unauthenticated', 'unauthenticated']);
  expect(JSON.stringify(tracer.spans)).not.toContain('hunter2');
});

test('without a tracer commands are told of the span of the task', async () => {
  const { run, commands } = setUp([{ toolCalls: [call('bash', { command: 'true' })] }, { text: 'done' }], false);
  await run();
  expect(commands[0]?.traceparent).toBe(traceparent);
});
