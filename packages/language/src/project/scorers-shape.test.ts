import type { AutoModel, ReadProject } from '@skein/ports';
import { createNodeHasher } from '@skein/testkit';
import { expect, test } from 'vitest';
import { renderProblems } from '../problem/render-problems.ts';
import { createProjectReader } from './create-project-reader.ts';

const offline: AutoModel = { provider: 'offline', model: 'rules-1' };
const reader = createProjectReader({ hasher: createNodeHasher() });

const read = (agentYaml: string, others: readonly string[] = []) =>
  reader.read(
    [
      ['agents/a/agent.yaml', agentYaml],
      ['agents/a/INSTRUCTIONS.md', 'Do it.'],
      ...others.flatMap((id) => [
        [`agents/${id}/agent.yaml`, 'description: other\n'],
        [`agents/${id}/INSTRUCTIONS.md`, 'Judge.'],
      ]),
    ].map(([path = '', text = '']) => ({ path, mode: 0o644, bytes: new TextEncoder().encode(text) })),
    offline,
  );

const valid = (agentYaml: string, others: readonly string[] = []): ReadProject => {
  const result = read(agentYaml, others);
  if (!result.ok) throw new Error(renderProblems(result.error));
  return result.value;
};

const problemsOf = (agentYaml: string): string => {
  const result = read(agentYaml);
  return result.ok ? '' : renderProblems(result.error);
};

const scorers = `description: x
scorers:
  - { id: short, type: expression, expression: "size(outputs.text) < 500", sample: 0.5 }
  - id: quality
    type: agent
    agent: judge
    rubric: |
      Good is what answers the question.
  - { id: thumbs, type: posted }
`;

test('scorers are read with their defaults, for every agent, so that those that are taken away are gone', () => {
  const { settings, judges } = valid(scorers, ['judge']);
  expect(judges).toEqual([]);
  expect(settings).toEqual([
    {
      agentId: 'a',
      scorers: [
        { id: 'short', kind: 'expression', expression: 'size(outputs.text) < 500', sample: 0.5 },
        { id: 'quality', kind: 'agent', agentId: 'judge', rubric: 'Good is what answers the question.\n', sample: 1 },
        { id: 'thumbs', kind: 'posted', sample: 1 },
      ],
    },
    { agentId: 'judge', scorers: [] },
  ]);
});

test('adding a scorer makes no new version of the agent', () => {
  const version = (project: ReadProject) => project.agents.find(({ content }) => content.agentId === 'a')?.versionId;
  expect(version(valid(scorers, ['judge']))).toBe(version(valid('description: x\n')));
});

test('a judge that the project has not is to be found in the store, and the place is told', () => {
  const { judges } = valid(scorers);
  expect(judges).toMatchObject([{ agentId: 'judge', problem: { file: 'agents/a/agent.yaml', line: 6, column: 12 } }]);
});

test.each<[string, string, string]>([
  ['an unknown type', '{ id: a, type: model }', 'model'],
  [
    'an expression that does not parse',
    '{ id: a, type: expression, expression: "outputs. > 1" }',
    'agents/a/agent.yaml:1:50',
  ],
  ['an unknown variable', '{ id: a, type: expression, expression: "answer > 1" }', 'there is no "answer"'],
  ['a text', '{ id: a, type: expression, expression: "\'good\'" }', 'it gives string'],
  ['nothing to evaluate', '{ id: a, type: expression }', 'needs expression'],
  ['a judge without a rubric', '{ id: a, type: agent, agent: b }', 'needs rubric'],
  ['a rubric without a judge', '{ id: a, type: posted, rubric: x }', 'no meaning'],
  ['a sample above 1', '{ id: a, type: posted, sample: 2 }', 'sample'],
  ['an id that is no name', '{ id: "a b", type: posted }', 'not the id of a scorer'],
  ['two of one id', '{ id: a, type: posted }, { id: a, type: posted }', 'given twice'],
])('refused: %s', (_name, scorer, message) => {
  expect(problemsOf(`scorers: [${scorer}]\n`)).toContain(message);
});
