import { DomainError, type JsonValue } from '@skein/domain';
import type { ToolCall } from '@skein/ports';
import {
  type AgentContextChanges,
  type AgentParts,
  agentContextOf,
  agentStoresOf,
  createMemoryLog,
  createMemoryToolHost,
  createScriptedModel,
  createScriptedToolServers,
  FakeClock,
  type ScriptedTurn,
} from '@skein/testkit';
import { describe, expect, test } from 'vitest';
import { createAgentExecutor } from '../agent-executor.ts';

const call = (tool: string, input: JsonValue, callId = 'c1'): ToolCall => ({ callId, tool, input });
const ask = (agent: string, prompt = 'Find it.', callId = 'c1') => call('delegate', { agent, prompt }, callId);

const finder: AgentParts = {
  agent: { agentId: 'finder', description: 'Finds\nthings.', instructions: 'You find.' },
  tools: { allow: ['write', 'remember', 'think'] },
  model: { id: 'small', model: 'small-1', prices: { inputPerMillion: 1_000, outputPerMillion: 1_000 } },
};
const caller: AgentParts = {
  tools: { allow: ['delegate', 'read', 'remember'] },
  model: { prices: { inputPerMillion: 100, outputPerMillion: 100 } },
  subAgents: [finder],
};

const setUp = (
  script: readonly ScriptedTurn[],
  parts: AgentParts = caller,
  changes: AgentContextChanges = {},
  signal = new AbortController().signal,
) => {
  const model = createScriptedModel(script);
  const toolHost = createMemoryToolHost();
  const clock = new FakeClock();
  const toolServers = createScriptedToolServers({ web: { tools: [{ name: 'get' }], call: () => 'got' } });
  const counts: string[] = [];
  const meter = {
    count: (name: string, by = 1, labels: object = {}) => counts.push(`${name} ${by} ${JSON.stringify(labels)}`),
    gauge: () => {},
    observe: () => {},
  };
  const context = agentContextOf({ stores: agentStoresOf(parts), ...changes });
  const executor = createAgentExecutor({ model, toolHost, toolServers, clock, log: createMemoryLog(), meter });
  const run = () => executor.execute(context, signal);
  const answers = () =>
    model.requests.flatMap(({ messages }) => {
      const last = messages.at(-1);
      return last?.role === 'tool' ? last.results : [];
    });
  return { model, toolHost, toolServers, clock, counts, context, run, answers };
};

test('a sub-agent has its own prompt, tools and model, and its answer comes back', async () => {
  const { run, model, answers } = setUp([
    { toolCalls: [ask('finder', 'Find the goose.')] },
    { text: 'It is here.' },
    { text: 'done' },
  ]);
  expect(await run()).toMatchObject({ outcome: { status: 'succeeded' }, outputs: { text: 'done' } });
  const [first, second] = model.requests;
  expect(first?.tools.find((tool) => tool.name === 'delegate')?.description).toContain('- finder: Finds things.');
  expect(second?.model.model).toBe('small-1');
  expect(second?.system).toContain('You find.');
  expect(second?.system).not.toContain('Be brief.');
  expect(second?.messages).toEqual([{ role: 'user', text: 'Find the goose.' }]);
  expect(second?.tools.map((tool) => tool.name)).toEqual(['write', 'think']);
  expect(answers()).toEqual([
    { callId: 'c1', tool: 'delegate', isError: false, output: { agent: 'finder', answer: { text: 'It is here.' } } },
  ]);
});

test('it works in the same directory, and its lines of the log are marked', async () => {
  const { run, toolHost, context } = setUp([
    { toolCalls: [ask('finder')] },
    { text: 'one\ntwo', toolCalls: [call('write', { path: 'a', content: 'x' }), call('think', { thought: 'h\nm' })] },
    { text: 'found' },
    { text: 'done' },
  ]);
  await run();
  expect([...toolHost.files.keys()]).toEqual(['a']);
  expect(context.logged().split('\n')).toEqual([
    '[tool] delegate {"agent":"finder","prompt":"Find it."}',
    '[agent finder] one',
    '[agent finder] two',
    '[agent finder] [tool] write {"path":"a","content":"x"}',
    '[agent finder] [tool] write ok {"path":"a","bytes":1}',
    '[agent finder] [think] h m',
    '[agent finder] found',
    '[tool] delegate ok {"agent":"finder","answer":{"text":"found"}}',
    'done',
    '',
  ]);
});

