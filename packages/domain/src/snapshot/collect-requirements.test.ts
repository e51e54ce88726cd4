import { createNodeHasher, dagOf, stepOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';
import type { Dag } from '../dag/dag.ts';
import { dagDigest } from '../dag/dag-digest.ts';
import type { Step } from '../dag/step.ts';
import { collectRequirements, maxDagsInTree } from './collect-requirements.ts';

const hasher = createNodeHasher();
const digestOf = (dag: Dag) => dagDigest(dag, hasher);
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
  collectRequirements(dag, { resolveDag: (name) => others.find((other) => other.name === name), digestOf });
const messagesOf = (collected: ReturnType<typeof collect>) =>
  collected.ok ? [] : collected.error.map(({ message }) => message);

describe('the requirements of a DAG', () => {
  test('without agents are empty', () => {
    expect(collect(dagOf([stepOf('a')]))).toEqual({
      ok: true,
      value: { agents: [], memory: { global: false, dags: [], agents: [], steps: {} }, calls: {}, askers: [] },
    });
  });

  test('come from steps, handlers and every sub-DAG, each agent once with who asked first', () => {
    const inner = dagOf([agentStep('z', 'zoe'), callStep('back', 'outer')], { name: 'inner' });
    const outer = dagOf([agentStep('a', 'ann'), callStep('go', 'inner'), agentStep('b', 'ann')], {
      name: 'outer',
      handlers: { failure: agentStep('@failure', 'bob') },
    });
    const collected = collect(outer, [inner, outer]);
    expect(collected.ok && collected.value.agents).toEqual([
      { agentId: 'ann', askedBy: 'step "a" of DAG "outer"', steps: ['outer/a', 'outer/b'] },
      { agentId: 'bob', askedBy: 'handler "failure" of DAG "outer"', steps: ['outer/@failure'] },
      {
        agentId: 'zoe',
        askedBy: 'step "z" of DAG "inner" (called by step "go" of DAG "outer")',
        steps: ['inner/z'],
      },
    ]);
    expect(collected.ok && collected.value.askers).toEqual(['outer/a', 'outer/b', 'outer/@failure', 'inner/z']);
    expect(collected.ok && collected.value.calls).toEqual({
      [digestOf(outer)]: { inner: digestOf(inner) },
      [digestOf(inner)]: { outer: digestOf(outer) },
    });
  });

  test('name the first four askers of an agent and of a memory scope, in walk order', () => {
    const steps = ['e', 'd', 'c', 'b', 'a'].map((id) => agentStep(id, 'ann', { read: true }));
    const collected = collect(dagOf(steps, { name: 'daily' }));
    const four = ['daily/e', 'daily/d', 'daily/c', 'daily/b'];
    expect(collected.ok && collected.value.agents[0]?.steps).toEqual(four);
    expect(collected.ok && collected.value.memory.steps).toEqual({
      'agent/ann': four,
      'dag/daily': four,
      global: four,
    });
  });

  test('visit two DAGs of one name when their contents differ', () => {
    const inline = dagOf([agentStep('i', 'inline')], { name: 'same' });
    const named = dagOf([agentStep('n', 'named')], { name: 'same' });
    const middle = dagOf([callStep('c', 'same')], { name: 'middle', subDags: { same: inline } });
    const top = dagOf([callStep('a', 'middle'), callStep('b', 'same')], { name: 'top' });
    const collected = collect(top, [named, middle]);
    expect(collected.ok && collected.value.agents.map(({ agentId }) => agentId)).toEqual(['inline', 'named']);
    expect(collected.ok && collected.value.calls).toEqual({
      [digestOf(top)]: { middle: digestOf(middle), same: digestOf(named) },
      [digestOf(middle)]: { same: digestOf(inline) },
    });
  });

  test('visit one content once, however many steps and names lead to it', () => {
    const leaf = dagOf([agentStep('a', 'ann')], { name: 'leaf' });
    let digests = 0;
    const top = dagOf(
      Array.from({ length: 500 }, (_, index) => callStep(`s${index}`, 'leaf')),
      { name: 'top' },
    );
    const collected = collectRequirements(top, {
      resolveDag: () => structuredClone(leaf),
      digestOf: (dag) => {
        digests += 1;
        return digestOf(dag);
      },
    });
    expect(collected.ok && collected.value.agents[0]?.steps).toEqual(['leaf/a']);
    expect(digests).toBe(2);
  });

  test('let the documents of a file call one another and its root before the DAGs of the project', () => {
    const first = dagOf([callStep('to', 'second'), callStep('up', 'top')], { name: 'first' });
    const second = dagOf([agentStep('a', 'ann')], { name: 'second' });
    const top = dagOf([callStep('go', 'first')], { name: 'top', subDags: { first, second } });
    const others = [
      dagOf([agentStep('x', 'wrong')], { name: 'second' }),
      dagOf([agentStep('y', 'wrong')], { name: 'top' }),
    ];
    const collected = collect(top, others);
    expect(collected.ok && collected.value.agents.map(({ agentId }) => agentId)).toEqual(['ann']);
    expect(collected.ok && collected.value.calls).toEqual({
      [digestOf(top)]: { first: digestOf(first) },
      [digestOf(first)]: { second: digestOf(second), top: digestOf(top) },
    });
  });

  test('fail where one content calls different DAGs of one name in two files', () => {
    const shared = dagOf([callStep('to', 'leaf')], { name: 'shared' });
    const fileOf = (name: string, agent: string) =>
      dagOf([callStep('go', 'shared')], {
        name,
        subDags: { shared, leaf: dagOf([agentStep('a', agent)], { name: 'leaf' }) },
      });
    const files = [fileOf('one', 'ann'), fileOf('two', 'bob')];
    const top = dagOf([callStep('a', 'one'), callStep('b', 'two')], { name: 'top' });
    expect(messagesOf(collect(top, files))).toEqual([
      'step "to" of DAG "shared" (called by step "go" of DAG "two" (called by step "b" of DAG "top")) calls another DAG "leaf" than the same DAG "shared" does elsewhere in the tree',
    ]);
    expect(collect(top, [fileOf('one', 'ann'), fileOf('two', 'ann')]).ok).toBe(true);
  });

  test('take memory only of the DAGs and agents whose own steps opted in', () => {
    const sub = dagOf([agentStep('s', 'bob')], { name: 'sub' });
    const top = dagOf([agentStep('t', 'ann', { read: true }), agentStep('u', 'cid'), callStep('c', 'sub')], {
      name: 'top',
    });
    const collected = collect(top, [sub]);
    expect(collected.ok && collected.value.memory).toEqual({
      global: true,
      dags: ['top'],
      agents: ['ann'],
      steps: { 'agent/ann': ['top/t'], 'dag/top': ['top/t'], global: ['top/t'] },
    });
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
    expect(chosen.ok && Object.values(chosen.value.calls).map((names) => Object.keys(names))).toEqual([['one', 'two']]);
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

  test('span at most 256 DAGs', () => {
    const chain = (length: number) =>
      Array.from({ length }, (_, index) =>
        dagOf(index + 1 < length ? [callStep('next', `d${index + 1}`)] : [agentStep('a', 'ann')], {
          name: `d${index}`,
        }),
      );
    const longest = chain(maxDagsInTree);
    expect(collect(longest[0] as Dag, longest).ok).toBe(true);
    const longer = chain(maxDagsInTree + 1);
    const problems = messagesOf(collect(longer[0] as Dag, longer));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(
      'the tree of DAG "d0" has more than 256 DAGs, with DAG "d256" (called by step "next"',
    );
    const wide = dagOf(
      Array.from({ length: 2_000 }, (_, index) => callStep(`s${index}`, `w${index}`)),
      { name: 'wide' },
    );
    const asked: string[] = [];
    const collected = collectRequirements(wide, {
      resolveDag: (name) => {
        asked.push(name);
        return dagOf([], { name });
      },
      digestOf,
    });
    expect(messagesOf(collected)).toHaveLength(1);
    expect(asked.length).toBe(maxDagsInTree);
  });

  test('are found in a DAG of any size in linear time, names that reach a prototype included', () => {
    const names = ['__proto__', 'constructor'];
    const others = names.map((name) => dagOf([agentStep('a', name)], { name }));
    const steps = Array.from({ length: 8_000 }, (_, index) =>
      index % 2 === 0 ? callStep(`s${index}`, names[index % 4 === 0 ? 0 : 1] as string) : agentStep(`s${index}`, 'ann'),
    );
    const collected = collect(dagOf(steps, { name: 'top' }), others);
    expect(collected.ok && collected.value.agents.map(({ agentId }) => agentId)).toEqual([
      '__proto__',
      'ann',
      'constructor',
    ]);
    const [targets] = collected.ok ? Object.values(collected.value.calls) : [];
    expect(Object.keys(targets ?? {}).sort()).toEqual(names);
  });
});
