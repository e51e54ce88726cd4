import type { AgentContent } from '@skein/domain';
import type { ProjectFile, ReadProject } from '@skein/ports';
import { createNodeHasher } from '@skein/testkit';
import { describe, expect, test } from 'vitest';
import { renderProblems } from '../problem/render-problems.ts';
import { createProjectReader } from './create-project-reader.ts';

const reader = createProjectReader({ hasher: createNodeHasher() });

interface Agents {
  readonly [id: string]: string;
}

const read = (agents: Agents, more: Agents = {}) => {
  const texts = Object.entries(agents).flatMap(([id, yaml]) => [
    [`agents/${id}/agent.yaml`, yaml] as const,
    [`agents/${id}/INSTRUCTIONS.md`, `You are ${id}.`] as const,
  ]);
  const files = [...texts, ...Object.entries(more)].map(
    ([path, text]): ProjectFile => ({ path, mode: 0o644, bytes: new TextEncoder().encode(text) }),
  );
  return reader.read(files, { provider: 'offline', model: 'rules-1' });
};

const readValid = (agents: Agents, more: Agents = {}): ReadProject => {
  const project = read(agents, more);
  if (!project.ok) throw new Error(renderProblems(project.error));
  return project.value;
};
const problemsOf = (agents: Agents): readonly string[] => {
  const project = read(agents);
  return project.ok ? [] : renderProblems(project.error).split('\n');
};
const contentOf = (project: ReadProject, id: string): AgentContent | undefined =>
  project.agents.find(({ content }) => content.agentId === id)?.content;
const versionOf = (project: ReadProject, id: string): string | undefined =>
  project.agents.find(({ content }) => content.agentId === id)?.versionId;

const lead = (ids: string): string => `tools: [delegate]\nsub_agents: [${ids}]\n`;

describe('sub-agents', () => {
  test('are frozen to the versions that the project has, whatever the order of their names', () => {
    const agents = { a: lead('b, z'), b: lead('{ agent: z }'), z: 'description: last' };
    const project = readValid(agents);
    expect(contentOf(project, 'a')?.subAgents).toEqual({ b: versionOf(project, 'b'), z: versionOf(project, 'z') });
    expect(contentOf(project, 'b')?.subAgents).toEqual({ z: versionOf(project, 'z') });
    expect(project.agents.map(({ content }) => content.agentId)).toEqual(['a', 'b', 'z']);
    expect(project.warnings).toEqual([]);
    const changed = readValid({ ...agents, z: 'description: other' });
    expect(versionOf(changed, 'a')).not.toBe(versionOf(project, 'a'));
  });

  test('that lead back to where they began are one problem that names the ring', () => {
    const agents = { a: lead('b'), b: lead('c'), c: lead('b'), d: lead('a') };
    expect(problemsOf(agents)).toEqual([
      'agents/b/agent.yaml:2:14: these agents are sub-agents of each other: b -> c -> b (expected sub-agents that end somewhere)',
    ]);
    expect(problemsOf({ a: lead('a') })).toEqual([
      'agents/a/agent.yaml:2:14: these agents are sub-agents of each other: a -> a (expected sub-agents that end somewhere)',
    ]);
  });

  test('that the project does not have are problems with the name that was meant', () => {
    expect(problemsOf({ lead: lead('writr, leed'), writer: 'description: x' })).toEqual([
      'agents/lead/agent.yaml:2:14: agent lead asks for sub-agent writr, which does not exist (expected agents/writr/agent.yaml; did you mean writer?)',
      'agents/lead/agent.yaml:2:21: agent lead asks for sub-agent leed, which does not exist (expected agents/leed/agent.yaml)',
    ]);
  });

  test('with a version, floating or given twice are refused', () => {
    const problems = problemsOf({ a: lead('b@v2, { agent: c, floating: true }, d, d'), b: '{}', c: '{}', d: '{}' });
    expect(problems.map((line) => line.replace(/^\S+ /, ''))).toEqual([
      'a version of a sub-agent is not supported yet',
      'a floating sub-agent is not supported yet',
      'd is given twice (expected each agent once)',
    ]);
  });

  test('one that cannot be read is a problem at its own file alone', () => {
    expect(problemsOf({ a: lead('b'), b: 'colour: red' })).toEqual([
      expect.stringContaining('agents/b/agent.yaml:1:1: unknown field colour'),
    ]);
  });

  test('without the tool, and the tool without sub-agents, are warnings', () => {
    const { warnings } = readValid({ a: 'tools: [delegate]', b: 'sub_agents: [a]' });
    expect(renderProblems(warnings).split('\n')).toEqual([
      'agents/a/agent.yaml:1:8: delegate is allowed, but there is no agent to delegate to (expected sub_agents)',
      'agents/b/agent.yaml:1:13: sub_agents has no effect (expected delegate in tools)',
    ]);
  });

  test('a chain of a thousand is closed in order', () => {
    const ids = Array.from({ length: 1_000 }, (_, index) => `a${index}`);
    const agents = Object.fromEntries(ids.map((id, index) => [id, index === 0 ? '{}' : lead(`a${index - 1}`)]));
    expect(readValid(agents).agents).toHaveLength(1_000);
  });
});

describe('tools', () => {
  test('agents with equal tools share one part', () => {
    const project = readValid({
      a: 'tools: [write, read]',
      b: 'tools: { allow: [read, write, read] }',
      c: 'tools: [read]',
      d: 'description: none',
    });
    const tools = project.parts.filter(({ kind }) => kind === 'tools');
    expect(tools.map(({ name }) => name)).toEqual(['tools', 'tools', 'tools']);
    expect(contentOf(project, 'a')?.tools).toBe(contentOf(project, 'b')?.tools);
    expect(new Set(project.agents.map(({ content }) => content.tools))).toEqual(
      new Set(tools.map(({ digest }) => digest)),
    );
  });

  test('a step that lets an agent propose without remember is a warning', () => {
    const dag = 'steps:\n  - { id: s, agent: a, prompt: p, memory: { propose: true } }\n';
    const silent = readValid({ a: 'tools: [remember]' }, { 'dags/d.yaml': dag });
    expect(silent.warnings).toEqual([]);
    const { warnings } = readValid({ a: 'tools: [read]' }, { 'dags/d.yaml': dag });
    expect(renderProblems(warnings)).toBe(
      'dags/d.yaml:2:43: step s lets agent a propose notes, but the agent may not use remember (expected remember in the tools of agents/a/agent.yaml)',
    );
  });
});
