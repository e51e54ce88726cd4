import { DomainError, type JsonValue, type SkillContent, type ToolsContent } from '@skein/domain';
import type { ToolCall } from '@skein/ports';
import {
  agentContextOf,
  agentStoresOf,
  createMemoryLog,
  createMemoryToolHost,
  createScriptedModel,
  FakeClock,
} from '@skein/testkit';
import { describe, expect, test } from 'vitest';
import { createAgentExecutor } from '../agent-executor.ts';

const call = (tool: string, input: JsonValue, callId = 'c1'): ToolCall => ({ callId, tool, input });
const meter = { count: () => {}, gauge: () => {}, observe: () => {} };

const skill: SkillContent = {
  name: 'style',
  description: 'House style.',
  body: 'Write short lines.',
  metadata: {},
  files: [
    { path: 'references/list.md', mode: 0o644, encoding: 'utf8', content: 'a list' },
    { path: 'scripts/run.sh', mode: 0o755, encoding: 'base64', content: 'ZWNobyBoaQo=' },
  ],
};

/** Runs one turn with these calls and gives back what the model saw of them. */
const runCalls = async (
  calls: readonly ToolCall[],
  {
    policy = {},
    skills = [],
    toolHost = createMemoryToolHost(),
    redact,
  }: {
    policy?: Partial<ToolsContent>;
    skills?: readonly SkillContent[];
    toolHost?: ReturnType<typeof createMemoryToolHost>;
    redact?: (value: JsonValue) => JsonValue;
  } = {},
) => {
  const model = createScriptedModel([{ toolCalls: calls }, { text: 'done' }]);
  const log = createMemoryLog();
  const stores = agentStoresOf({
    tools: policy,
    skills,
  });
  const context = agentContextOf({ stores });
  const executor = createAgentExecutor({ model, toolHost, clock: new FakeClock(), log, meter });
  const result = await executor.execute(
    redact === undefined ? context : { ...context, redact },
    new AbortController().signal,
  );
  const message = model.requests[1]?.messages.at(-1);
  return {
    result,
    results: message?.role === 'tool' ? message.results : [],
    tools: model.requests[0]?.tools.map((tool) => tool.name),
    toolHost,
    logged: context.logged(),
    warnings: log.lines.filter((line) => line.level === 'warn'),
  };
};

describe('the allow list', () => {
  test('decides what the model is offered', async () => {
    const { tools } = await runCalls([], { policy: { allow: ['bash', 'read'] } });
    expect(tools).toEqual(['read', 'bash']);
  });

  test('a call that is not allowed is an observation and a line of the log', async () => {
    const { result, results, toolHost, warnings } = await runCalls([call('write', { path: 'a', content: 'x' })]);
    expect(result.outcome).toEqual({ status: 'succeeded' });
    expect(results).toEqual([
      {
        callId: 'c1',
        tool: 'write',
        isError: true,
        output: { error: 'permission_denied', message: 'this agent may not use the tool "write"' },
      },
    ]);
    expect(toolHost.files.size).toBe(0);
    expect(warnings).toHaveLength(1);
  });

  test('a tool that does not exist is an observation, also when the policy names it', async () => {
    const { results, warnings } = await runCalls([call('teleport', {})], { policy: { allow: ['teleport'] } });
    expect(results[0]).toMatchObject({ isError: true, output: { error: 'not_found' } });
    expect(warnings[0]?.fields['tools']).toEqual(['teleport']);
  });
});

describe('files', () => {
  const policy = { allow: ['read', 'write'] };

  test('what is written can be read', async () => {
    const { results } = await runCalls(
      [call('write', { path: './a//b.txt', content: 'héllo' }), call('read', { path: 'a/b.txt' }, 'c2')],
      { policy },
    );
    expect(results.map((each) => each.output)).toEqual([
      { path: 'a/b.txt', bytes: 6 },
      { path: 'a/b.txt', text: 'héllo' },
    ]);
  });

  test.each(['../x', 'a/../../x', '/etc/passwd', '~/x', 'a\\..\\x', 'C:x', 'a\0b'])(
    'refuses the path %j',
    async (path) => {
      const { results, toolHost } = await runCalls(
        [call('write', { path, content: 'x' }), call('read', { path }, 'c2')],
        { policy },
      );
      expect(results.map((each) => each.output)).toEqual([
        expect.objectContaining({ error: 'permission_denied' }),
        expect.objectContaining({ error: 'permission_denied' }),
      ]);
      expect(toolHost.files.size).toBe(0);
    },
  );

  test.each([null, 'a', [], { path: 1 }, {}])('the input %j is an observation', async (input) => {
    const { results } = await runCalls([call('read', input as JsonValue)], { policy });
    expect(results[0]).toMatchObject({ isError: true, output: { error: 'invalid_argument' } });
  });

  test('reads run together, in front of the write that follows them', async () => {
    const order: string[] = [];
    const toolHost = {
      ...createMemoryToolHost(),
      readFile: async (_root: string, path: string) => {
        order.push(`start ${path}`);
        await Promise.resolve();
        order.push(`end ${path}`);
        return { text: '', bytes: 0, truncated: false, mode: 0o644 };
      },
      writeFile: async () => void order.push('write'),
    };
    await runCalls(
      [call('read', { path: 'a' }), call('read', { path: 'b' }, 'c2'), call('write', { path: 'c', content: '' }, 'c3')],
      {
        policy,
        toolHost,
      },
    );
    expect(order).toEqual(['start a', 'start b', 'end a', 'end b', 'write']);
  });
});

