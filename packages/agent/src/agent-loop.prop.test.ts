import type { JsonValue } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { Turn } from '@skein/ports';
import {
  agentContextOf,
  agentStoresOf,
  anyText,
  createMemoryLog,
  createMemoryToolHost,
  createScriptedModel,
  FakeClock,
  propertyRuns,
} from '@skein/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createAgentExecutor } from './agent-executor.ts';

const json = fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<JsonValue>;
const toolCall = fc.record({
  callId: fc.constantFrom('', 'a', 'b'),
  tool: fc.constantFrom('read', 'write', 'bash', 'load_skill', 'output', 'nonsense', ''),
  input: fc.oneof(
    json,
    fc.constantFrom<JsonValue[]>({ path: '../x' }, { path: 'a', content: 'x' }, { command: 'ls' }, { n: 1 }),
  ),
});
const tokens = fc.oneof(fc.nat(5_000), fc.constantFrom(Number.NaN, -1, Number.POSITIVE_INFINITY));
const turn: fc.Arbitrary<Turn | Error> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      text: anyText(200),
      toolCalls: fc.array(toolCall, { maxLength: 4 }),
      finishReason: fc.constantFrom<Turn['finishReason'][]>('stop', 'tool_calls', 'length', 'content_filter', 'other'),
      usage: fc.record({ inputTokens: tokens, outputTokens: tokens }),
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom(new DomainError('unavailable', 'down', {}), new TypeError('bug')) },
);

test('the loop ends within its limits, whatever the model answers', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(turn, { minLength: 1, maxLength: 8 }),
      fc.record({
        maxTurns: fc.integer({ min: 1, max: 12 }),
        maxTokens: fc.integer({ min: 1, max: 20_000 }),
        maxToolCalls: fc.nat(10),
        maxOutputBytes: fc.integer({ min: 1, max: 500 }),
      }),
      fc.boolean(),
      async (script, limits, withSchema) => {
        const model = createScriptedModel(script);
        const clock = new FakeClock();
        const schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] };
        const stores = agentStoresOf({
          agent: {
            limits,
            ...(withSchema ? { outputSchema: schema } : {}),
          },
          tools: { allow: ['read', 'write', 'bash'], bash: { allow: ['ls'], deny: [] } },
        });
        const executor = createAgentExecutor({
          model,
          toolHost: createMemoryToolHost(),
          clock,
          log: createMemoryLog(),
          meter: { count: () => {}, gauge: () => {}, observe: () => {} },
        });
        const running = executor.execute(agentContextOf({ stores }), new AbortController().signal);
        let ended = false;
        const done = running.finally(() => {
          ended = true;
        });
        // Only the retries of a provider wait; two of them at most.
        await clock.advance(60_000);
        expect(ended).toBe(true);
        const { outcome, usage, outputs } = await done;
        expect(usage?.turns).toBeLessThanOrEqual(limits.maxTurns);
        expect(usage?.toolCalls).toBeLessThanOrEqual(limits.maxToolCalls);
        expect(usage?.schemaRepairs).toBeLessThanOrEqual(2);
        expect(model.requests.length).toBeLessThanOrEqual(limits.maxTurns + 2);
        expect(clock.pending).toBe(0);
        if (outcome.status === 'succeeded') {
          expect((usage?.inputTokens ?? 0) + (usage?.outputTokens ?? 0)).toBeLessThanOrEqual(limits.maxTokens);
          expect(Object.keys(outputs)).toContain(withSchema ? 'n' : 'text');
        } else {
          expect(outcome.status).toBe('failed');
          expect(outputs).toEqual({});
        }
      },
    ),
    { numRuns: propertyRuns(40) },
  );
}, 60_000);
