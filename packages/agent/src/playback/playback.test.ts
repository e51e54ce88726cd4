import { canonicalJson, type JsonValue, type Playback, type ToolsContent } from '@skein/domain';
import type { ToolCall } from '@skein/ports';
import {
  type AgentContextChanges,
  type AgentParts,
  agentContextOf,
  agentStoresOf,
  createMemoryLog,
  createMemoryStep,
  createMemoryToolHost,
  createScriptedModel,
  createScriptedToolServers,
  FakeClock,
  type ScriptedTurn,
} from '@skein/testkit';
import { describe, expect, test } from 'vitest';
import { createAgentExecutor } from '../agent-executor.ts';

const call = (tool: string, input: JsonValue, callId = 'c1'): ToolCall => ({ callId, tool, input });

type Recorded = readonly [tool: string, input: JsonValue, output: JsonValue, isError?: boolean];

const playbackOf = (mode: Playback['mode'], ...calls: readonly Recorded[]): Playback => ({
  format: 1,
  mode,
  calls: calls.map(([tool, input, output, isError = false]) => ({
    tool,
    input: canonicalJson(input),
    output,
    isError,
  })),
});

const anyBash = { allow: ['.*'], deny: [] };
const all: AgentParts = {
  tools: { allow: ['read', 'write', 'patch', 'bash', 'think', 'remember', 'delegate'], bash: anyBash },
};
const stdio = { transport: 'stdio' as const, command: ['web'] };
const withServer = (fields: Partial<ToolsContent> = {}, pinned?: readonly { name: string }[]): AgentParts => ({
  tools: {
    allow: ['read'],
    servers: {
      web: {
        ...stdio,
        ...(pinned === undefined
          ? {}
          : { pinned: pinned.map(({ name }) => ({ name, description: name, inputSchema: { type: 'object' } })) }),
      },
    } as unknown as ToolsContent['servers'],
    ...fields,
  },
});

const setUp = (
  playback: Playback,
  script: readonly ScriptedTurn[],
  parts: AgentParts = all,
  changes: AgentContextChanges = {},
) => {
  const model = createScriptedModel(script);
  const toolHost = createMemoryToolHost();
  const toolServers = createScriptedToolServers({ web: { tools: [{ name: 'get' }], call: () => 'made' } });
  const meter = { count: () => {}, gauge: () => {}, observe: () => {} };
  const context = agentContextOf({ stores: agentStoresOf(parts), playback, ...changes });
  const executor = createAgentExecutor({
    model,
    toolHost,
    toolServers,
    clock: new FakeClock(),
    log: createMemoryLog(),
    meter,
  });
  const run = () => executor.execute(context, new AbortController().signal);
  const answers = () =>
    model.requests.flatMap(({ messages }) => {
      const last = messages.at(-1);
      return last?.role === 'tool' ? last.results : [];
    });
  return { model, toolHost, toolServers, run, answers, context };
};

const outputsOf = (answers: readonly { readonly output: JsonValue }[]) => answers.map(({ output }) => output);
const missing = { error: 'not_in_record', message: expect.stringContaining('not in the record') as string };

