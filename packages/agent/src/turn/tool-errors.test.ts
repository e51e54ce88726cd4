import type { ToolCall } from '@skein/ports';
import {
  agentContextOf,
  agentStoresOf,
  createMemoryLog,
  createMemoryToolHost,
  createScriptedModel,
  FakeClock,
} from '@skein/testkit';
import { expect, test } from 'vitest';
import { createAgentExecutor } from '../agent-executor.ts';

test('tool calls that ended in an error are counted in the usage', async () => {
  const read = (path: string, callId: string): ToolCall => ({ callId, tool: 'read', input: { path } });
  const write: ToolCall = { callId: 'w', tool: 'write', input: { path: 'a', content: 'x' } };
  const model = createScriptedModel([
    { toolCalls: [read('nowhere', '1'), write] },
    { toolCalls: [read('nowhere', '3'), read('a', '4')] },
    { text: 'done' },
  ]);
  const executor = createAgentExecutor({
    model,
    toolHost: createMemoryToolHost(),
    clock: new FakeClock(),
    log: createMemoryLog(),
    meter: { count: () => {}, gauge: () => {}, observe: () => {} },
  });
  const context = agentContextOf({ stores: agentStoresOf({ tools: { allow: ['read', 'write'] } }) });
  const { usage } = await executor.execute(context, new AbortController().signal);
  expect(usage).toMatchObject({ toolCalls: 4, toolErrors: 2 });
});
