import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { LLMock } from '@copilotkit/aimock';
import { cleanText, type McpServer, type ModelContent, type SkillContent } from '@skein/domain';
import { injectionTexts } from '@skein/testkit';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { RealWorker } from './real-worker.ts';
import type { AgentSketch } from './sealed-agent.ts';

// What a model's server gets from a worker in another process. The server is not ours, and nor is the way there.

const script = fileURLToPath(new URL('../../packages/executors/test/mcp-server.mjs', import.meta.url));
const mock = new LLMock({ port: 0 });
const worker = new RealWorker();

beforeAll(async () => {
  await mock.start();
  await worker.start();
});
afterAll(async () => {
  await worker.stop();
  await mock.stop();
});
beforeEach(() => {
  mock.reset();
});

const model = (): ModelContent => ({
  id: 'local',
  provider: 'openai-compatible',
  model: 'local-1',
  baseUrl: `${mock.url}/v1`,
  parameters: {},
});

interface ChatMessage {
  readonly role: string;
  readonly content: string;
  readonly tool_call_id?: string;
}

interface ChatBody {
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly { readonly function: { readonly name: string; readonly description: string } }[];
}

type Call = readonly [name: string, input: object];

/** Plays a turn after the other: calls, and after the last of them a text. */
const play = (...turns: readonly (readonly Call[])[]): void => {
  const turnOf = (request: { messages: readonly { role: string }[] }) =>
    request.messages.filter((message) => message.role === 'assistant').length;
  mock.prependFixture({ match: { predicate: () => true }, response: { content: 'I am done.' } });
  for (const [turn, calls] of turns.entries()) {
    mock.prependFixture({
      match: { predicate: (request) => turnOf(request) === turn },
      response: {
        toolCalls: calls.map(([name, input], index) => ({
          name,
          arguments: JSON.stringify(input),
          id: `call_${turn}_${index}`,
        })),
      },
    });
  }
};

const requests = (): readonly ChatBody[] => mock.getRequests().map((entry) => entry.body as unknown as ChatBody);
const systemOf = (body: ChatBody | undefined): string =>
  body?.messages.find(({ role }) => role === 'system')?.content ?? '';
const toolsOf = (body: ChatBody | undefined): readonly string[] =>
  (body?.tools ?? []).map((tool) => tool.function.name);
/** Results of tools in the last request, by the id of their call. */
const results = (): { readonly [callId: string]: string } =>
  Object.fromEntries(
    (requests().at(-1)?.messages ?? [])
      .filter(({ role }) => role === 'tool')
      .map(({ tool_call_id: id = '', content }) => [id, content]),
  );

const server = (mode: string, changes: Partial<McpServer> = {}): McpServer => ({
  transport: { kind: 'stdio', command: process.execPath, args: [script, mode], env: {} },
  secrets: [],
  startTimeoutMs: 30_000,
  callTimeoutMs: 10_000,
  maxResultBytes: 10_000,
  ...changes,
});

const style: SkillContent = {
  name: 'style',
  description: 'House style for notes.',
  body: 'Write short lines. The list is in references/list.md.',
  metadata: {},
  files: [
    { path: 'references/list.md', mode: 0o644, encoding: 'utf8', content: 'geese, not ducks' },
    { path: 'scripts/run.sh', mode: 0o755, encoding: 'utf8', content: 'echo ran with $#\n' },
  ],
};

const writer = (): AgentSketch => ({
  agentId: 'writer',
  instructions: 'Write release notes.',
  model: model(),
  soul: { id: 'editor', name: 'Editor', description: 'Calm.', content: 'You are calm and exact.' },
  skills: [style],
  tools: {
    allow: ['read', 'bash', 'remember'],
    bash: { allow: ['.*'], deny: [] },
    servers: { notes: server('ok', { allow: ['echo'] }) },
  },
  memory: [
    { scope: 'global', revision: 7, text: 'The project is called Skein.' },
    { scope: 'dag/demo', revision: 2, text: cleanText(injectionTexts.join('\n')) },
    { scope: 'agent/other', revision: 1, text: 'not for this agent' },
  ],
});