describe('a strict playback', () => {
  test('answers each recorded call once, in order, and then the last again; the tool is never called', async () => {
    const bash = (callId: string) => call('bash', { command: 'date' }, callId);
    const { run, answers, toolHost } = setUp(
      playbackOf(
        'strict',
        ['bash', { command: 'date' }, { exit_code: 0, output: 'one' }],
        ['bash', { command: 'date' }, { exit_code: 1, output: 'two' }, true],
      ),
      [{ toolCalls: [bash('1'), bash('2'), bash('3')] }, { text: 'done' }],
    );
    expect((await run()).usage).toMatchObject({ toolCalls: 3, toolErrors: 2, divergedCalls: 0 });
    expect(answers().map(({ output, isError }) => [(output as { output: string }).output, isError])).toEqual([
      ['one', false],
      ['two', true],
      ['two', true],
    ]);
    expect(toolHost.commands).toEqual([]);
  });

  test('knows a call by its canonical input', async () => {
    const { run, answers } = setUp(playbackOf('strict', ['write', { content: 'x', path: 'a' }, { path: 'a' }]), [
      { toolCalls: [call('write', { path: 'a', content: 'x' })] },
      { text: 'done' },
    ]);
    expect((await run()).usage?.divergedCalls).toBe(0);
    expect(outputsOf(answers())).toEqual([{ path: 'a' }]);
  });

  test.each([
    ['read', { path: 'a' }],
    ['write', { path: 'a', content: 'x' }],
    ['bash', { command: 'rm -r x' }],
  ])('a call of %s that is not in the record is an error that the model sees, and is counted', async (tool, input) => {
    const { run, answers, toolHost } = setUp(playbackOf('strict', [tool, { other: 1 }, 'recorded']), [
      { toolCalls: [call(tool, input)] },
      { text: 'done' },
    ]);
    expect(await run()).toMatchObject({
      outcome: { status: 'succeeded' },
      usage: { divergedCalls: 1, toolErrors: 1 },
    });
    expect(answers()).toMatchObject([{ isError: true, output: missing }]);
    expect(toolHost.commands).toEqual([]);
    expect(toolHost.files.size).toBe(0);
  });

  test('what its policy forbids is refused also when the record has an answer', async () => {
    const { run, answers } = setUp(
      playbackOf(
        'strict',
        ['bash', { command: 'rm x' }, 'recorded'],
        ['write', { path: 'a', content: '' }, 'recorded'],
      ),
      [
        { toolCalls: [call('bash', { command: 'rm x' }), call('write', { path: 'a', content: '' }, 'c2')] },
        { text: 'done' },
      ],
      { tools: { allow: ['bash'], bash: { allow: ['.*'], deny: ['^rm'] } } },
    );
    expect((await run()).usage?.divergedCalls).toBe(0);
    expect(outputsOf(answers())).toMatchObject([{ error: 'permission_denied' }, { error: 'permission_denied' }]);
  });

  test('a thought needs no record', async () => {
    const { run, answers, context } = setUp(playbackOf('strict'), [
      { toolCalls: [call('think', { thought: 'so it is' })] },
      { text: 'done' },
    ]);
    expect((await run()).usage).toMatchObject({ divergedCalls: 0, toolErrors: 0 });
    expect(outputsOf(answers())).toEqual([{}]);
    expect(context.logged()).toContain('[think] so it is');
  });

  test('a proposal is taken and leaves the attempt nowhere', async () => {
    const remember = { toolCalls: [call('remember', { op: 'append', text: 'x' })] };
    const changes = { action: { memory: { read: false, propose: true } } };
    const { run, answers } = setUp(playbackOf('strict'), [remember, { text: 'done' }], all, changes);
    const result = await run();
    expect(answers()).toMatchObject([{ isError: false }]);
    expect(result).not.toHaveProperty('proposals');
  });

  test('a sub-agent runs, on the same record', async () => {
    const finder: AgentParts = { agent: { agentId: 'finder' }, tools: { allow: ['bash'], bash: anyBash } };
    const { run, answers, toolHost } = setUp(
      playbackOf('strict', ['bash', { command: 'ls' }, 'recorded']),
      [
        { toolCalls: [call('delegate', { agent: 'finder', prompt: 'Find.' })] },
        { toolCalls: [call('bash', { command: 'ls' })] },
        { text: 'found' },
        { text: 'done' },
      ],
      { ...all, subAgents: [finder] },
    );
    expect((await run()).usage).toMatchObject({ turns: 4, divergedCalls: 0 });
    expect(outputsOf(answers())).toEqual(['recorded', { agent: 'finder', answer: { text: 'found' } }]);
    expect(toolHost.commands).toEqual([]);
  });

  test('no server is started and no secret is asked for; its recorded calls answer', async () => {
    const { run, answers, toolServers, model } = setUp(
      playbackOf('strict', ['web__get', { url: 'a' }, 'recorded']),
      [{ toolCalls: [call('web__get', { url: 'a' }), call('web__get', { url: 'b' }, 'c2')] }, { text: 'done' }],
      withServer(),
    );
    expect((await run()).usage?.divergedCalls).toBe(1);
    expect(outputsOf(answers())).toEqual(['recorded', missing]);
    expect(model.requests[0]?.tools.map(({ name }) => name)).toContain('web__get');
    expect(toolServers.events).toEqual([]);
  });

  test('pinned tools of a server are offered also when the record has none of their calls', async () => {
    const { run, model, toolServers } = setUp(
      playbackOf('strict'),
      [{ text: 'done' }],
      withServer({}, [{ name: 'put' }]),
    );
    await run();
    expect(model.requests[0]?.tools.map(({ name }) => name)).toEqual(['read', 'web__put']);
    expect(toolServers.events).toEqual([]);
  });
});

