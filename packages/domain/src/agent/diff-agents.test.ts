import { fastestMs } from '@skein/testkit';
import { describe, expect, test } from 'vitest';
import type { ExpandedAgent } from './diff-agents.ts';
import { diffAgents } from './diff-agents.ts';
import { createLineDiff, diffLines } from './diff-lines.ts';

const base: ExpandedAgent = {
  description: 'Writes notes.',
  instructions: 'Be brief.\nBe kind.\n',
  model: { id: 'default', provider: 'openai', model: 'm-1', parameters: { temperature: 0 } },
  soul: { id: 'calm', name: 'Calm', description: 'is calm', content: 'You are calm.' },
  skills: {
    deploy: {
      name: 'deploy',
      description: 'Deploys.',
      body: 'Run the script.\n',
      metadata: {},
      files: [{ path: 'scripts/run.sh', mode: 0o644, encoding: 'utf8', content: 'echo 1\n' }],
    },
  },
  tools: { allow: ['bash', 'read'], bash: { allow: ['^git '], deny: [] }, servers: {} },
  limits: { maxTurns: 5 },
  subAgents: { helper: 'sha256:aa' },
};
const paths = (changes: Partial<ExpandedAgent>) =>
  diffAgents(base, { ...base, ...changes }).map(({ path, kind }) => `${kind} ${path}`);

describe('two versions of an agent', () => {
  test('that are equal differ in nothing, whatever the order of keys', () => {
    expect(diffAgents(base, structuredClone(base))).toEqual([]);
    const parameters = { b: 1, a: 2 };
    expect(
      diffAgents(
        { ...base, model: { ...base.model, parameters } },
        { ...base, model: { ...base.model, parameters: { a: 2, b: 1 } } },
      ),
    ).toEqual([]);
  });

  test('are compared in reading order', () => {
    const changed: ExpandedAgent = {
      ...base,
      description: 'Writes.',
      instructions: 'Be brief.\nBe honest.\n',
      model: { ...base.model, model: 'm-2', parameters: { temperature: 1 } },
      tools: { ...base.tools, bash: { allow: ['^git ', '^ls'], deny: [] } },
      outputSchema: { type: 'object' },
      limits: { maxTurns: 6 },
      subAgents: {},
    };
    expect(diffAgents(base, changed)).toEqual([
      { path: 'description', kind: 'changed', before: 'Writes notes.', after: 'Writes.' },
      {
        path: 'instructions',
        kind: 'changed',
        before: 'Be brief.\nBe kind.\n',
        after: 'Be brief.\nBe honest.\n',
        lines: [' Be brief.', '-Be kind.', '+Be honest.'],
      },
      { path: 'model', kind: 'changed', before: 'default (openai m-1)', after: 'default (openai m-2)' },
      { path: 'model.parameters.temperature', kind: 'changed', before: 0, after: 1 },
      { path: 'tools.bash.allow', kind: 'changed', before: ['^git '], after: ['^git ', '^ls'] },
      { path: 'outputSchema', kind: 'added', after: { type: 'object' } },
      { path: 'limits.maxTurns', kind: 'changed', before: 5, after: 6 },
      { path: 'subAgents.helper', kind: 'removed', before: 'sha256:aa' },
    ]);
  });

  test('differ in a skill file by file, with mode bits', () => {
    const { deploy } = base.skills;
    const file = { path: 'scripts/run.sh', mode: 0o755, encoding: 'utf8', content: 'echo 2\n' } as const;
    const extra = { path: 'logo.png', mode: 0o644, encoding: 'base64', content: 'AAAA' } as const;
    const changes = diffAgents(base, {
      ...base,
      skills: { deploy: { ...deploy!, body: 'Run it twice.\n', files: [extra, file] }, fresh: deploy! },
    });
    expect(changes.map(({ path, kind }) => `${kind} ${path}`)).toEqual([
      'changed skills/deploy/SKILL.md',
      'added skills/deploy/logo.png',
      'changed skills/deploy/scripts/run.sh',
      'changed skills/deploy/scripts/run.sh#mode',
      'added skills/fresh',
    ]);
    expect(changes[3]).toMatchObject({ before: '0644', after: '0755' });
  });

  test('differ in souls and servers that come, go or change', () => {
    const { soul: _soul, ...soulless } = base;
    expect(diffAgents(base, soulless)).toEqual([{ path: 'soul', kind: 'removed', before: 'calm' }]);
    expect(paths({ soul: { ...base.soul!, content: 'You are very calm.' } })).toEqual(['changed soul.content']);
    const server = {
      transport: { kind: 'http', url: 'https://tools.example', headers: {} },
      secrets: [],
      startTimeoutMs: 1,
      callTimeoutMs: 1,
      maxResultBytes: 1,
    } as const;
    const withServer = { ...base.tools, servers: { jira: server } };
    expect(paths({ tools: withServer })).toEqual(['added tools.servers.jira']);
    expect(
      diffAgents(
        { ...base, tools: withServer },
        { ...base, tools: { ...base.tools, servers: { jira: { ...server, callTimeoutMs: 2 } } } },
      ),
    ).toEqual([{ path: 'tools.servers.jira.callTimeoutMs', kind: 'changed', before: 1, after: 2 }]);
  });

  test('may have names that every object has', () => {
    expect(paths({ skills: { ...base.skills, constructor: base.skills['deploy']! } })).toEqual([
      'added skills/constructor',
    ]);
  });
});

