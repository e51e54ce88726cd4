import { DomainError, type JsonValue, type ToolsContent, type TurnEntry } from '@skein/domain';
import type { ToolCall } from '@skein/ports';
import {
  type AgentParts,
  agentContextOf,
  agentStoresOf,
  type CrashWorld,
  type CrashWorldChanges,
  createCrashWorld,
  createKillPoints,
  createMemoryLog,
  createMemoryStep,
  createMemoryToolHost,
  createScriptedModel,
  createScriptedToolServers,
  FakeClock,
  shopServer,
  type TranscriptScript,
} from '@skein/testkit';
import { describe, expect, test } from 'vitest';
import { createAgentExecutor } from '../agent-executor.ts';

const call = (tool: string, input: JsonValue, callId = `c-${tool}`): ToolCall => ({ callId, tool, input });
const write = (path: string) => call('write', { path, content: path }, `w-${path}`);
const read = (path: string) => call('read', { path }, `r-${path}`);

const worldOf = (
  turns: readonly (readonly ToolCall[])[],
  tools: Partial<ToolsContent> = {},
  changes: Partial<CrashWorldChanges> = {},
): CrashWorld => {
  const script: TranscriptScript = (_request, turn) =>
    turns[turn] === undefined ? { text: 'done' } : { toolCalls: turns[turn] };
  return createCrashWorld(createAgentExecutor, {
    scripts: { 'rules-1': script },
    parts: {
      tools: { allow: ['read', 'write', 'bash', 'think', 'remember'], bash: { allow: ['.*'], deny: [] }, ...tools },
    },
    ...changes,
  });
};

/** The entries of each record, in short: `turn 1`, `tool 1.0 write +tree`. */
const recordsOf = ({ step }: CrashWorld) =>
  step.records.map((entries) =>
    entries.map((entry) => {
      if (entry.type === 'turn') return `turn ${entry.turn}`;
      if (entry.type !== 'tool') return entry.type;
      return `tool ${entry.turn}.${entry.index} ${entry.tool}${entry.tree === undefined ? '' : ' +tree'}`;
    }),
  );

