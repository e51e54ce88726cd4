import { dagOf, stepOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';
import type { JsonValue } from '../json/json-value.ts';
import { calledNamesOf, isChosenCall, outputNamesOfDag } from './called-dags.ts';
import type { Dag } from './dag.ts';
import { indexDag } from './dag-index.ts';
import type { Step } from './step.ts';
import { validateDag } from './validate-dag.ts';

type CallFields = { readonly choices?: readonly string[]; readonly params?: { readonly [name: string]: JsonValue } };

const shell = (text: string): Partial<Step> => ({ action: { kind: 'shell', commands: [text] } });
const callOf = (id: string, dag: string, call: CallFields = {}, fields: Partial<Step> = {}): Step =>
  stepOf(id, { action: { kind: 'call', dag, ...call }, ...fields });
const problemsOf = (dag: Dag) => validateDag(dag).map(({ path, message }) => `${path.join('.')}: ${message}`);

const child = dagOf(
  [stepOf('work', { ...shell('true'), output: 'RESULT', outputs: [{ name: 'n', type: 'integer' }] })],
  {
    name: 'child',
    params: [
      { name: 'who', type: 'string', required: true },
      { name: 'count', type: 'integer', required: false, default: 3 },
      { name: 'mode', type: 'string', required: true, default: 'fast' },
    ],
  },
);
const withChild = (...steps: readonly Step[]): Dag => dagOf(steps, { subDags: { child }, params: [who] });
const who = { name: 'who', type: 'string', required: false } as const;
const given = { params: { who: 'geese' } };

describe('a call', () => {
  test('of a DAG that is not inline is no problem: it may be one of the project', () => {
    expect(problemsOf(dagOf([callOf('a', 'elsewhere', { params: { any: ['thing'] } })]))).toEqual([]);
  });

  test.each(['', 'a b', './child', '${NAME}', '@exit'])('of %j is a problem', (name) => {
    expect(problemsOf(dagOf([callOf('a', name)]))).toEqual([`steps.0.action.dag: "${name}" is no DAG name`]);
  });

  test('of a name that is chosen needs the names that it may become, all of which must be names', () => {
    const chosen = (choices?: readonly string[]) =>
      problemsOf(dagOf([callOf('a', 'x-${params.who}', choices === undefined ? {} : { choices })], { params: [who] }));
    const missing =
      'steps.0.action.dag: "x-${params.who}" holds references: the DAGs that it may become must be listed';
    expect(chosen()).toEqual([missing]);
    expect(chosen([])).toEqual([missing]);
    expect(chosen(['x-a', 'x b'])).toEqual(['steps.0.action.choices.1: "x b" is no DAG name']);
    expect(chosen(['x-a', 'x-b'])).toEqual([]);
  });

  test('hands an inline DAG the parameters that it declares, of their types, and all that it requires', () => {
    const problems = (params?: { readonly [name: string]: JsonValue }) =>
      problemsOf(withChild(callOf('a', 'child', params === undefined ? {} : { params })));
    expect(problems({ who: 'x', count: '4' })).toEqual([]);
    expect(problems()).toEqual(['steps.0.action.dag: DAG "child" needs the parameter "who"']);
    expect(problems({ who: 'x', cuont: 1 })).toEqual([
      'steps.0.action.params: DAG "child" declares no parameter "cuont"; did you mean "count"?',
    ]);
    expect(problems({ who: 'x', count: 'many' })).toEqual([
      'steps.0.action.params: in the call of "child", the parameter "count" is not an integer',
    ]);
    expect(problems({ who: 'x', count: '${params.who}' })).toEqual([]);
    expect(problems({ who: 'x', toString: 1 } as unknown as { [name: string]: JsonValue })).toHaveLength(1);
  });

  test('that chooses must fit every inline DAG that it may become', () => {
    const plain = dagOf([stepOf('x')], { name: 'plain' });
    const call = callOf('a', '${params.who}', { choices: ['child', 'plain', 'elsewhere'], ...given });
    expect(problemsOf(dagOf([call], { subDags: { child, plain }, params: [who] }))).toEqual([
      'steps.0.action.params: DAG "plain" declares no parameter "who"',
    ]);
    const bare = callOf('a', '${params.who}', { choices: ['child'] });
    expect(problemsOf(withChild(bare))).toEqual(['steps.0.action.choices: DAG "child" needs the parameter "who"']);
  });

  test('may refer from its name and deep in its parameters, but not to the environment', () => {
    const params = { who: ['${params.lost}', { deep: 'x ${steps.gone.stdout}' }], count: '${env.HOME}' };
    const call = callOf('a', '${params.nope}', { choices: ['elsewhere'], params });
    expect(problemsOf(dagOf([call, callOf('b', '${env.X}', { choices: ['elsewhere'] })]))).toEqual([
      'steps.0.action.params: ${env.HOME}: a call has no environment',
      'steps.1.action.dag: ${env.X}: a call has no environment',
      'steps.0.action.dag: ${params.nope}: the DAG declares no parameter "nope"',
      'steps.0.action.params.who.0: ${params.lost}: the DAG declares no parameter "lost"',
      'steps.0.action.params.who.1.deep: ${steps.gone.stdout}: there is no step "gone"',
    ]);
  });

  test('has preconditions that a coordinator can judge', () => {
    const preconditions = [
      { condition: '${params.who}', expected: 'geese', negate: true },
      { condition: 'test -f x', negate: false },
      { condition: '${params.who}', expected: 're:g.*', negate: false },
      { condition: '${env.HOME}', expected: '/', negate: false },
      { condition: 'x', expected: '${env.HOME}', negate: false },
    ];
    expect(problemsOf(withChild(callOf('a', 'child', given, { preconditions })))).toEqual([
      'steps.0.preconditions.1: a precondition of a call cannot be a command',
      'steps.0.preconditions.2: a precondition of a call cannot use re:',
      'steps.0.preconditions.3: a precondition of a call has no environment to refer to',
      'steps.0.preconditions.4: a precondition of a call has no environment to refer to',
    ]);
    expect(problemsOf(dagOf([stepOf('a', { ...shell('true'), preconditions })], { params: [who] }))).toEqual([]);
  });

  test('in a handler is judged like one in a step', () => {
    const handlers = { exit: callOf('@exit', 'child') };
    expect(problemsOf(dagOf([stepOf('a')], { subDags: { child }, handlers }))).toEqual([
      'handlers.exit.action.dag: DAG "child" needs the parameter "who"',
    ]);
  });
});

describe('the outputs of a call', () => {
  const user = (text: string) => stepOf('user', { ...shell(`echo ${text}`), depends: ['c'] });
  const declaring = { ...child, outputs: { total: '${steps.work.outputs.n}', list: 'x' } };

  test.each([
    ['declared outputs', declaring, '${steps.c.outputs.total}', []],
    ['declared outputs, a path', declaring, '${steps.c.outputs.list.0}', []],
    ['declared outputs, near miss', declaring, '${steps.c.outputs.totl}', ['did you mean "total"?']],
    ['declared outputs alone', declaring, '${steps.c.outputs.RESULT}', ['declares no output "RESULT"']],
    ['output of a step', child, '${steps.c.outputs.RESULT}', []],
    ['outputs of a step', child, '${steps.c.outputs.n}', ['declares no output "n"']],
    ['none', dagOf([stepOf('x')], { name: 'child', params: [who] }), '${steps.c.outputs.x}', ['declares no output']],
    ['stdout', child, '${steps.c.stdout}', ['"c" is of kind call and has only outputs']],
  ])('of an inline DAG are known: %s', (_name, target, text, wanted) => {
    const found = problemsOf(dagOf([callOf('c', 'child', given), user(text)], { subDags: { child: target } }));
    expect(found).toHaveLength(wanted.length);
    wanted.forEach((message, index) => {
      expect(found[index]).toContain(message);
    });
  });

  test('of a DAG of the project, or of several of which one is that, may be anything', () => {
    const text = user('${steps.c.outputs.any}');
    expect(problemsOf(dagOf([callOf('c', 'elsewhere'), text]))).toEqual([]);
    const chosen = callOf('c', '${params.who}', { choices: ['child', 'elsewhere'], ...given });
    expect(problemsOf(withChild(chosen, text))).toEqual([]);
    const inline = callOf('c', '${params.who}', { choices: ['child'], ...given });
    expect(problemsOf(withChild(inline, text))).toHaveLength(1);
  });

  test('of a fan-out are its results', () => {
    const fan = callOf('c', 'child', given, { foreach: { items: [1], maxConcurrent: 1 } });
    expect(problemsOf(withChild(fan, user('${steps.c.outputs.results}')))).toEqual([]);
    expect(problemsOf(withChild(fan, user('${steps.c.outputs.RESULT}')))).toHaveLength(1);
  });

  test('are named once, without those that a fan-out cannot capture', () => {
    const steps = [
      stepOf('a', { output: 'X' }),
      stepOf('b', { output: 'X' }),
      stepOf('c', { output: 'Y', foreach: { items: [1], maxConcurrent: 1 } }),
    ];
    expect(outputNamesOfDag(dagOf(steps))).toEqual(['X']);
    expect(outputNamesOfDag(dagOf(steps, { outputs: {} }))).toEqual([]);
  });
});

describe('outputs of a DAG', () => {
  const source = stepOf('source', { ...shell('true'), outputs: [{ name: 'n', type: 'integer' }] });
  const problems = (outputs: { readonly [name: string]: string }) =>
    problemsOf(dagOf([source, stepOf('last', shell('true'))], { outputs, params: [who] }));

  test('may refer to any step and to parameters', () => {
    expect(
      problems({ a: '${steps.source.outputs.n}', b: 'of ${steps.last.stdout} for ${params.who} in ${run.id}' }),
    ).toEqual([]);
  });

  test.each([
    ['${steps.source.outputs.m}', 'declares no output "m"'],
    ['${steps.gone.stdout}', 'there is no step "gone"'],
    ['${params.lost}', 'declares no parameter "lost"'],
    ['${item}', 'only inside a step with foreach'],
    ['${env.HOME}', 'no environment is known'],
    ['${run.status}', 'only inside a handler'],
  ])('%s is a problem', (text, message) => {
    const found = problems({ out: text });
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`outputs.out: ${text}`);
    expect(found[0]).toContain(message);
  });

  test('have names that a caller can refer to', () => {
    expect(problems({ 'a.b': 'x', '': 'y', ok_1: 'z' })).toEqual([
      'outputs.a.b: "a.b" is no output name',
      'outputs.: "" is no output name',
    ]);
  });
});

