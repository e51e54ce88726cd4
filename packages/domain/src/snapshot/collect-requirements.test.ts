import { dagOf, stepOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';
import type { Dag } from '../dag/dag.ts';
import type { Step } from '../dag/step.ts';
import { collectRequirements } from './collect-requirements.ts';

const agentStep = (id: string, agent: string, fields: { version?: string; read?: boolean } = {}): Step =>
  stepOf(id, {
    action: {
      kind: 'agent',
      agent,
      ...(fields.version === undefined ? {} : { version: fields.version }),
      prompt: '',
      limits: {},
      memory: { read: fields.read ?? false, propose: false },
    },
  });
const callStep = (id: string, dag: string, choices?: readonly string[]): Step =>
  stepOf(id, { action: { kind: 'call', dag, ...(choices === undefined ? {} : { choices }) } });
const collect = (dag: Dag, others: readonly Dag[] = []) =>
  collectRequirements(dag, (name) => others.find((other) => other.name === name));

describe('the requirements of a DAG', () => {
  test('without agents are empty', () => {
    expect(collect(dagOf([stepOf('a')]))).toEqual({
      ok: true,
      value: { agents: [], memory: { global: false, dags: [], agents: [] } },
    });
  });

  test('come from steps, handlers and every sub-DAG, each agent once with who asked first', () => {
    const inner = dagOf([agentStep('z', 'zoe'), callStep('back', 'outer')], { name: 'inner' });
    const outer = dagOf([agentStep('a', 'ann'), callStep('go', 'inner'), agentStep('b', 'ann')], {
      name: 'outer',
      handlers: { failure: agentStep('help', 'bob') },
    });
    const collected = collect(outer, [inner, outer]);
    expect(collected.ok && collected.value.agents).toEqual([
      { agentId: 'ann', askedBy: 'step "a" of DAG "outer"' },
      { agentId: 'bob', askedBy: 'step "help" of DAG "outer"' },
      { agentId: 'zoe', askedBy: 'step "z" of DAG "inner" (called by step "go" of DAG "outer")' },
    ]);
  });

  test('visit two DAGs of one name when their contents differ', () => {
    const inline = dagOf([agentStep('i', 'inline')], { name: 'same' });
    const named = dagOf([agentStep('n', 'named')], { name: 'same' });
    const middle = dagOf([callStep('c', 'same')], { name: 'middle', subDags: { same: inline } });
    const top = dagOf([callStep('a', 'middle'), callStep('b', 'same')], { name: 'top' });
    const collected = collect(top, [named, middle]);
    expect(collected.ok && collected.value.agents.map(({ agentId }) => agentId)).toEqual(['inline', 'named']);
  });

  test('take memory only of the DAGs and agents whose own steps opted in', () => {
    const sub = dagOf([agentStep('s', 'bob')], { name: 'sub' });
    const top = dagOf([agentStep('t', 'ann', { read: true }), agentStep('u', 'cid'), callStep('c', 'sub')], {
      name: 'top',
    });
    const collected = collect(top, [sub]);
    expect(collected.ok && collected.value.memory).toEqual({ global: true, dags: ['top'], agents: ['ann'] });
  });

  test('fail with the path to a sub-DAG that does not exist', () => {
    const inner = dagOf([callStep('deep', 'nowhere')], { name: 'inner' });
    expect(collect(dagOf([callStep('go', 'inner')], { name: 'top' }), [inner])).toEqual({
      ok: false,
      error: [
        {
          message:
            'step "deep" of DAG "inner" (called by step "go" of DAG "top") calls the DAG "nowhere", which does not exist',
        },
      ],
    });
  });

  test('follow every choice of a call by expression, and fail without choices', () => {
    const others = ['one', 'two'].map((name) => dagOf([agentStep(name, name)], { name }));
    const chosen = collect(dagOf([callStep('go', '${params.which}', ['one', 'two'])]), others);
    expect(chosen.ok && chosen.value.agents.map(({ agentId }) => agentId)).toEqual(['one', 'two']);
    expect(collect(dagOf([callStep('go', '${params.which}')]), others)).toMatchObject({ ok: false, error: [{}] });
  });

  test('keep a pinned version and refuse two of one agent', () => {
    const pinned = collect(dagOf([agentStep('a', 'ann'), agentStep('b', 'ann', { version: 'v2' })]));
    expect(pinned.ok && pinned.value.agents).toMatchObject([{ agentId: 'ann', version: 'v2' }]);
    const both = collect(dagOf([agentStep('a', 'ann', { version: 'v1' }), agentStep('b', 'ann', { version: 'v2' })]));
    expect(both).toMatchObject({
      ok: false,
      error: [{ message: expect.stringContaining('one version of an agent') as string }],
    });
  });
});
