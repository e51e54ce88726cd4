import type { Dag, ExpandedAgent } from '@skein/domain';
import { dagDigest } from '@skein/domain';
import { createNodeHasher, dagOf, stepOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';
import { planDag } from './plan-dag.ts';
import { planParts } from './plan-parts.ts';

const hasher = createNodeHasher();
const stored = (dag: Dag) => ({ name: dag.name, digest: dagDigest(dag, hasher), dag });
const before = dagOf([stepOf('a'), stepOf('b'), stepOf('c')], { handlers: { exit: stepOf('@exit') } });

describe('the plan of a DAG', () => {
  test('names steps and handlers that come, go and change, and other fields that differ', () => {
    const after = dagOf([stepOf('a'), stepOf('b', { depends: ['a'] }), stepOf('d')], {
      description: 'new',
      handlers: { failure: stepOf('@failure') },
    });
    expect(planDag(stored(after), stored(before))).toEqual({
      name: 'sample',
      change: 'updated',
      before: stored(before).digest,
      digest: stored(after).digest,
      steps: { added: ['d', '@failure'], removed: ['c', '@exit'], changed: ['b'] },
      fields: ['description'],
    });
  });

  test('says that only the order of steps changed', () => {
    const after = { ...before, steps: before.steps.toReversed() };
    expect(planDag(stored(after), stored(before))).toMatchObject({
      change: 'updated',
      steps: { added: [], removed: [], changed: [] },
      fields: ['step order'],
    });
  });

  test('of a new one adds all its steps, and of an equal one nothing', () => {
    expect(planDag(stored(before), undefined)).toMatchObject({
      change: 'created',
      steps: { added: ['a', 'b', 'c', '@exit'] },
      fields: [],
    });
    expect(planDag(stored(before), stored(structuredClone(before)))).toMatchObject({ change: 'unchanged', fields: [] });
  });
});

const agent: ExpandedAgent = {
  description: '',
  instructions: '',
  model: { id: 'default', provider: 'offline', model: 'rules', parameters: {} },
  soul: { id: 'calm', name: 'Calm', description: '', content: 'Be calm.' },
  skills: { a: { name: 'a', description: '', body: '1', metadata: {}, files: [] } },
  tools: { allow: [], bash: { allow: [], deny: [] }, servers: {} },
  limits: {},
  subAgents: {},
};

test('a part that several agents use is one line that names them all', () => {
  const model = { ...agent.model, parameters: { temperature: 1 } };
  const soul = { ...agent.soul!, id: 'wild' };
  expect(
    planParts([
      { agentId: 'one', before: agent, after: { ...agent, model } },
      { agentId: 'two', before: agent, after: { ...agent, model, soul, skills: {} } },
      { agentId: 'three', before: agent, after: { ...agent, instructions: 'new' } },
    ]),
  ).toEqual([
    { kind: 'model', name: 'default', change: 'changed', agents: ['one', 'two'] },
    { kind: 'soul', name: 'calm', change: 'removed', agents: ['two'] },
    { kind: 'skill', name: 'a', change: 'removed', agents: ['two'] },
    { kind: 'soul', name: 'wild', change: 'added', agents: ['two'] },
  ]);
});