describe('an inline DAG', () => {
  test('may call its siblings, and is judged by itself with its place', () => {
    const sibling = dagOf([callOf('again', 'child'), stepOf('a b')], { name: 'sibling' });
    expect(problemsOf(dagOf([stepOf('a')], { subDags: { child, sibling } }))).toEqual([
      'subDags.sibling.steps.1.id: "a b" is no step id',
      'subDags.sibling.steps.0.action.dag: DAG "child" needs the parameter "who"',
    ]);
  });

  test('has one name, its own, and no inline DAGs', () => {
    const nested = dagOf([stepOf('x')], { name: 'nested', subDags: { child } });
    const named = dagOf([stepOf('x')], { name: 'other' });
    const subDags = { nested, named, root: dagOf([stepOf('x')], { name: 'root' }) };
    expect(problemsOf(dagOf([stepOf('a')], { name: 'root', subDags }))).toEqual([
      'subDags.nested.subDags: the inline DAG "nested" has inline DAGs of its own',
      'subDags.named.name: the inline DAG "named" calls itself "other"',
      'subDags.root.name: "root" is the name of the DAG that it is inside of',
    ]);
  });
});

describe('a handler', () => {
  const problems = (handlers: { readonly [name: string]: Step }, dag: Partial<Dag> = {}) =>
    problemsOf(dagOf([stepOf('a', shell('true'))], { handlers, ...dag }));

  test('has the id of its name, depends on nothing and is no fan-out', () => {
    expect(problems({ exit: stepOf('@exit') })).toEqual([]);
    const items = { foreach: { items: [1], maxConcurrent: 1 } };
    expect(
      problems({ exit: stepOf('exit', { depends: ['a'] }), init: stepOf('@init', items), done: stepOf('@done') }),
    ).toEqual([
      'handlers.exit.id: the handler "exit" has the id "exit"',
      'handlers.exit.depends: the handler "exit" can depend on nothing',
      'handlers.init.foreach: the handler "init" cannot be a fan-out',
      'handlers.done: there is no handler "done"',
    ]);
  });

  test('alone may say how the run ends', () => {
    const text = shell('echo ${run.status} ${run.error} ${run.id} ${steps.a.stdout}');
    expect(problems({ failure: stepOf('@failure', text) })).toEqual([]);
    expect(problemsOf(dagOf([stepOf('a', shell('echo ${run.status} ${run.error} ${run.id}'))]))).toEqual([
      'steps.0.action.commands.0: ${run.status} has a value only inside a handler',
      'steps.0.action.commands.0: ${run.error} has a value only inside a handler',
    ]);
  });

  test('names its agent like a step, and a step of the graph is not named like a handler', () => {
    const memory = { read: false, propose: false };
    const agent = stepOf('@exit', { action: { kind: 'agent', agent: 'a b', prompt: '', limits: {}, memory } });
    expect(problems({ exit: agent })).toEqual(['handlers.exit.action.agent: "a b" is no agent id']);
    expect(problemsOf(dagOf([stepOf('@exit')]))).toEqual(['steps.0.id: "@exit" is no step id']);
  });

  test('is found in the index after the graph, in the order in which handlers run', () => {
    const handlers = { exit: stepOf('@exit'), init: stepOf('@init'), failure: stepOf('@failure') };
    const index = indexDag(dagOf([stepOf('a'), stepOf('b', { depends: ['a'] })], { handlers }));
    expect([...index.order]).toEqual([
      ['a', 0],
      ['b', 1],
      ['@init', 2],
      ['@failure', 3],
      ['@exit', 4],
    ]);
    expect(index.byId.get('@exit')).toBe(handlers.exit);
    expect([...index.dependants]).toEqual([
      ['a', ['b']],
      ['b', []],
    ]);
  });
});

test('a name is chosen when it holds a reference, whatever choices stand beside it', () => {
  const action = { kind: 'call', dag: 'x', choices: ['y'] } as const;
  expect([isChosenCall(action), calledNamesOf(action)]).toEqual([false, ['x']]);
  const chosen = { ...action, dag: '${params.x}' };
  expect([isChosenCall(chosen), calledNamesOf(chosen)]).toEqual([true, ['y']]);
});