describe('the lines of two texts', () => {
  test('are shown with what is near, and marks for what is left out', () => {
    const before = Array.from({ length: 12 }, (_, index) => `l${index}`);
    const after = before.with(6, 'new');
    expect(diffLines(before.join('\n'), after.join('\n'))).toEqual([
      '@@',
      ' l4',
      ' l5',
      '-l6',
      '+new',
      ' l7',
      ' l8',
      '@@',
    ]);
  });

  test('are none when nothing changed, and all when nothing is common', () => {
    expect(diffLines('a\nb', 'a\nb\n')).toEqual([]);
    expect(diffLines('', 'a\nb\n')).toEqual(['+a', '+b']);
    expect(diffLines('a', 'b')).toEqual(['-a', '+b']);
  });

  test('leave out only what is far from every change', () => {
    expect(diffLines('1\n2\nx\n3\n4\n5\n6\ny\n7\n8', '1\n2\n3\n4\n5\n6\n7\n8')).toEqual([
      ' 1',
      ' 2',
      '-x',
      ' 3',
      ' 4',
      ' 5',
      ' 6',
      '-y',
      ' 7',
      ' 8',
    ]);
    expect(diffLines('0\n1\n2\nx\n3\n4\n5\n6\n7\ny\n8\n9\n10', '0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10')).toEqual([
      '@@',
      ' 1',
      ' 2',
      '-x',
      ' 3',
      ' 4',
      '@@',
      ' 6',
      ' 7',
      '-y',
      ' 8',
      ' 9',
      '@@',
    ]);
  });

  test('keep the longest common part', () => {
    expect(diffLines('a\nb\nc\nd', 'a\nc\nx\nd')).toEqual([' a', '-b', ' c', '+x', ' d']);
  });

  test('of long texts with nothing in common are compared as wholes', () => {
    const many = (name: string) => Array.from({ length: 3_000 }, (_, index) => `${name}${index}`).join('\n');
    expect(diffLines(many('a'), many('b'))).toHaveLength(6_000);
  });

  test('of texts of several MiB are found at once, and cut at their beginnings', () => {
    const size = 2 * 1024 * 1024;
    const takenMs = fastestMs(5_000, () => {
      for (const [before, after] of [
        ['\n'.repeat(size), 'x\n'.repeat(size / 2)],
        ['a\n'.repeat(size / 2), 'b\n'.repeat(size / 2)],
        [`a${'\n'.repeat(size)}`, `b${'\n'.repeat(size)}`],
        ['', 'a\n'.repeat(size / 2)],
      ] as const) {
        expect(diffLines(before, after).length).toBeLessThanOrEqual(10_002);
      }
      expect(diffLines('', 'a\n'.repeat(6_000)).at(-1)).toBe('@@');
    });
    expect(takenMs).toBeLessThan(5_000);
  });

  test('of many texts take bounded time together, and equal ones are compared once', () => {
    const lines = (name: string) => Array.from({ length: 900 }, (_, index) => `${name} ${index % 7}`).join('\n');
    const takenMs = fastestMs(5_000, () => {
      const lineDiff = createLineDiff();
      const first = lineDiff(lines('a'), lines('a').replace('3', 'x'));
      for (let index = 0; index < 60; index += 1) {
        expect(lineDiff(lines(`a${index}`), `${lines(`b${index}`)}\nb`)).toHaveLength(1_801);
      }
      expect(lineDiff(lines('a'), lines('a').replace('3', 'x'))).toBe(first);
      expect(lineDiff('1\n2\n3', '1\nx\n3')).toEqual([' 1', '-2', '+x', ' 3']);
    });
    expect(takenMs).toBeLessThan(5_000);
  });
});
