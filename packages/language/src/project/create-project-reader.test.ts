import {
  type AgentContent,
  canonicalJson,
  type JsonValue,
  type ModelContent,
  type SkillContent,
  type SoulContent,
} from '@skein/domain';
import type { AutoModel, ProjectFile, ReadProject, StoredPart } from '@skein/ports';
import { createNodeHasher } from '@skein/testkit';
import { describe, expect, test, vi } from 'vitest';
import { renderProblems } from '../problem/render-problems.ts';
import { createProjectReader } from './create-project-reader.ts';

// Large inputs, and other tests share the machine.
vi.setConfig({ testTimeout: 30_000 });

const hasher = createNodeHasher();
const reader = createProjectReader({ hasher });
const offline: AutoModel = { provider: 'offline', model: 'rules-1' };
const openai: AutoModel = { provider: 'openai', model: 'gpt-x', secretName: 'OPENAI_API_KEY' };

type Tree = { readonly [path: string]: string | Uint8Array };

const filesOf = (tree: Tree): readonly ProjectFile[] =>
  Object.entries(tree).map(([path, content]) => ({
    path,
    mode: path.endsWith('.sh') ? 0o100755 : 0o100644,
    bytes: typeof content === 'string' ? new TextEncoder().encode(content) : content,
  }));

const readValid = (tree: Tree, auto = offline): ReadProject => {
  const read = reader.read(filesOf(tree), auto);
  if (!read.ok) throw new Error(renderProblems(read.error));
  return read.value;
};

const readProblems = (tree: Tree, knownAgents: readonly string[] = []): readonly string[] => {
  const read = reader.read(filesOf(tree), offline, knownAgents);
  return read.ok ? [] : renderProblems(read.error).split('\n');
};

const decode = <T>(part: StoredPart | undefined): T => JSON.parse(new TextDecoder().decode(part?.bytes)) as T;
const partOf = (project: ReadProject, kind: string, name: string): StoredPart | undefined =>
  project.parts.find((part) => part.kind === kind && part.name === name);

const whole: Tree = {
  'skein.yaml': 'name: demo\ndefault_model: fast\n',
  'dags/triage.yaml': 'steps:\n  - id: a\n    type: agent\n    agent: triager\n    prompt: hello\n',
  'dags/nested/other.yml': 'steps:\n  - echo hello\n',
  'agents/triager/agent.yaml': [
    'description: Sorts things',
    'soul: calm',
    'skills: [git-log]',
    'tools: { allow: [write, read, bash], bash: { allow: ["git .*"], deny: [push] } }',
    'limits: { max_turns: 5, timeout_sec: 30 }',
    'output_schema: { type: object, properties: { label: { type: string } } }',
  ].join('\n'),
  'agents/triager/INSTRUCTIONS.md': 'Sort them.\n',
  'models/fast.yaml': 'provider: auto\nparameters: { temperature: 0 }\n',
  'models/slow.yaml': 'provider: openai\nmodel: gpt-y\nprices: { input_per_million: 1.5, output_per_million: 6 }\n',
  'souls/calm/SOUL.md': '---\nname: Calm\ndescription: Never hurries\n---\n\n# Identity\nCalm.\n',
  'skills/git-log/SKILL.md':
    '---\nname: git-log\ndescription: Reads history. Use when asked about commits.\nlicense: MIT\nmetadata:\n  version: 1.10\n---\n\n# How\nRun it.\n',
  'skills/git-log/scripts/run.sh': '#!/bin/sh\ngit log\n',
  'skills/git-log/assets/logo.bin': new Uint8Array([0, 255, 1]),
  'memory/MEMORY.md': 'We like tea.\n',
  'memory/dags/triage.md': 'Fridays are busy.\n',
  'memory/agents/triager.md': 'Labels are lower case.\n',
  'README.md': 'not ours',
};

