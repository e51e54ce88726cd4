import type { Dag, Problem } from '@skein/domain';
import { describe, expect, test, vi } from 'vitest';
import { renderProblems } from '../problem/render-problems.ts';
import { parseDag } from './parse-dag.ts';

// Large inputs, and other tests share the machine.
vi.setConfig({ testTimeout: 30_000 });

const problemsOf = (text: string, file = 'x.yaml'): readonly Problem[] => {
  const read = parseDag(text, file);
  return read.ok ? [] : read.error;
};
const dagOf = (text: string, file = 'x.yaml'): Dag => {
  const read = parseDag(text, file);
  if (!read.ok) throw new Error(renderProblems(read.error));
  return read.value.dag;
};

describe('names', () => {
  test('a DAG without name has that of its file', () => {
    expect(dagOf('steps: [echo]', 'dags/nightly-build.yaml').name).toBe('nightly-build');
    expect(problemsOf('steps: [echo]', 'dags/two words.yaml')).toHaveLength(1);
  });

  test('a step id comes from id, else the key, else the name, else the position', () => {
    const list = dagOf('steps:\n  - { id: a, command: x }\n  - { name: Fetch it!, command: x }\n  - x\n');
    expect(list.steps.map(({ id, name }) => [id, name])).toEqual([
      ['a', undefined],
      ['Fetch_it', 'Fetch it!'],
      ['step_3', undefined],
    ]);
    expect(dagOf('steps:\n  build it: x\n').steps[0]).toMatchObject({ id: 'build_it', name: 'build it' });
  });

  test('depends takes ids and names, and an id wins over an equal name', () => {
    const dag = dagOf(
      'steps:\n  - { id: a, command: x }\n  - { id: b, name: a b, command: x }\n  - { id: c, command: x, depends: [a b, a] }\n',
    );
    expect(dag.steps[2]?.depends).toEqual(['b', 'a']);
  });
});

describe('order', () => {
  test('without any depends, each step follows the one before', () => {
    const dag = dagOf('steps: [one, two, three]');
    expect(dag.type).toBe('chain');
    expect(dag.steps.map(({ depends }) => depends)).toEqual([[], ['step_1'], ['step_2']]);
  });

  test('one depends makes a graph, in which the other steps are free', () => {
    const dag = dagOf(
      'steps:\n  - { id: a, command: x }\n  - { id: b, command: x }\n  - { id: c, command: x, depends: a }\n',
    );
    expect(dag.type).toBe('graph');
    expect(dag.steps.map(({ depends }) => depends)).toEqual([[], [], ['a']]);
  });
});

describe('environment', () => {
  test('parameters come first, then the DAG, then the step', () => {
    const dag = dagOf('params: [A=1]\nenv: { B: 2 }\nsteps:\n  - { id: a, command: x, env: [C=3] }\n');
    expect(dag.steps[0]?.env).toEqual([
      { name: 'A', value: '${params.A}' },
      { name: 'B', value: '2' },
      { name: 'C', value: '3' },
    ]);
    expect(dag.env).toEqual([{ name: 'B', value: '2' }]);
  });

  test('an agent step, an optional parameter and a name that steers programs get no variable', () => {
    const params =
      'params:\n  - { name: A, required: false }\n  - PATH=/x\n  - LD_PRELOAD=x\n  - SKEIN_OUTPUT=x\n  - GIT_SSH_COMMAND=x\n  - PS4=x\n  - PYTHONPATH=x\n  - no-variable=1\n';
    const dag = dagOf(`${params}  - B=1\nsteps:\n  - { command: x }\n  - { agent: a, prompt: p }\n`);
    expect(dag.steps.map(({ env }) => env.map(({ name }) => name))).toEqual([['B'], []]);
  });

  test('values keep the form in which they were written', () => {
    const dag = dagOf('env: { V: 1.10, W: 007, X: yes, Y: true, Z: }\nsteps: [x]\n');
    expect(dag.env.map(({ value }) => value)).toEqual(['1.10', '007', 'yes', 'true', '']);
  });
});

describe('params', () => {
  test('all forms give the same declarations', () => {
    const forms = [
      'params: A=x B="y z"',
      'params: [A=x, "B=y z"]',
      'params: [A: x, B: y z]',
      'params: { A: x, B: y z }',
    ];
    const params = forms.map((form) => dagOf(`${form}\nsteps: [x]`).params);
    for (const each of params) expect(each).toEqual(params[0]);
    expect(params[0]).toEqual([
      { name: 'A', type: 'string', required: false, default: 'x' },
      { name: 'B', type: 'string', required: false, default: 'y z' },
    ]);
  });

  test('the type comes from the default, and no default means required', () => {
    const dag = dagOf(
      'params: { a: 1, b: 1.5, c: true, d: [1], e: , f: { default: 2 }, g: { enum: [x] } }\nsteps: [x]',
    );
    expect(dag.params.map(({ name, type, required }) => [name, type, required])).toEqual([
      ['a', 'integer', false],
      ['b', 'number', false],
      ['c', 'boolean', false],
      ['d', 'array', false],
      ['e', 'string', true],
      ['f', 'integer', false],
      ['g', 'string', true],
    ]);
  });

  test('a parameter may be called name', () => {
    expect(dagOf('params:\n  - name: world\nsteps: [x]').params).toMatchObject([{ name: 'name', default: 'world' }]);
  });
});