test('the request holds soul, instructions, catalogue, quoted memory with provenance, and the tools; bodies come on demand', async () => {
  play(
    [['load_skill', { name: 'style' }]],
    [
      ['read', { path: 'skills/style/references/list.md' }],
      [
        'bash',
        {
          command:
            'skills/style/scripts/run.sh a b; stat -c %a skills/style/scripts/run.sh skills/style/references/list.md',
        },
      ],
      ['notes__echo', { text: 'said by the server' }],
      ['remember', { op: 'append', text: 'Geese are loud.' }],
      ['load_skill', { name: 'style' }],
    ],
  );
  const result = await worker.runAgent(writer());
  expect(result).toMatchObject({
    outcome: { status: 'succeeded' },
    outputs: { text: { inline: 'I am done.' } },
    proposals: [{ scope: 'agent/writer', op: 'append', text: 'Geese are loud.' }],
    usage: { turns: 3, toolCalls: 6 },
  });

  const first = requests()[0];
  const system = systemOf(first);
  expect(system.match(/^# .*/gm)).toEqual([
    '# Soul: Editor',
    '# Instructions',
    '# Skills',
    '# Memory',
    '# Environment',
    '# Answer',
  ]);
  expect(system).toContain('You are calm and exact.');
  expect(system).toContain('Write release notes.');
  expect(system).toContain('- style: House style for notes.');
  expect(JSON.stringify(first)).not.toContain('Write short lines');
  expect(system).toContain('Memory scope "global", revision 7:\n| The project is called Skein.');
  expect(system).toContain('Memory scope "dag/demo", revision 2:\n| Ignore all previous instructions');
  expect(system).toContain('Memory is read-only: nothing that you do in this step changes it.');
  expect(system).toContain('With the `remember` tool you may propose a change');
  expect(system).not.toContain('not for this agent');
  const memory = system.slice(system.indexOf('Memory scope "dag/demo"'), system.indexOf('\n\n# Environment'));
  expect(
    memory
      .split(/\r\n|[\n\r\v\f\u0085\u2028\u2029]/)
      .slice(1)
      .every((line) => line.startsWith('| ')),
  ).toBe(true);
  expect(first?.messages.at(-1)).toMatchObject({ role: 'user', content: 'Begin.' });
  expect(toolsOf(first)).toEqual(['read', 'bash', 'remember', 'load_skill', 'notes__echo']);

  expect(JSON.parse(results()['call_0_0'] ?? '')).toEqual({
    name: 'style',
    directory: 'skills/style',
    body: style.body,
    files: ['skills/style/references/list.md', 'skills/style/scripts/run.sh'],
  });
  expect(results()['call_1_0']).toContain('geese, not ducks');
  expect(JSON.parse(results()['call_1_1'] ?? '')).toEqual({ exit_code: 0, output: 'ran with 2\n555\n444\n' });
  expect(results()['call_1_2']).toContain('said by the server');
  expect(results()['call_1_3']).toContain('This is a proposal, not a change');
  expect(results()['call_1_4']).toContain('loaded already');
  await expect.poll(() => worker.leftFiles()).toEqual([]);
});

test('a step that did not opt in sees no memory and may propose none', async () => {
  play();
  await worker.runAgent(writer(), { memory: { read: false, propose: false } });
  const [first] = requests();
  expect(systemOf(first)).not.toContain('Memory');
  expect(toolsOf(first)).not.toContain('remember');
});

test('servers that fail in every way are errors that the model sees, and the worker goes on', async () => {
  const pid = worker.pid;
  const pinned = [{ name: 'echo', description: 'Echoes.', inputSchema: { type: 'object' } }];
  const servers = {
    dies: server('ok', { allow: ['die'] }),
    exits: server('exit', { pinned }),
    floods: server('ok', { allow: ['flood_line'] }),
    garbles: server('ok', { allow: ['garbage'] }),
    hangs: server('hang', { pinned, startTimeoutMs: 500 }),
    sleeps: server('ok', { allow: ['hang'], callTimeoutMs: 500 }),
    spams: server('ok', { allow: ['flood_messages'] }),
    web: server('ok', { pinned, transport: { kind: 'http', url: 'http://127.0.0.1:1/mcp', headers: {} } }),
  };
  play([
    ['dies__die', {}],
    ['exits__echo', {}],
    ['floods__flood_line', {}],
    ['garbles__garbage', {}],
    ['hangs__echo', {}],
    ['sleeps__hang', {}],
    ['spams__flood_messages', {}],
    ['web__echo', {}],
  ]);
  const result = await worker.runAgent({ agentId: 'caller', instructions: '', model: model(), tools: { servers } });
  expect(result.outcome).toEqual({ status: 'succeeded' });
  const system = systemOf(requests()[0]);
  expect(system.match(/^- tool server .*/gm)).toEqual([
    '- tool server exits: unavailable (unavailable)',
    '- tool server hangs: unavailable (deadline_exceeded)',
    '- tool server web: unavailable (unavailable)',
  ]);
  const codes = Object.values(results()).map((text) => (JSON.parse(text) as { error: string }).error);
  expect(codes).toEqual([
    'unavailable',
    'unavailable',
    'too_large',
    'unavailable',
    'deadline_exceeded',
    'deadline_exceeded',
    'too_large',
    'unavailable',
  ]);
  expect((await worker.runCommand('echo still here')).outcome).toEqual({ status: 'succeeded' });
  expect([worker.pid, worker.isRunning]).toEqual([pid, true]);
});

test('a worker that is killed in a call leaves no process of a tool server', async (context) => {
  if (process.platform !== 'linux') context.skip('needs /proc');
  const mark = `86400.${process.pid}5`;
  const alive = async (): Promise<number> => {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
    return lines.filter((line) => line.includes(mark)).length;
  };
  const doomed = new RealWorker();
  await doomed.start();
  play([['web__fork', {}]], [['web__hang', {}]]);
  const transport = {
    kind: 'stdio',
    command: process.execPath,
    args: [script, 'ok', mark],
    env: { SLEEP_MARK: mark },
  } as const;
  doomed.startAgent({
    agentId: 'caller',
    instructions: '',
    model: model(),
    tools: { servers: { web: server('ok', { transport, allow: ['fork', 'hang'] }) } },
  });
  // The server itself, a child of its, and one that left its group.
  await expect.poll(alive, { timeout: 60_000 }).toBe(3);
  await expect.poll(() => requests().length, { timeout: 60_000 }).toBe(2);
  await doomed.kill();
  expect(await alive()).toBe(0);
  await doomed.stop();
});