describe('a whole project', () => {
  const project = readValid(whole);
  const [agent] = project.agents;
  const content = agent?.content as AgentContent;

  test('its DAGs have names, digests and their source', () => {
    expect(project.dags.map(({ name }) => name)).toEqual(['other', 'triage']);
    const [other] = project.dags;
    expect(other?.source).toBe(whole['dags/nested/other.yml']);
    expect(other?.digest).toBe(hasher.digest(canonicalJson(other?.dag as unknown as JsonValue)));
  });

  test('its agent is closed: every part by the digest of its canonical bytes', () => {
    const model = partOf(project, 'model', 'fast');
    const soul = partOf(project, 'soul', 'calm');
    const skill = partOf(project, 'skill', 'git-log');
    expect(content).toEqual({
      agentId: 'triager',
      description: 'Sorts things',
      instructions: 'Sort them.\n',
      model: model?.digest,
      soul: soul?.digest,
      skills: { 'git-log': skill?.digest },
      tools: partOf(project, 'tools', 'tools')?.digest,
      limits: { maxTurns: 5, timeoutMs: 30_000 },
      outputSchema: { type: 'object', properties: { label: { type: 'string' } } },
      subAgents: {},
    });
    for (const part of project.parts) {
      expect(part.digest).toBe(hasher.digest(part.bytes));
      expect(new TextDecoder().decode(part.bytes)).toBe(canonicalJson(decode<JsonValue>(part)));
    }
  });

  test('its tools are a part of their own', () => {
    expect(decode(partOf(project, 'tools', 'tools'))).toEqual({
      allow: ['bash', 'read', 'write'],
      bash: { allow: ['git .*'], deny: ['push'] },
      servers: {},
    });
  });

  test('the version id is the digest of the content, which is a part as well', () => {
    expect(agent?.versionId).toBe(hasher.digest(canonicalJson(content as unknown as JsonValue)));
    expect(partOf(project, 'agent', `triager@${agent?.versionId}`)?.digest).toBe(agent?.versionId);
  });

  test('a soul and a skill are read without their front matter', () => {
    expect(decode<SoulContent>(partOf(project, 'soul', 'calm'))).toEqual({
      id: 'calm',
      name: 'Calm',
      description: 'Never hurries',
      content: '# Identity\nCalm.\n',
    });
    expect(decode<SkillContent>(partOf(project, 'skill', 'git-log'))).toEqual({
      name: 'git-log',
      description: 'Reads history. Use when asked about commits.',
      body: '# How\nRun it.\n',
      metadata: { license: 'MIT', version: '1.10' },
      files: [
        { path: 'assets/logo.bin', mode: 0o644, encoding: 'base64', content: 'AP8B' },
        { path: 'scripts/run.sh', mode: 0o755, encoding: 'utf8', content: '#!/bin/sh\ngit log\n' },
      ],
    });
  });

  test('parts that no agent uses are not published', () => {
    expect(partOf(project, 'model', 'slow')).toBeUndefined();
  });

  test('memory comes by scope', () => {
    expect(project.memory).toEqual([
      { scope: 'global', text: 'We like tea.\n' },
      { scope: 'agent/triager', text: 'Labels are lower case.\n' },
      { scope: 'dag/triage', text: 'Fridays are busy.\n' },
    ]);
  });

  test('the order of the files makes no difference', () => {
    const reversed = reader.read(filesOf(whole).toReversed(), offline);
    expect(reversed).toEqual({ ok: true, value: project });
  });

  test('nothing is worth a warning', () => {
    expect(project.warnings).toEqual([]);
  });
});

