import type { ToolsContent } from '@skein/domain';
import { createNodeHasher } from '@skein/testkit';
import { describe, expect, test } from 'vitest';
import { renderProblems } from '../problem/render-problems.ts';
import { createProjectReader } from './create-project-reader.ts';

const reader = createProjectReader({ hasher: createNodeHasher() });

const read = (agentYaml: string) => {
  const files = Object.entries({ 'agents/a/agent.yaml': agentYaml, 'agents/a/INSTRUCTIONS.md': 'Do it.' });
  const bytesOf = (text: string) => new TextEncoder().encode(text);
  return reader.read(
    files.map(([path, text]) => ({ path, mode: 0o644, bytes: bytesOf(text) })),
    { provider: 'offline', model: 'rules-1' },
  );
};

const toolsOf = (agentYaml: string): ToolsContent => {
  const project = read(agentYaml);
  if (!project.ok) throw new Error(renderProblems(project.error));
  const part = project.value.parts.find(({ kind }) => kind === 'tools');
  return JSON.parse(new TextDecoder().decode(part?.bytes)) as ToolsContent;
};

const problemsOf = (effects: string): readonly string[] => {
  const yaml = `mcp: { github: { command: x } }\ntools:\n  allow: [read]\n  effects:\n    ${effects}\n`;
  const project = read(yaml);
  return project.ok ? [] : project.error.map(({ line, message }) => `${line}: ${message}`);
};

describe('effects of tools', () => {
  test('are part of the agent as they are written', () => {
    const yaml = [
      'mcp: { github: { command: x } }',
      'tools:',
      '  allow: [bash]',
      "  bash: { allow: ['.*'] }",
      '  effects:',
      '    bash: { class: effect, reconcile: { command: ./what-happened } }',
      '    github__create: { unknown: tell, reconcile: { tool: github__find } }',
      '    github__list: { class: read_only }',
      '    github__put: { class: idempotent }',
    ].join('\n');
    expect(toolsOf(yaml).effects).toEqual({
      bash: { class: 'effect', reconcile: { command: './what-happened' } },
      github__create: { unknown: 'tell', reconcile: { tool: 'github__find' } },
      github__list: { class: 'read_only' },
      github__put: { class: 'idempotent' },
    });
  });

  test.each(['tools: [read]', 'tools: { allow: [read] }', 'tools: { allow: [read], effects: {} }'])(
    'are absent when nothing is said (%s), so that versions stay as they are',
    (yaml) => {
      expect(toolsOf(yaml)).toEqual({ allow: ['read'], bash: { allow: [], deny: [] }, servers: {} });
    },
  );

  test.each([
    ['read: { class: idempotent }', '5: "read" is no tool whose effects are unknown'],
    ['bash: { class: safe }', '5: "safe" is not a value of class'],
    ['bash: { clas: effect }', '5: unknown field clas in the effects of a tool'],
    ['bash: { class: idempotent, unknown: tell }', '5: unknown is not for a tool that may be repeated'],
    ['bash: { class: read_only, reconcile: { command: x } }', '5: reconcile is not for a tool that may be repeated'],
    ['bash: { reconcile: {} }', '5: reconcile asks a tool or runs a command'],
    ['bash: { reconcile: { tool: github__a, command: x } }', '5: reconcile asks a tool or runs a command'],
    ['bash: { reconcile: { tool: read } }', '5: "read" is no tool of a server'],
    ['github__a: { reconcile: { command: x } }', '5: a command cannot say what github__a did'],
    ['gitlab__a: { class: effect }', '5: gitlab__a is a tool of no server of this agent'],
    ['github__a: { reconcile: { tool: gitlab__b } }', '5: gitlab__b is a tool of no server of this agent'],
    ['bash: effect', '5: bash may not be text "effect"'],
    ['[bash]', '5: effects may not be a list'],
  ])('that say %s are refused at their place', (effects, expected) => {
    expect(problemsOf(effects)).toEqual([expected]);
  });
});
