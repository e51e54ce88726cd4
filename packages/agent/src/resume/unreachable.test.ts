import { DomainError, type JsonValue, type ValueRef } from '@skein/domain';
import type { Checkpoints, ExecutionContext, ToolCall, WorkTree } from '@skein/ports';
import {
  agentContextOf,
  agentStoresOf,
  createMemoryLog,
  createMemoryStep,
  createMemoryToolHost,
  createScriptedModel,
  createScriptedToolServers,
  FakeClock,
  type MemoryAttemptFaults,
  shopServer,
} from '@skein/testkit';
import { describe, expect, test } from 'vitest';
import { createAgentExecutor } from '../agent-executor.ts';

const call = (tool: string, input: JsonValue): ToolCall => ({ callId: `c-${tool}`, tool, input });
const away = new DomainError('unavailable', 'the coordinator is away');

/** A step of an agent that writes files and has a shop; each attempt is given the turns of its model. */
const setUp = () => {
  const step = createMemoryStep();
  const ordered: (string | undefined)[] = [];
  const shop = createScriptedToolServers({
    shop: {
      tools: [{ name: 'order' }],
      call: (_tool: string, _input: JsonValue, _signal: AbortSignal, key?: string) => ordered.push(key),
    },
  });
  const stores = agentStoresOf({ tools: { allow: ['write'], servers: shopServer } });
  const attempt = (
    turns: Parameters<typeof createScriptedModel>[0],
    { hasShop = true, ...faults }: MemoryAttemptFaults & { readonly hasShop?: boolean } = {},
    change: (context: ExecutionContext) => Partial<ExecutionContext> = () => ({}),
  ) => {
    const toolHost = createMemoryToolHost();
    const clock = new FakeClock();
    const opened = agentContextOf({ stores, ...step.open(toolHost, faults) });
    const result = createAgentExecutor({
      model: createScriptedModel(turns),
      toolHost,
      ...(hasShop ? { toolServers: shop } : {}),
      clock,
      log: createMemoryLog(),
      meter: { count: () => {}, gauge: () => {}, observe: () => {} },
    }).execute({ ...opened, ...change(opened) }, new AbortController().signal);
    return { result, clock, toolHost };
  };
  return { step, ordered, attempt };
};

const dead = () => {
  throw new DomainError('stale_fencing_token', 'the worker died');
};

describe('what an attempt goes on from, while the coordinator is away,', () => {
  test.each<readonly [string, (context: ExecutionContext) => Partial<ExecutionContext>]>([
    ['its files', ({ workTree }) => ({ workTree: { ...(workTree as WorkTree), restore: () => Promise.reject(away) } })],
    [
      'its values',
      ({ checkpoints }) => ({
        checkpoints: { ...(checkpoints as Checkpoints), load: (_ref: ValueRef) => Promise.reject(away) },
      }),
    ],
  ])('hands the task back: %s', async (_what, change) => {
    const { step, attempt } = setUp();
    const write = { toolCalls: [call('write', { path: 'a', content: 'x' })] };
    await attempt([write], { onRecord: (nth) => (nth > 2 ? dead() : undefined) }).result;
    const before = step.log.length;
    expect(before).toBe(2);
    const { outcome } = await attempt([], {}, change).result;
    expect(outcome).toEqual({ status: 'released', error: { code: 'unavailable', message: away.message } });
    expect(step.log).toHaveLength(before);
    expect((await attempt([{ text: 'done' }]).result).outcome).toEqual({ status: 'succeeded' });
  });
});

test('a call that was refused because its server was away is not made by an attempt that has the server', async () => {
  const { step, ordered, attempt } = setUp();
  const turn = { toolCalls: [call('shop__order', { what: 'tea' }), call('write', { path: 'a', content: 'x' })] };
  await attempt([turn], { hasShop: false, onRecord: (nth) => (nth > 1 ? dead() : undefined) }).result;
  expect(step.log).toMatchObject([{ calls: [{ tool: 'shop__order', class: 'read_only' }, { tool: 'write' }] }]);
  expect((await attempt([{ text: 'done' }]).result).outcome).toEqual({ status: 'succeeded' });
  expect(ordered).toEqual([]);
  expect(step.log[1]).toMatchObject({ tool: 'shop__order', isError: true });
});

test('an attempt whose time is over does not wait for a durable point', async () => {
  const { attempt } = setUp();
  const { result, clock, toolHost } = attempt(
    [{ toolCalls: [call('write', { path: 'a', content: 'x' })] }],
    {},
    ({ checkpoints }) => ({ checkpoints: { ...(checkpoints as Checkpoints), record: () => new Promise(() => {}) } }),
  );
  await clock.settle();
  await clock.advance(24 * 3_600_000);
  expect((await result).outcome).toMatchObject({ error: { code: 'deadline_exceeded' } });
  expect(toolHost.files.size).toBe(0);
});