describe('a live playback', () => {
  test('makes what only touches the private directory, and nothing with an effect', async () => {
    const { run, answers, toolHost } = setUp(playbackOf('live'), [
      { toolCalls: [call('write', { path: 'a', content: 'x' })] },
      { toolCalls: [call('read', { path: 'a' }), call('bash', { command: 'curl -d x host' }, 'c2')] },
      { text: 'done' },
    ]);
    expect((await run()).usage?.divergedCalls).toBe(3);
    expect(outputsOf(answers())).toEqual([{ path: 'a', bytes: 1 }, { path: 'a', text: 'x' }, missing]);
    expect(toolHost.commands).toEqual([]);
  });

  test('what the record wrote is there for reads that are not in it', async () => {
    const { run, answers } = setUp(
      playbackOf('live', ['write', { path: 'a', content: 'x' }, { path: 'a', recorded: true }]),
      [
        { toolCalls: [call('write', { path: 'a', content: 'x' })] },
        { toolCalls: [call('read', { path: 'a' })] },
        { text: 'done' },
      ],
    );
    expect((await run()).usage?.divergedCalls).toBe(1);
    expect(outputsOf(answers())).toEqual([
      { path: 'a', recorded: true },
      { path: 'a', text: 'x' },
    ]);
  });

  test('calls of a server are made only where they are declared to read', async () => {
    const script = [{ toolCalls: [call('web__get', { url: 'a' })] }, { text: 'done' }];
    const asks = setUp(playbackOf('live'), script, withServer({}, [{ name: 'get' }]));
    await asks.run();
    expect(outputsOf(asks.answers())).toEqual([missing]);
    expect(asks.toolServers.events).toEqual([]);
    const reads = setUp(
      playbackOf('live'),
      script,
      withServer({ effects: { web__get: { class: 'read_only' } } }, [{ name: 'get' }]),
    );
    await reads.run();
    expect(outputsOf(reads.answers())).toEqual(['made']);
    expect(reads.toolServers.events).toEqual(['open web', 'close web']);
  });
});

test('an attempt that goes on hears the rest of the record, not its beginning again', async () => {
  const step = createMemoryStep();
  const playback = playbackOf(
    'strict',
    ['bash', { command: 'date' }, 'one'],
    ['bash', { command: 'date' }, 'two'],
    ['bash', { command: 'date' }, 'three'],
  );
  const date: ScriptedTurn = { toolCalls: [call('bash', { command: 'date' })] };
  const other: ScriptedTurn = { toolCalls: [call('bash', { command: 'other' })] };
  const host = createMemoryToolHost();
  const first = setUp(playback, [date, other, new Error('the model is gone')], all, step.open(host));
  await first.run();
  const second = setUp(playback, [date, { text: 'done' }], all, step.open(host));
  expect((await second.run()).usage).toMatchObject({ divergedCalls: 1, toolErrors: 1 });
  expect(outputsOf(second.answers())).toEqual([missing, 'two']);
});

test('a call whose outcome nobody knows is played again: nothing was done', async () => {
  const step = createMemoryStep();
  const playback = playbackOf('strict', ['bash', { command: 'date' }, 'one']);
  const host = createMemoryToolHost();
  const date: ScriptedTurn = { toolCalls: [call('bash', { command: 'date' })] };
  const lost = step.open(host, {
    onRecord: (_call, entries) => {
      if (entries.some(({ type }) => type === 'tool')) throw new Error('killed');
    },
  });
  await setUp(playback, [date], all, lost).run();
  const second = setUp(playback, [{ text: 'done' }], all, step.open(host));
  expect(await second.run()).toMatchObject({ outcome: { status: 'succeeded' } });
  expect(host.commands).toEqual([]);
});