describe('models', () => {
  const agentTree = (agentYaml: string, more: Tree = {}): Tree => ({
    'agents/a/agent.yaml': agentYaml,
    'agents/a/INSTRUCTIONS.md': 'Do it.',
    ...more,
  });
  const modelOf = (tree: Tree, auto = offline): ModelContent =>
    decode<ModelContent>(readValid(tree, auto).parts.find(({ kind }) => kind === 'model'));

  test('another key in the environment makes another version of an agent with provider auto', () => {
    const tree = agentTree('description: x');
    expect(modelOf(tree)).toEqual({ id: 'auto', provider: 'offline', model: 'rules-1', parameters: {} });
    expect(modelOf(tree, openai)).toEqual({
      id: 'auto',
      provider: 'openai',
      model: 'gpt-x',
      secretName: 'OPENAI_API_KEY',
      parameters: {},
    });
    expect(readValid(tree).agents[0]?.versionId).not.toBe(readValid(tree, openai).agents[0]?.versionId);
  });

  test('an agent takes its own model, else default_model, else models/default.yaml', () => {
    const models = {
      'models/default.yaml': 'provider: offline\nmodel: d\n',
      'models/own.yaml': 'provider: offline\nmodel: o\n',
      'models/project.yaml': 'provider: offline\nmodel: p\n',
    };
    expect(modelOf(agentTree('model: own', models)).id).toBe('own');
    expect(modelOf(agentTree('description: x', models)).id).toBe('default');
    expect(modelOf(agentTree('description: x', { ...models, 'skein.yaml': 'default_model: project' })).id).toBe(
      'project',
    );
  });

  test('a model may stand inside the agent', () => {
    expect(
      modelOf(agentTree('model: { provider: openai-compatible, model: m, base_url: "http://127.0.0.1:1/v1" }')),
    ).toEqual({
      id: 'a.inline',
      provider: 'openai-compatible',
      model: 'm',
      baseUrl: 'http://127.0.0.1:1/v1',
      parameters: {},
    });
  });

  test('a key in place of the name of a secret is refused and not repeated', () => {
    const [problem] = readProblems(agentTree('model: { provider: openai, model: m, secret: sk-123abc }'));
    expect(problem).toMatch(/^agents\/a\/agent.yaml:1:\d+: secret must be a name/);
    expect(problem).not.toContain('sk-123abc');
    const [url] = readProblems(agentTree('model: { provider: openai-compatible, model: m, base_url: "http://u:p@h" }'));
    expect(url).toContain('without user and password');
  });

  test('a model file says all that is wrong with it', () => {
    const tree = { 'models/m.yaml': 'provider: opena\nbase: x\nprices: { input_per_million: free }\n' };
    expect(readProblems(tree)).toEqual([
      'models/m.yaml:1:11: "opena" is not a value of provider (expected one of auto, offline, openai, anthropic, openai-compatible; did you mean openai?)',
      'models/m.yaml:2:1: unknown field base in a model (did you mean base_url?)',
      'models/m.yaml:3:9: prices needs output_per_million (expected output_per_million: a number of US dollars per million tokens, 0 or more)',
      'models/m.yaml:3:30: input_per_million may not be text "free" (expected a number of US dollars per million tokens, 0 or more)',
    ]);
  });
});

describe('what is missing', () => {
  test('every missing name is a problem where it is given, all files at once', () => {
    const tree = {
      ...whole,
      'skein.yaml': 'default_model: fats\n',
      'agents/triager/agent.yaml': 'model: slwo\nsoul: clam\nskills:\n  - git-log\n  - git-lag\n',
      'dags/triage.yaml': 'steps:\n  - id: a\n    type: agent\n    agent: tirager@v2\n    prompt: hello\n',
      'dags/broken.yaml': 'steps:\n  - id: a\n    comand: x\n',
    };
    expect(readProblems(tree)).toEqual([
      'agents/triager/agent.yaml:1:8: agent triager asks for model slwo, which does not exist (expected models/slwo.yaml; did you mean slow?)',
      'agents/triager/agent.yaml:2:7: agent triager asks for soul clam, which does not exist (expected souls/clam/SOUL.md; did you mean calm?)',
      'agents/triager/agent.yaml:5:5: agent triager asks for skill git-lag, which does not exist (expected skills/git-lag/SKILL.md; did you mean git-log?)',
      'dags/broken.yaml:3:5: unknown field comand in a step (did you mean command?)',
      'dags/triage.yaml:4:12: step a asks for agent tirager, which does not exist (expected agents/tirager/agent.yaml; did you mean triager?)',
      'skein.yaml:1:16: default_model fats does not exist (expected models/fats.yaml; did you mean fast?)',
    ]);
  });

  test('an agent that exists already need not be in the project', () => {
    const tree = { 'dags/x.yaml': 'steps:\n  - { type: agent, agent: old, prompt: hi }\n' };
    expect(readProblems(tree)).toHaveLength(1);
    expect(readProblems(tree, ['old'])).toEqual([]);
  });

  test('a folder without its main file is a problem', () => {
    const tree = {
      'agents/a/INSTRUCTIONS.md': 'x',
      'agents/b/agent.yaml': 'description: x',
      'skills/s/notes.md': 'x',
      'souls/t/notes.md': 'x',
    };
    expect(readProblems(tree)).toEqual([
      'agents/a/agent.yaml: agent a has no agent.yaml (expected this file)',
      'agents/b/INSTRUCTIONS.md: agent b has no INSTRUCTIONS.md (expected what the agent is to do)',
      'skills/s/SKILL.md: skill s has no SKILL.md (expected this file)',
      'souls/t/SOUL.md: soul t has no SOUL.md (expected this file)',
    ]);
  });
});

