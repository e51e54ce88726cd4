import { createNodeHasher, dagOf, stepOf } from '@skein/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Dag } from './dag.ts';
import { dagDigest } from './dag-digest.ts';
import { interpreterOf, isPosixShell } from './interpreter.ts';
import type { Step } from './step.ts';
import { ancestorsOf } from './step-graph.ts';
import { validateDag } from './validate-dag.ts';

const shell = (text: string): Partial<Step> => ({ action: { kind: 'shell', commands: [text] } });
const problemsOf = (dag: Dag) => validateDag(dag).map(({ path, message }) => `${path.join('.')}: ${message}`);

describe('a graph', () => {
  test('that is sound has no problem', () => {
    const fetch = stepOf('fetch', {
      ...shell('echo ${params.url} ${env.HOME} ${run.id}'),
      outputs: [{ name: 'body', type: 'string' }],
    });
    const use = stepOf('use', {
      ...shell('echo ${steps.fetch.outputs.body} ${steps.fetch.stdout}'),
      depends: ['fetch'],
    });
    const far = stepOf('far', { ...shell('echo ${steps.fetch.exit_code}'), depends: ['use'] });
    expect(
      validateDag(dagOf([fetch, use, far], { params: [{ name: 'url', type: 'string', required: true }] })),
    ).toEqual([]);
  });

  test('with an id used twice, an unknown dependency and a bad name tells all', () => {
    const steps = [stepOf('build'), stepOf('build'), stepOf('test', { depends: ['biuld'] }), stepOf('a b')];
    expect(problemsOf(dagOf(steps, { name: '' }))).toEqual([
      'name: "" is no DAG name',
      'steps.3.id: "a b" is no step id',
      'steps.1.id: step 1 has the id "build" already',
      'steps.2.depends.0: there is no step "biuld"; did you mean "build"?',
    ]);
  });

  test('with cycles names each of them', () => {
    const steps = [
      stepOf('a', { depends: ['c'] }),
      stepOf('b', { depends: ['a'] }),
      stepOf('c', { depends: ['b'] }),
      stepOf('self', { depends: ['self'] }),
    ];
    expect(problemsOf(dagOf(steps))).toEqual([
      'steps.1.depends.0: these steps wait for each other: a -> c -> b -> a',
      'steps.3.depends.0: these steps wait for each other: self -> self',
    ]);
  });

  test('has a cycle exactly when its steps cannot be put in order', () => {
    const edges = fc.array(fc.tuple(fc.nat(5), fc.nat(5)), { maxLength: 10 });
    fc.assert(
      fc.property(edges, (pairs) => {
        const steps = [0, 1, 2, 3, 4, 5].map((id) =>
          stepOf(`s${id}`, { depends: pairs.filter(([from]) => from === id).map(([, to]) => `s${to}`) }),
        );
        const dag = dagOf(steps);
        const cyclic = steps.some((step) => ancestorsOf(dag, step).has(step.id));
        expect(validateDag(dag).length > 0).toBe(cyclic);
      }),
    );
  });

  test('of 20,000 steps in a chain is walked without exhausting the stack', () => {
    const steps = Array.from({ length: 20_000 }, (_, index) =>
      stepOf(`s${index}`, { depends: index === 0 ? [] : [`s${index - 1}`] }),
    );
    expect(validateDag(dagOf(steps.toReversed()))).toEqual([]);
  });
});

