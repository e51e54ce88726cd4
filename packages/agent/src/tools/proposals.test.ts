import { type JsonValue, maxProposalBytes, maxProposals } from '@skein/domain';
import {
  agentContextOf,
  agentStoresOf,
  createMemoryLog,
  createMemoryToolHost,
  createScriptedModel,
  FakeClock,
} from '@skein/testkit';
import { describe, expect, test } from 'vitest';
import { createAgentExecutor } from '../agent-executor.ts';

const meter = { count: () => {}, gauge: () => {}, observe: () => {} };

/** Runs one turn with these calls of `remember`. */
const remember = async (inputs: readonly JsonValue[], { propose = true, allow = ['remember'], fails = false } = {}) => {
  const toolCalls = inputs.map((input, index) => ({ callId: `c${index}`, tool: 'remember', input }));
  const model = createScriptedModel([{ toolCalls }, fails ? new TypeError('bug') : { text: 'done' }]);
  const stores = agentStoresOf({ tools: { allow } });
  const context = agentContextOf({ stores, action: { memory: { read: false, propose } } });
  const deps = { model, toolHost: createMemoryToolHost(), clock: new FakeClock(), log: createMemoryLog(), meter };
  const result = await createAgentExecutor(deps).execute(context, new AbortController().signal);
  const message = model.requests[1]?.messages.at(-1);
  return {
    result,
    proposals: result.proposals,
    answers: message?.role === 'tool' ? message.results : [],
    request: model.requests[0],
  };
};

test('proposals are in the result, by scope, and the model is told that they change nothing', async () => {
  const { proposals, answers } = await remember([
    { op: 'append', text: 'Geese are loud.' },
    { scope: 'dag', op: 'replace', text: 'b', basis: 'a' },
    { scope: 'global', op: 'remove', basis: 'old', text: 'ignored' },
    { scope: null, op: 'append', text: 'a\u0000b', basis: 'ignored' },
  ]);
  expect(proposals).toEqual([
    { scope: 'agent/helper', op: 'append', text: 'Geese are loud.' },
    { scope: 'dag/demo', op: 'replace', text: 'b', basis: 'a' },
    { scope: 'global', op: 'remove', text: '', basis: 'old' },
    { scope: 'agent/helper', op: 'append', text: 'ab' },
  ]);
  expect(answers[0]).toMatchObject({ isError: false, output: { note: expect.stringContaining('not a change') } });
});

describe('nothing is proposed', () => {
  test.each<JsonValue>([
    null,
    {},
    { op: 'append' },
    { op: 'append', text: ' \n' },
    { op: 'replace', text: 'x' },
    { op: 'remove' },
    { op: 'forget', text: 'x' },
    { op: 'append', text: 'x', scope: 'agent/other' },
    { op: 'append', text: 7 },
  ])('by the input %j', async (input) => {
    const { proposals, answers } = await remember([input]);
    expect(answers[0]).toMatchObject({ isError: true, output: { error: 'invalid_argument' } });
    expect(proposals).toBeUndefined();
  });

  test('when the text is too large, counted in bytes', async () => {
    const fits = 'ä'.repeat(maxProposalBytes / 2);
    const { proposals, answers } = await remember([
      { op: 'append', text: fits },
      { op: 'append', text: `${fits}a` },
      { op: 'remove', basis: `${fits}a` },
    ]);
    expect(proposals).toHaveLength(1);
    expect(answers.slice(1).map(({ output }) => output)).toEqual([
      expect.objectContaining({ error: 'too_large' }),
      expect.objectContaining({ error: 'too_large' }),
    ]);
  });

  test('after the most that one step may propose', async () => {
    const inputs = Array.from({ length: maxProposals + 1 }, (_, index) => ({ op: 'append', text: `note ${index}` }));
    const { proposals, answers } = await remember(inputs);
    expect(proposals).toHaveLength(maxProposals);
    expect(answers.at(-1)).toMatchObject({ isError: true, output: { error: 'resource_exhausted' } });
  });

  test.each([
    ['the step does not let it', { propose: false }],
    ['the agent may not', { allow: [] }],
  ])('when %s: the tool is not offered, and a call is denied', async (_name, leave) => {
    const { proposals, answers, request } = await remember([{ op: 'append', text: 'x' }], leave);
    expect(request?.tools).toEqual([]);
    expect(request?.system).not.toContain('remember');
    expect(answers[0]).toMatchObject({ isError: true, output: { error: 'permission_denied' } });
    expect(proposals).toBeUndefined();
  });

  test('when the attempt fails afterwards', async () => {
    const { result } = await remember([{ op: 'append', text: 'x' }], { fails: true });
    expect(result.outcome.status).toBe('failed');
    expect(result).not.toHaveProperty('proposals');
  });
});