test('its schema is asked for and checked', async () => {
  const outputSchema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] };
  const { run, answers } = setUp(
    [
      { toolCalls: [ask('finder')] },
      { toolCalls: [call('output', { n: 'x' })] },
      { toolCalls: [call('output', { n: 7 })] },
      { text: 'done' },
    ],
    { ...caller, subAgents: [{ ...finder, agent: { ...finder.agent, outputSchema } }] },
  );
  expect(await run()).toMatchObject({ usage: { turns: 4, schemaRepairs: 1 } });
  expect(answers().at(-1)?.output).toEqual({ agent: 'finder', answer: { n: 7 } });
});

test('its turns, tokens, calls and cost are in the usage', async () => {
  const { run, counts } = setUp([
    { toolCalls: [ask('finder')] },
    { toolCalls: [call('write', { path: 'a', content: 'x' })] },
    { text: 'found' },
    { text: 'done' },
  ]);
  expect((await run()).usage).toEqual({
    turns: 4,
    toolCalls: 2,
    inputTokens: 40,
    outputTokens: 20,
    schemaRepairs: 0,
    toolErrors: 0,
    costUsd: 0.033,
    model: 'offline/rules-1',
  });
  expect(counts).toContain('skein_agent_turns_total 2 {"model":"offline/small-1"}');
  expect(counts).toContain('skein_agent_turns_total 2 {"model":"offline/rules-1"}');
});

test('a cost is unknown when one of the prices is', async () => {
  const { prices: _, ...model } = finder.model ?? {};
  const { run } = setUp([{ toolCalls: [ask('finder')] }, { text: 'found' }, { text: 'done' }], {
    ...caller,
    subAgents: [{ ...finder, model }],
  });
  expect((await run()).usage).not.toHaveProperty('costUsd');
});

describe('limits', () => {
  const busy: ScriptedTurn = { toolCalls: [call('think', { thought: 'more' })] };

  test("the sub-agent's own end its work, not that of its caller", async () => {
    const { run, answers } = setUp([{ toolCalls: [ask('finder')] }, busy, busy, { text: 'without it' }], {
      ...caller,
      subAgents: [{ ...finder, agent: { ...finder.agent, limits: { maxTurns: 2 } } }],
    });
    expect((await run()).outputs).toEqual({ text: 'without it' });
    expect(answers().at(-1)).toMatchObject({
      isError: true,
      output: { error: 'resource_exhausted', message: expect.stringContaining('the agent finder failed') },
    });
  });

  test.each([
    ['turns', { maxTurns: 4 }],
    ['tokens', { maxTokens: 60 }],
  ])('the %s that it uses are those of its caller', async (limit, limits) => {
    const { run } = setUp([{ toolCalls: [ask('finder')] }, busy], { ...caller, agent: { limits } });
    const result = await run();
    expect(result.outcome).toMatchObject({ status: 'failed', error: { details: { limit } } });
    expect(result.usage?.turns).toBe(4);
  });

  test('so are its tool calls', async () => {
    const { run, answers } = setUp([{ toolCalls: [ask('finder')] }, busy, busy, { text: 'done' }], {
      ...caller,
      agent: { limits: { maxToolCalls: 2 } },
    });
    expect((await run()).usage?.toolCalls).toBe(2);
    expect(answers().at(-1)?.output).toMatchObject({ error: 'resource_exhausted' });
  });

  test('so is its wall time', async () => {
    const { run, clock } = setUp([{ toolCalls: [ask('finder')] }, () => new Promise(() => {})], {
      ...caller,
      agent: { limits: { timeoutMs: 5_000 } },
    });
    const running = run();
    await clock.advance(5_000);
    expect((await running).outcome).toMatchObject({ error: { code: 'deadline_exceeded', details: { max: 5_000 } } });
    expect(clock.pending).toBe(0);
  });

  test('its own wall time ends only its work', async () => {
    const { run, clock, answers } = setUp(
      [{ toolCalls: [ask('finder')] }, () => new Promise(() => {}), { text: 'without it' }],
      { ...caller, subAgents: [{ ...finder, agent: { ...finder.agent, limits: { timeoutMs: 1_000 } } }] },
    );
    const running = run();
    await clock.advance(1_000);
    expect((await running).outputs).toEqual({ text: 'without it' });
    expect(answers().at(-1)?.output).toMatchObject({ error: 'deadline_exceeded' });
    expect(clock.pending).toBe(0);
  });
});