describe('the rest', () => {
  test('a skill over the part limit is refused by its size', () => {
    const tree = {
      'skills/s/SKILL.md': '---\nname: s\ndescription: d\n---\n',
      'skills/s/big.txt': 'x'.repeat(4 * 1024 * 1024),
      'agents/a/agent.yaml': 'skills: s',
      'agents/a/INSTRUCTIONS.md': 'x',
    };
    const read = reader.read(filesOf(tree), offline);
    expect(read.ok ? [] : read.error.map(({ code, file }) => [code, file])).toEqual([
      ['too_large', 'skills/s/SKILL.md'],
    ]);
  });

  test('two DAGs of one name are refused', () => {
    const tree = { 'dags/a.yaml': 'name: same\nsteps: [echo]\n', 'dags/b.yaml': 'name: same\nsteps: [echo]\n' };
    expect(readProblems(tree)).toEqual(['dags/b.yaml:1:1: DAG same is also in dags/a.yaml (expected each name once)']);
  });

  test('words of features to come are known in agent files too', () => {
    const tree = {
      'agents/a/agent.yaml':
        'sub_agents: [b@v2, { agent: a, floating: true }]\nenvironment: {}\nname: x\ntools: [read, ask, raed]\n',
      'agents/a/INSTRUCTIONS.md': 'x',
    };
    const read = reader.read(filesOf(tree), offline);
    const problems = read.ok ? [] : read.error;
    expect(problems.filter(({ code }) => code === 'unimplemented').map(({ line }) => line)).toEqual([1, 1, 2, 3, 4]);
    expect(renderProblems(problems).split('\n').at(-1)).toContain('did you mean read?');
  });

  test.each(['(', '', '\\-'])('the bash rule %j is refused, as the agent would refuse it', (rule) => {
    const tools = `tools: { allow: [bash], bash: { allow: [${JSON.stringify(rule)}] } }`;
    const read = reader.read(filesOf({ 'agents/a/agent.yaml': tools, 'agents/a/INSTRUCTIONS.md': 'x' }), offline);
    expect(renderProblems(read.ok ? [] : read.error)).toContain('agents/a/agent.yaml:1:');
    expect(renderProblems(read.ok ? [] : read.error)).toContain('is not a regular expression (expected a pattern)');
  });

  test('files in the wrong place and misspelt memory are warnings', () => {
    const project = readValid({
      'agents/solo.yaml': 'x: 1',
      'memory/notes.md': 'x',
      'memory/dags/triag.md': 'x',
      'dags/triage.yaml': 'steps: [echo]',
    });
    expect(renderProblems(project.warnings).split('\n')).toEqual([
      'agents/solo.yaml: this file is not used (did you mean agents/solo/agent.yaml?)',
      'memory/dags/triag.md: the project has no DAG triag (did you mean triage?)',
      'memory/notes.md: this file is not used (did you mean memory/MEMORY.md, memory/dags/DAG.md or memory/agents/AGENT.md?)',
    ]);
  });

  test('bytes that are not text are a problem of their file alone', () => {
    const problems = readProblems({
      'dags/a.yaml': new Uint8Array([0xff]),
      'models/m.yaml': new Uint8Array([0xc3, 0x28]),
    });
    expect(problems).toEqual([
      'dags/a.yaml:1:1: not UTF-8 text (expected UTF-8)',
      'models/m.yaml:1:1: not UTF-8 text (expected UTF-8)',
    ]);
  });

  test('an empty project is a valid project', () => {
    expect(reader.read([], offline)).toEqual({
      ok: true,
      value: { dags: [], subDags: [], agents: [], memory: [], settings: [], judges: [], parts: [], warnings: [] },
    });
  });

  test('equal content gives equal versions, other instructions another', () => {
    const version = (tree: Tree) => readValid(tree).agents[0]?.versionId;
    expect(version(whole)).toBe(version({ ...whole, 'models/slow.yaml': 'provider: offline\n' }));
    expect(version(whole)).not.toBe(version({ ...whole, 'agents/triager/INSTRUCTIONS.md': 'Sort them well.\n' }));
    expect(version(whole)).not.toBe(version({ ...whole, 'skills/git-log/scripts/run.sh': '#!/bin/sh\n' }));
  });
});