describe('a reference in a DAG', () => {
  const params = [{ name: 'region', type: 'string', required: false }] as const;
  const source = stepOf('source', { outputs: [{ name: 'file', type: 'string' }], ...shell('true') });
  const fan = stepOf('fan', {
    ...shell('echo ${item.name}'),
    foreach: { items: '${params.region}', maxConcurrent: 1 },
  });
  const agent = stepOf('agent', {
    action: {
      kind: 'agent',
      agent: 'x',
      prompt: '',
      outputSchema: { type: 'object', properties: { label: {} } },
      limits: {},
      memory: { read: false, propose: false },
    },
  });

  test.each([
    ['${params.regoin}', 'the DAG declares no parameter "regoin"; did you mean "region"?'],
    ['${steps.sorce.stdout}', 'there is no step "sorce"; did you mean "source"?'],
    ['${steps.late.stdout}', '"late" need not be finished by then'],
    ['${steps.user.stdout}', '"user" need not be finished by then'],
    ['${steps.source.outputs.fil}', '"source" declares no output "fil"; did you mean "file"?'],
    ['${steps.agent.outputs.lable}', '"agent" declares no output "lable"; did you mean "label"?'],
    ['${steps.agent.stdout}', '"agent" is of kind agent and has only outputs'],
    ['${steps.fan.stdout}', '"fan" is a fan-out and has only outputs'],
    ['${steps.fan.outputs.file}', '"fan" declares no output "file"'],
    ['${item}', 'has a value only inside a step with foreach'],
    ['${steps.source}', 'is no reference'],
    ['${params.region:-eu}', 'is no reference'],
  ])('%s is a problem', (text, message) => {
    const user = stepOf('user', { ...shell(`echo ${text}`), depends: ['source', 'fan', 'agent'] });
    const problems = validateDag(dagOf([source, fan, agent, user, stepOf('late', shell('true'))], { params }));
    expect(problems).toHaveLength(1);
    expect(problems[0]?.message).toContain(message);
    expect(problems[0]?.path).toEqual(['steps', 3, 'action', 'commands', 0]);
  });

  test.each([
    '${steps.fan.outputs.results.0.outputs.x}',
    '${steps.agent.outputs.label}',
    '${steps.source.outputs.file@file}',
    '$${params.nope}',
  ])('%s is no problem', (text) => {
    const user = stepOf('user', { ...shell(`echo ${text}`), depends: ['source', 'fan', 'agent'] });
    expect(validateDag(dagOf([source, fan, agent, user], { params }))).toEqual([]);
  });

  test('in env of the DAG is judged there once, and may not name a step', () => {
    const env = [{ name: 'A', value: '${steps.source.stdout}' }];
    expect(
      validateDag(dagOf([source, stepOf('user', { env, depends: ['source'] })], { env })).map(({ path }) => path),
    ).toEqual([['env', 0, 'value']]);
  });

  test('in a script for another interpreter is a problem that says what to do', () => {
    const script = (text: string): Step => stepOf('s', { action: { kind: 'script', script: text } });
    expect(problemsOf(dagOf([script('#!/usr/bin/env python3\nprint("${params.region}")')], { params }))).toEqual([
      'steps.0.action.script: a script for python3 may not contain ${params.region}: pass the value through env and read the variable',
    ]);
    expect(validateDag(dagOf([script('#!/bin/bash -e\necho ${params.region}')], { params }))).toEqual([]);
    expect(validateDag(dagOf([script('#!/usr/bin/python3\nprint("$${params.region}")')], { params }))).toEqual([]);
  });

  test('where a shell cannot take it is a problem', () => {
    const user = stepOf('user', shell("cat <<'EOF'\n${params.region}\nEOF"));
    expect(problemsOf(dagOf([user], { params }))[0]).toContain('quoted delimiter');
  });

  test('is what the items of a fan-out are, whole', () => {
    const withItems = (items: string | string[]) =>
      problemsOf(dagOf([stepOf('s', { foreach: { items, maxConcurrent: 1 } })], { params }));
    expect(withItems('${params.region}')).toEqual([]);
    expect(withItems(['a', '$HOME'])).toEqual([]);
    expect(withItems('x ${params.region}')).toHaveLength(1);
    expect(withItems('${item}')).toHaveLength(1);
    expect(withItems(['${params.region}'])).toHaveLength(1);
  });

  test('may name any step in a handler', () => {
    const handlers = { exit: stepOf('@exit', shell('echo ${steps.source.stdout}')) };
    expect(validateDag(dagOf([source], { handlers }))).toEqual([]);
  });
});

test('a default of the wrong type and a parameter declared twice are problems', () => {
  const params = [
    { name: 'n', type: 'integer', required: false, default: 'many' },
    { name: 'n', type: 'string', required: false },
  ] as const;
  expect(problemsOf(dagOf([], { params }))).toEqual([
    'params.0.default: in its default, the parameter "n" is not an integer',
    'params.1.name: there are two parameters "n"',
  ]);
});

test.each([
  ['#!/bin/sh\n', undefined, 'sh'],
  ['#!/usr/bin/env -S bash -e\n', ['python3'], 'bash'],
  ['#! /usr/bin/env FOO=1 node\n', undefined, 'node'],
  ['echo', ['/bin/busybox', 'sh'], 'sh'],
  ['echo', undefined, undefined],
])('the interpreter of %j with shell %j is %s', (script, shellWords, name) => {
  const step = stepOf('s', {
    action: { kind: 'script', script },
    ...(shellWords === undefined ? {} : { shell: shellWords }),
  });
  expect(interpreterOf(step)).toBe(name);
  expect(isPosixShell(name)).toBe(name !== 'node');
});

test('the digest of a DAG ignores the order of keys and changes with any value', () => {
  const hasher = createNodeHasher();
  const dag = dagOf([stepOf('a')]);
  const reordered = Object.fromEntries(Object.entries(dag).reverse()) as unknown as Dag;
  expect(dagDigest(reordered, hasher)).toBe(dagDigest(dag, hasher));
  expect(dagDigest({ ...dag, name: 'other' }, hasher)).not.toBe(dagDigest(dag, hasher));
  expect(dagDigest(dag, hasher)).toMatch(/^sha256:[0-9a-f]{64}$/);
});