test('a read waits for the write before it', async () => {
  const order: string[] = [];
  const toolHost = {
    ...createMemoryToolHost(),
    writeFile: async () => {
      order.push('write');
      await new Promise((resolve) => setImmediate(resolve));
      order.push('written');
    },
    readFile: async () => {
      order.push('read');
      return { text: '', bytes: 0, truncated: false, mode: 0o644 };
    },
  };
  const calls = [call('write', { path: 'a', content: '' }), call('read', { path: 'a' }, 'c2')];
  await runCalls(calls, { policy: { allow: ['read', 'write'] }, toolHost });
  expect(order).toEqual(['write', 'written', 'read']);
});

describe('bash', () => {
  const bash = (command: string, allow: string[], deny: string[] = []) =>
    runCalls([call('bash', { command })], { policy: { allow: ['bash'], bash: { allow, deny } } });

  test('runs what a rule allows as a whole', async () => {
    const { toolHost, results } = await bash('git log -5', ['git log( -[0-9]+)?']);
    expect(toolHost.commands).toEqual(['git log -5']);
    expect(results[0]).toMatchObject({ isError: false, output: { exit_code: 0 } });
  });

  test('an allow rule must match the whole command', async () => {
    const { toolHost, results } = await bash('git log; rm -rf /', ['git log']);
    expect(toolHost.commands).toEqual([]);
    expect(results[0]).toMatchObject({ output: { error: 'permission_denied' } });
  });

  test('deny comes first and matches anywhere', async () => {
    const { toolHost } = await bash('ls && rm x', ['.*'], ['\\brm\\b']);
    expect(toolHost.commands).toEqual([]);
  });

  test('without an allow rule nothing runs', async () => {
    expect((await bash('ls', [])).toolHost.commands).toEqual([]);
  });

  test('a rule that is no regular expression fails the attempt before any turn', async () => {
    const { result } = await bash('ls', ['(']);
    expect(result.outcome).toMatchObject({ status: 'failed', error: { code: 'invalid_argument' } });
  });

  test('a failing tool host is an observation when its error is typed', async () => {
    const toolHost = createMemoryToolHost(() => {
      throw new DomainError('unavailable', 'bash cannot be started', {});
    });
    const { results } = await runCalls([call('bash', { command: 'ls' })], {
      policy: { allow: ['bash'], bash: { allow: ['ls'], deny: [] } },
      toolHost,
    });
    expect(results[0]).toMatchObject({ isError: true, output: { error: 'unavailable' } });
  });

  test('a tool host that may not go on ends the attempt, once all calls beside it have ended', async () => {
    const ended: string[] = [];
    const toolHost = {
      ...createMemoryToolHost(),
      readFile: async (_root: string, path: string) => {
        if (path === 'over') throw new DomainError('stale_fencing_token', 'the lease may be over');
        await new Promise((resolve) => setImmediate(resolve));
        ended.push(path);
        return { text: '', bytes: 0, truncated: false, mode: 0o644 };
      },
    };
    const { result, results } = await runCalls(
      [call('read', { path: 'over' }), call('read', { path: 'other' }, 'c2')],
      { policy: { allow: ['read'] }, toolHost },
    );
    expect(result.outcome).toMatchObject({ status: 'failed', error: { code: 'stale_fencing_token' } });
    expect([results, ended]).toEqual([[], ['other']]);
  });
});