describe('defaults and inheritance', () => {
  test('the step wins over defaults, and defaults over the DAG', () => {
    const dag = dagOf(
      [
        'shell: bash -e',
        'working_dir: /dag',
        'worker_selector: { pool: dag }',
        'defaults: { working_dir: /defaults, timeout_sec: 5, retry_policy: { limit: 1 } }',
        'steps:',
        '  - { id: a, command: x }',
        '  - { id: b, command: x, working_dir: /own, timeout_sec: 0, worker_selector: {}, shell: [zsh, -f] }',
      ].join('\n'),
    );
    expect(dag.steps[0]).toMatchObject({
      shell: ['bash', '-e'],
      workingDir: '/defaults',
      timeoutMs: 5000,
      workerSelector: { pool: 'dag' },
      retryPolicy: { limit: 1, intervalMs: 1000, backoff: 1, exitCodes: [] },
    });
    expect(dag.steps[1]).toMatchObject({ shell: ['zsh', '-f'], workingDir: '/own', workerSelector: {} });
    expect(dag.steps[1]?.timeoutMs).toBeUndefined();
  });

  test('an agent step takes agent, limits and memory from defaults', () => {
    const dag = dagOf(
      'defaults: { agent: a@v2, limits: { max_turns: 3, max_tokens: 9 }, memory: { read: true } }\nsteps:\n  - { type: agent, prompt: p, limits: { max_turns: 1 } }\n  - echo\n',
    );
    expect(dag.steps[0]?.action).toEqual({
      kind: 'agent',
      agent: 'a',
      version: 'v2',
      prompt: 'p',
      limits: { maxTurns: 1, maxTokens: 9 },
      memory: { read: true, propose: false },
    });
    expect(dag.steps[1]?.action.kind).toBe('shell');
  });

  test('memory is closed unless the step opens it', () => {
    const [step] = dagOf('steps:\n  - { agent: a, prompt: p }\n').steps;
    expect(step?.action).toMatchObject({ memory: { read: false, propose: false } });
  });
});

describe('problems', () => {
  test('a reference is named at its own place, in a line or in a block', () => {
    const text = 'steps:\n  - command: |\n      echo fine\n      echo ${params.lost}\n  - "echo ${params.gone}"\n';
    expect(problemsOf(text).map(({ line, column, field }) => [line, column, field])).toEqual([
      [4, 12, 'steps[0].command'],
      [5, 11, 'steps[1]'],
    ]);
  });

  test('two bad references in one text are two problems', () => {
    expect(problemsOf('steps:\n  - echo ${params.a} ${params.b}\n').map(({ column }) => column)).toEqual([10, 22]);
  });

  test('a bad variable of the DAG is one problem, however many steps inherit it', () => {
    expect(problemsOf('params: [p=1]\nenv: { A: "${params.x}" }\nsteps: [x, y, z]\n')).toHaveLength(1);
  });

  test('known words of features to come carry the code unimplemented', () => {
    const problems = problemsOf('steps:\n  - { id: a, router: b }\npriority: 1\nquee: x\n');
    expect(problems.map(({ message, code }) => [message, code])).toEqual([
      ['router is not supported yet', 'unimplemented'],
      ['priority is not supported yet', 'unimplemented'],
      ['unknown field quee in a DAG', undefined],
    ]);
  });

  test('a text over 1 MiB is refused as too_large without being read', () => {
    const [problem, ...more] = problemsOf(`steps: [x]\n#${'x'.repeat(1024 * 1024)}`);
    expect(problem).toMatchObject({ code: 'too_large', file: 'x.yaml', line: 1 });
    expect(more).toEqual([]);
  });

  test('a thousand mistakes are cut at two hundred', () => {
    expect(problemsOf(`steps:\n${'  - { comand: x }\n'.repeat(1000)}`)).toHaveLength(200);
  });

  test('a byte order mark changes nothing', () => {
    expect(dagOf('\uFEFFname: a\nsteps: [x]\n').name).toBe('a');
  });
});

test('the agents that a DAG asks for come with their places', () => {
  const read = parseDag('steps:\n  - id: a\n    agent: one@v1\n    prompt: p\n  - echo\n', 'x.yaml');
  expect(read.ok ? read.value.agents : []).toEqual([{ agent: 'one', stepId: 'a', line: 3, column: 12 }]);
});