describe('what is recorded', () => {
  test('a turn that only reads is one record, and so is the last turn', async () => {
    const world = worldOf([[read('a'), call('think', { thought: 'x' })]]);
    await world.attempt();
    expect(recordsOf(world)).toEqual([['turn 1', 'tool 1.0 read', 'tool 1.1 think'], ['turn 2']]);
  });

  test('a turn is durable before what is not read-only, and each result before the next such call', async () => {
    const world = worldOf([[read('a'), write('b'), read('b'), read('c'), call('bash', { command: 'x' }), write('d')]]);
    await world.attempt();
    expect(recordsOf(world)).toEqual([
      ['turn 1'],
      ['tool 1.0 read'],
      ['tool 1.1 write +tree'],
      ['tool 1.2 read', 'tool 1.3 read'],
      ['tool 1.4 bash'],
      ['tool 1.5 write +tree'],
      ['turn 2'],
    ]);
  });

  test('a turn has its delta, classes, usage and cost', async () => {
    const world = worldOf(
      [[call('shop__order', { n: 1 }), call('remember', { op: 'append', text: 'x' }), read('a')]],
      {
        servers: shopServer,
      },
      { context: { action: { memory: { read: false, propose: true } } } },
    );
    await world.attempt();
    const [first] = world.step.log as readonly TurnEntry[];
    expect(first).toMatchObject({
      type: 'turn',
      thread: '',
      turn: 1,
      finishReason: 'tool_calls',
      model: 'offline/rules-1',
      usage: { inputTokens: 100, outputTokens: 7 },
      calls: [
        { index: 0, callId: 'c-shop__order', tool: 'shop__order', class: 'effect' },
        { index: 1, tool: 'remember', class: 'repeatable' },
        { index: 2, tool: 'read', class: 'read_only' },
      ],
    });
    expect(first && world.step.load(first.delta)).toEqual({
      said: [{ role: 'user', text: 'Help me.' }],
      text: '',
      toolCalls: [
        { callId: 'c-shop__order', tool: 'shop__order', input: { n: 1 } },
        { callId: 'c-remember', tool: 'remember', input: { op: 'append', text: 'x' } },
        read('a'),
      ],
    });
  });

  test('an answer that does not fit its schema is followed by a repair, which resumes as one', async () => {
    const script: TranscriptScript = ({ messages }) =>
      messages.length > 2
        ? { toolCalls: [call('output', { n: 7 })] }
        : { toolCalls: [call('output', { n: 'x' }), write('a')] };
    const world = worldOf(
      [],
      {},
      {
        scripts: { 'rules-1': script },
        context: { action: { outputSchema: { type: 'object', properties: { n: { type: 'integer' } } } } },
      },
    );
    await world.attempt(createKillPoints('after capture'));
    const { result, requests } = await world.attempt();
    expect(result).toMatchObject({ outputs: { n: 7 }, usage: { turns: 2, schemaRepairs: 1 } });
    expect(requests).toHaveLength(1);
    expect(requests[0]?.messages.at(-1)).toMatchObject({
      role: 'tool',
      results: [{ tool: 'write' }, { tool: 'output', isError: true }],
    });
    expect(world.step.log.at(-1)).toMatchObject({ type: 'turn', turn: 2, calls: [], repair: true });
    const again = await world.attempt();
    expect([again.result, again.requests.length]).toEqual([result, 0]);
  });

  test('no secret that was read, in any entry or body', async () => {
    const model = createScriptedModel([
      async (request) => {
        await request.readSecret?.('KEY');
        return { text: 'the key is hunter2', toolCalls: [call('bash', { command: 'echo hunter2' }, 'hunter2')] };
      },
      { text: 'done with hunter2' },
    ]);
    const step = createMemoryStep({ inlineLimit: 50 });
    const toolHost = createMemoryToolHost(() => ({ output: 'hunter2' }));
    const stores = agentStoresOf({ tools: { allow: ['bash'], bash: { allow: ['.*'], deny: [] } } });
    const context = agentContextOf({ stores, secrets: { KEY: 'hunter2' }, ...step.open(toolHost) });
    await executorOf({ model, toolHost }).execute(context, new AbortController().signal);
    expect(step.log).toHaveLength(3);
    expect(JSON.stringify([step.log, [...step.blobs]])).not.toContain('hunter2');
    expect(JSON.stringify([step.log, [...step.blobs]])).toContain('[redacted]');
  });

  test('text that no store can keep is cleaned', async () => {
    const world = worldOf([], {}, { scripts: { 'rules-1': () => ({ text: 'a\u0000b\ud800' }) } });
    expect((await world.attempt()).result?.outputs).toEqual({ text: 'ab\ufffd' });
  });

  test('what a limit forbids is not planned, and the turn that met it is recorded', async () => {
    const world = worldOf(
      [[write('a'), write('b')]],
      {},
      {
        parts: { agent: { limits: { maxToolCalls: 1 } }, tools: { allow: ['write'] } },
      },
    );
    expect((await world.attempt()).result?.outcome).toMatchObject({ error: { details: { limit: 'tool_calls' } } });
    expect(world.step.log).toEqual([expect.objectContaining({ type: 'turn', calls: [] })]);
    const again = await world.attempt();
    expect([again.result?.outcome, again.requests.length]).toMatchObject([
      { error: { details: { limit: 'tool_calls' } } },
      0,
    ]);
  });

  test('more calls than a fact holds end the step', async () => {
    const many = Array.from({ length: 900 }, (_, index) => call('write', { path: 'a' }, `call-${index}`));
    const world = worldOf(
      [many],
      {},
      {
        parts: { agent: { limits: { maxToolCalls: 1_000 } }, tools: { allow: ['write'] } },
      },
    );
    expect((await world.attempt()).result?.outcome).toMatchObject({ error: { code: 'unprocessable' } });
  });

  test('and so do names that fit by their characters but not by their bytes', async () => {
    const many = Array.from({ length: 50 }, (_, index) => call('納'.repeat(200), {}, `${index}${'漢'.repeat(200)}`));
    const world = worldOf([many], {}, { parts: { agent: { limits: { maxToolCalls: 1_000 } } } });
    expect((await world.attempt()).result?.outcome).toMatchObject({ error: { code: 'unprocessable' } });
    expect(world.step.log).toEqual([]);
  });
});