describe('skills', () => {
  test('load_skill is offered with the names, and gives body and files with their mode bits', async () => {
    const { results, tools, toolHost } = await runCalls([call('load_skill', { name: 'style' })], { skills: [skill] });
    expect(tools).toEqual(['load_skill']);
    expect(results[0]?.output).toEqual({
      name: 'style',
      directory: 'skills/style',
      body: 'Write short lines.',
      files: ['skills/style/references/list.md', 'skills/style/scripts/run.sh'],
    });
    expect([...toolHost.files]).toEqual([
      ['skills/style/references/list.md', { text: 'a list', mode: 0o444 }],
      ['skills/style/scripts/run.sh', { text: 'echo hi\n', mode: 0o555 }],
    ]);
  });

  test('a second load says so, and neither repeats the body nor writes again', async () => {
    const calls = [
      call('load_skill', { name: 'style' }),
      call('write', { path: 'skills/style/references/list.md', content: 'mine' }, 'c2'),
      call('load_skill', { name: 'style' }, 'c3'),
    ];
    const { results, toolHost } = await runCalls(calls, { skills: [skill], policy: { allow: ['write'] } });
    expect(results[2]?.output).toEqual({
      name: 'style',
      directory: 'skills/style',
      note: 'This skill is loaded already; its text is further up.',
    });
    expect(toolHost.files.get('skills/style/references/list.md')?.text).toBe('mine');
  });

  test('no file is there before the skill is loaded', async () => {
    expect((await runCalls([], { skills: [skill] })).toolHost.files.size).toBe(0);
  });

  test('an unknown skill is an observation', async () => {
    const { results } = await runCalls([call('load_skill', { name: 'other' })], { skills: [skill] });
    expect(results[0]).toMatchObject({ isError: true, output: { error: 'not_found' } });
  });

  test.each(['../../escape', '/abs', 'a/../../../x'])(
    'a skill file named %s is refused and nothing is written',
    async (path) => {
      const bad = { ...skill, files: [...skill.files, { path, mode: 0o644, encoding: 'utf8' as const, content: 'x' }] };
      const { results, toolHost } = await runCalls([call('load_skill', { name: 'style' })], { skills: [bad] });
      expect(results[0]).toMatchObject({ isError: true, output: { error: 'permission_denied' } });
      expect(toolHost.files.size).toBe(0);
    },
  );
});

test('a thought has no effect but a line of the log', async () => {
  const { results, logged, toolHost } = await runCalls([call('think', { thought: 'First\nlook.' })], {
    policy: { allow: ['think'] },
  });
  expect(results[0]).toMatchObject({ isError: false, output: {} });
  expect(logged.split('\n')[0]).toBe('[think] First look.');
  expect([toolHost.files.size, toolHost.commands.length]).toEqual([0, 0]);
});

test('patch changes a file of the private directory', async () => {
  const { results, toolHost } = await runCalls(
    [
      call('write', { path: 'a', content: 'one two' }),
      call('patch', { path: 'a', edits: [{ find: 'two', replace: '2' }] }, 'c2'),
      call('patch', { path: 'a', edits: [{ find: 'two', replace: '2' }] }, 'c3'),
    ],
    { policy: { allow: ['patch', 'write'] } },
  );
  expect(results.map(({ isError }) => isError)).toEqual([false, false, true]);
  expect(toolHost.files.get('a')?.text).toBe('one 2');
});

test('tool calls are one short line each in the log', async () => {
  const { logged } = await runCalls([call('write', { path: 'a', content: 'x\n'.repeat(5_000) })], {
    policy: { allow: ['write'] },
  });
  const lines = logged.trimEnd().split('\n');
  expect(lines).toHaveLength(3);
  expect(lines[0]).toMatch(/^\[tool\] write \{"path":"a".{1,260}$/);
  expect(lines[1]).toBe('[tool] write ok {"path":"a","bytes":10000}');
});

test('where a file or an output is cut, not even half a secret is left', async () => {
  const redact = (value: JsonValue) =>
    JSON.parse(JSON.stringify(value).replaceAll('hunter2-and-more', '[redacted]')) as JsonValue;
  const toolHost = createMemoryToolHost(() => ({ output: `${'x'.repeat(64 * 1024 - 8)}hunter2-and-more and more` }));
  toolHost.files.set('a', { text: `${'y'.repeat(256 * 1024 - 8)}hunter2-and-more and more`, mode: 0o644 });
  const { results } = await runCalls([call('read', { path: 'a' }), call('bash', { command: 'ls' }, 'c2')], {
    policy: { allow: ['read', 'bash'], bash: { allow: ['ls'], deny: [] } },
    toolHost,
    redact,
  });
  const [read, bash] = results.map(({ output }) => output as { text?: string; output?: string; truncated?: string });
  expect(read?.text?.slice(-10)).toBe('yy[redacte');
  expect(read?.truncated).toContain('only the first part');
  expect(bash?.output?.slice(-10)).toBe('xx[redacte');
  expect(bash?.truncated).toBe('only the first 65536 bytes are shown');
});

describe('http', () => {
  test('asks for a URL and shows the beginning of the answer, without secrets', async () => {
    const { toolHost, results } = await runCalls([call('http', { url: 'https://a.example/x' })], {
      policy: { allow: ['http'] },
      redact: (value) => (typeof value === 'string' ? value.replaceAll('page', '[redacted]') : value),
    });
    expect(toolHost.asked).toEqual(['https://a.example/x']);
    const output = results[0]?.output as { readonly text: string };
    expect(output).toMatchObject({
      status: 200,
      content_type: 'text/plain',
      truncated: 'only the first 65536 bytes are shown',
    });
    expect(output.text).not.toContain('page');
    expect(new TextEncoder().encode(output.text)).toHaveLength(65_536);
  });

  test('is refused to an agent whose policy does not name it', async () => {
    const { toolHost } = await runCalls([call('http', { url: 'https://a.example/x' })], {
      policy: { allow: ['read'] },
    });
    expect(toolHost.asked).toEqual([]);
  });
});