test('an agent that is not declared is an observation, also when the snapshot holds it', async () => {
  const { run, answers } = setUp([{ toolCalls: [ask('helper'), ask('constructor', '', 'c2')] }, { text: 'done' }]);
  await run();
  expect(answers().map(({ output }) => (output as { error: string }).error)).toEqual(['not_found', 'not_found']);
});

test('without sub-agents, or without leave, there is no tool and no call', async () => {
  for (const parts of [
    { tools: { allow: ['delegate'] } },
    { ...caller, tools: { allow: [] } },
  ] satisfies AgentParts[]) {
    const { run, answers, model } = setUp([{ toolCalls: [ask('finder')] }, { text: 'done' }], parts);
    await run();
    expect(model.requests[0]?.tools).toEqual([]);
    expect(answers()[0]?.output).toMatchObject({ error: 'permission_denied' });
  }
});

test('agents call agents at most three deep', async () => {
  const chain = (depth: number): AgentParts => ({
    agent: { agentId: `a${depth}` },
    tools: { allow: ['delegate'] },
    ...(depth === 5 ? {} : { subAgents: [chain(depth + 1)] }),
  });
  const down = (depth: number): ScriptedTurn => ({ toolCalls: [ask(`a${depth}`)] });
  const { run, model } = setUp([down(1), down(2), down(3), { text: 'deepest' }, { text: 'up' }], {
    ...chain(0),
    agent: {},
  });
  await run();
  expect(model.requests.map(({ tools }) => tools.length)).toEqual([1, 1, 1, 0, 1, 1, 1]);
});

test('an abort ends the sub-agent and the step', async () => {
  const controller = new AbortController();
  const script = [{ toolCalls: [ask('finder')] }, () => new Promise<object>(() => {})];
  const { run, clock, toolServers } = setUp(
    script,
    { ...caller, subAgents: [{ ...finder, tools: { servers: { web: serverOf() } } }] },
    {},
    controller.signal,
  );
  const running = run();
  await clock.settle();
  controller.abort(new DomainError('cancelled', 'stop'));
  expect((await running).outcome).toEqual({ status: 'cancelled' });
  expect(toolServers.events).toEqual(['open web', 'close web']);
});

const serverOf = () => ({
  transport: { kind: 'http', url: 'http://x/', headers: {} } as const,
  secrets: [],
  startTimeoutMs: 1,
  callTimeoutMs: 1,
  maxResultBytes: 1,
});

describe('proposals of a sub-agent', () => {
  const propose = call('remember', { op: 'append', text: 'a note' }, 'c2');
  const access = { action: { memory: { read: false, propose: true } } };

  test('are made in the name of the agent of the step', async () => {
    const { run } = setUp(
      [{ toolCalls: [ask('finder')] }, { toolCalls: [propose] }, { text: 'found' }, { text: 'done' }],
      caller,
      access,
    );
    expect((await run()).proposals).toEqual([{ scope: 'agent/helper', op: 'append', text: 'a note' }]);
  });

  test('are dropped when it fails', async () => {
    const { run } = setUp(
      [{ toolCalls: [ask('finder')] }, { toolCalls: [propose] }, { toolCalls: [propose] }, { text: 'done' }],
      { ...caller, subAgents: [{ ...finder, agent: { ...finder.agent, limits: { maxTurns: 2 } } }] },
      access,
    );
    expect(await run()).not.toHaveProperty('proposals');
  });
});