const executorOf = (deps: Pick<Parameters<typeof createAgentExecutor>[0], 'model' | 'toolHost'>) =>
  createAgentExecutor({
    clock: new FakeClock(),
    log: createMemoryLog(),
    meter: { count: () => {}, gauge: () => {}, observe: () => {} },
    ...deps,
  });

describe('idempotency keys', () => {
  test('go to commands and servers, the same in each attempt, with the thread and the round', async () => {
    const keys: (string | undefined)[] = [];
    const toolHost = createMemoryToolHost((_command, _signal, { idempotencyKey }) => {
      keys.push(idempotencyKey);
      return {};
    });
    const toolServers = createScriptedToolServers({
      shop: {
        tools: [{ name: 'order' }],
        call: (_tool: string, _input: JsonValue, _signal: AbortSignal, key?: string) => keys.push(key),
      },
    });
    const parts: AgentParts = {
      tools: { allow: ['bash', 'delegate'], bash: { allow: ['.*'], deny: [] }, servers: shopServer },
      subAgents: [{ agent: { agentId: 'finder' }, tools: { allow: ['bash'], bash: { allow: ['.*'], deny: [] } } }],
    };
    const model = createScriptedModel([
      { toolCalls: [call('bash', { command: 'x' }), call('shop__order', {})] },
      { toolCalls: [call('delegate', { agent: 'finder', prompt: 'p' })] },
      { toolCalls: [call('bash', { command: 'y' })] },
      { text: 'found' },
      { text: 'done' },
    ]);
    const step = createMemoryStep();
    const context = agentContextOf({ stores: agentStoresOf(parts), ...step.open(toolHost) });
    const offer = { ...context.offer, round: 3, step: 'help[2]' };
    await createAgentExecutor({
      model,
      toolHost,
      toolServers,
      clock: new FakeClock(),
      log: createMemoryLog(),
      meter: { count: () => {}, gauge: () => {}, observe: () => {} },
    }).execute({ ...context, offer }, new AbortController().signal);
    expect(keys).toEqual(['run_1:help[2]:3:1:0', 'run_1:help[2]:3:1:1', 'run_1:help[2]:3:2.0/1:0']);
  });
});

describe('a checkpoint that cannot be recorded', () => {
  test('ends the attempt before the call that waits for it', async () => {
    const stale = new DomainError('stale_fencing_token', 'the lease is over');
    const world = worldOf([[write('a')]]);
    const { result, files } = await world.attempt(createKillPoints(), {
      onRecord: () => {
        throw stale;
      },
    });
    expect(result?.outcome).toMatchObject({ status: 'failed', error: { code: 'stale_fencing_token' } });
    expect(files.size).toBe(0);
  });

  test('ends it also when a sub-agent was at work: it is no observation of the caller', async () => {
    const world = createCrashWorld(createAgentExecutor, {
      scripts: {
        'rules-1': (_request, turn) =>
          turn === 0 ? { toolCalls: [call('delegate', { agent: 'finder', prompt: 'p' })] } : { text: 'done' },
        'small-1': (_request, turn) => (turn === 0 ? { toolCalls: [write('x')] } : { text: 'found' }),
      },
      parts: {
        tools: { allow: ['delegate'] },
        subAgents: [
          { agent: { agentId: 'finder' }, tools: { allow: ['write'] }, model: { id: 'small', model: 'small-1' } },
        ],
      },
    });
    const { result, requests } = await world.attempt(createKillPoints(), {
      onRecord: (nth) => {
        if (nth === 3) throw new DomainError('stale_fencing_token', 'the lease is over');
      },
    });
    expect(result?.outcome).toMatchObject({ status: 'failed', error: { code: 'stale_fencing_token' } });
    expect(requests).toHaveLength(2);
  });
});
