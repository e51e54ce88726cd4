import { defaultAgentLimits } from '@skein/domain';
import { expect, test } from 'vitest';
import { createBudget } from './budget.ts';

const model = { id: 'm', provider: 'offline', model: 'rules-1', parameters: {} } as const;
const turnOf = (inputTokens: number, outputTokens: number) =>
  ({ text: '', toolCalls: [], finishReason: 'stop', usage: { inputTokens, outputTokens } }) as const;

test.each([Number.NaN, Number.POSITIVE_INFINITY, -5])(
  'a provider that counts %s tokens is counted as none',
  (tokens) => {
    const budget = createBudget(defaultAgentLimits, model);
    budget.afterTurn(turnOf(tokens, 7));
    expect(budget.usage()).toMatchObject({ inputTokens: 0, outputTokens: 7, turns: 1 });
  },
);

test('the turn that passes the limit of tokens is counted and is the last', () => {
  const budget = createBudget({ ...defaultAgentLimits, maxTokens: 10 }, model);
  budget.afterTurn(turnOf(4, 6));
  expect(() => budget.beforeTurn()).toThrow(expect.objectContaining({ code: 'resource_exhausted' }));
  expect(() => budget.afterTurn(turnOf(1, 0))).toThrow(
    expect.objectContaining({ details: { limit: 'tokens', max: 10, used: 11 } }),
  );
  expect(budget.usage()).toMatchObject({ inputTokens: 5, outputTokens: 6, turns: 2 });
});
