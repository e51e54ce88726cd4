import { copyFileSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { RunView } from '@skein/domain';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FakeOpenAi, type ToolCall, textOf, turnOf } from './fake-openai.ts';
import { HttpToolServer } from './http-tool-server.ts';
import { Ledger } from './ledger.ts';
import { eventually, folderWith, isAlive, rootFolder, Stack } from './stack.ts';

const ledger = new Ledger();
const web = new HttpToolServer();

type Turns = readonly (readonly (readonly [tool: string, input: object])[])[];

/** The prompt is a list of turns, each a list of calls; after the last the agent answers with what its tools said. */
const model = new FakeOpenAi((request): readonly ToolCall[] => {
  const turns = JSON.parse(textOf(request, 'user')) as Turns;
  const calls = turns[turnOf(request)]?.map(([name, input]) => ({ name, input }));
  const said = request.body.messages.filter(({ role }) => role === 'tool').map(({ content }) => content);
  return calls ?? [{ name: 'output', input: { said } }];
});

const outputSchema = `output_schema: { type: object, properties: { said: { type: array } }, required: [said] }\n`;

const stdio = (mode: string, rest = ''): string =>
  `{ command: ${process.execPath}, args: ["${ledger.path('server.mjs')}", ${mode}], ${rest} }`;

const pinned = 'tools: { echo: { description: Echoes., input_schema: { type: object } } }';

const projectFor = (modelUrl: string, webUrl: string): Record<string, string> => {
  const agents: Record<string, string> = {
    caller: `tools: [read]
mcp:
  local: ${stdio('ok', 'allow: [echo, env, fork]')}
  web: { url: "${webUrl}", headers: { X-Team: geese }, allow: [shout] }
`,
    faulty: `mcp:
  dies: ${stdio('ok', 'allow: [die]')}
  exits: ${stdio('exit', pinned)}
  floods: ${stdio('ok', 'allow: [flood_line]')}
  hangs: ${stdio('hang', `${pinned}, start_timeout_sec: 1`)}
  sleeps: ${stdio('ok', 'allow: [hang], call_timeout_sec: 1')}
  far: { url: "http://127.0.0.1:1/mcp", ${pinned} }
  web: { url: "${webUrl}", call_timeout_sec: 2 }
`,
    boss: 'soul: calm\nskills: [style]\ntools: [delegate]\nsub_agents: [helper]\n',
    helper: 'description: Helps with texts.\nsoul: brash\n',
    skilled: `skills: [style]\ntools: { allow: [read, bash], bash: { allow: ['[^]*'] } }\n`,
  };
  return {
    ...Object.fromEntries(
      Object.entries(agents).flatMap(([id, rest]) => [
        [`agents/${id}/agent.yaml`, `model: local\n${rest}${outputSchema}`],
        [`agents/${id}/INSTRUCTIONS.md`, `You are the ${id}.\n`],
        [
          `dags/${id}.yaml`,
          `name: ${id}
params: [{ name: turns, type: array, default: [] }]
steps:
  - { id: play, type: agent, agent: ${id}, prompt: "\${params.turns}" }
`,
        ],
      ]),
    ),
    'models/local.yaml': `provider: openai-compatible\nmodel: player-1\nbase_url: ${modelUrl}\n`,
    'souls/calm/SOUL.md': '---\nname: Calm\n---\nYou are calm and exact.\n',
    'souls/brash/SOUL.md': '---\nname: Brash\n---\nYou are loud and quick.\n',
    'skills/style/SKILL.md':
      '---\nname: style\ndescription: House style.\n---\nWrite short lines, as references/list.md says.\n',
    'skills/style/references/list.md': 'geese, not ducks\n',
    'skills/style/scripts/count.sh': '#!/bin/sh\necho "counted $#"\n',
    'dags/shell.yaml': 'name: shell\nsteps:\n  - { id: say, command: echo still here, output: SAID }\n',
  };
};

let folder: string;
let stack: Stack;
let workerPid: number;

beforeAll(async () => {
  await Promise.all([model.start(), web.start()]);
  copyFileSync(join(rootFolder, 'packages/executors/test/mcp-server.mjs'), ledger.path('server.mjs'));
  folder = folderWith(projectFor(model.url, web.url));
  stack = await Stack.start(folder, { workers: 1, env: { OPENAI_API_KEY: 'none', SLEEP_MARK: '3600' } });
  workerPid = (await stack.workers())[0]?.pid ?? -1;
});

afterAll(async () => {
  const { left } = await stack.stop();
  await Promise.all([model.stop(), web.stop()]);
  stack.remove();
  ledger.remove();
  rmSync(folder, { recursive: true, force: true });
  expect(left).toEqual([]);
});

beforeEach(() => {
  model.requests.length = 0;
});

const ended = async (runId: string): Promise<RunView> => {
  await stack.finished(runId);
  return stack.client.runs.get(runId);
};

/** Runs an agent through its turns, and gives what its tools said. */
const play = async (agent: string, turns: Turns): Promise<readonly string[]> => {
  const run = await ended((await stack.submit(agent, { turns })).runId);
  expect([run.error, run.status]).toEqual([undefined, 'succeeded']);
  return run.steps[0]?.outputs['said'] as readonly string[];
};

const systemTexts = (): readonly string[] => model.requests.map((request) => textOf(request, 'system'));

/** Files and folders below the work folders of the workers: those of tasks, and all others. */
const workFolder = (): { readonly tasks: readonly string[]; readonly others: readonly string[] } => {
  const root = join(stack.data, 'work');
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' });
  const below = paths
    .filter((path) => /\/task-[^/]+\//.test(path))
    .map((path) => path.replace(/^.*?\/task-[^/]+\//, ''));
  return {
    tasks: below,
    others: paths.filter((path) => !path.includes('/task-') && statSync(join(root, path)).isFile()),
  };
};

/** A folder that was listed may be gone when it is read: then it is being emptied. */
const isEmptied = (): boolean => {
  try {
    return workFolder().tasks.length === 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
};

describe('tool servers of an agent', () => {
  it('are started from the definition in the snapshot, over stdio and HTTP, and leave no process', async () => {
    const [echo, env, shout, fork] = await play('caller', [
      [
        ['local__echo', { text: 'from the server' }],
        ['local__env', {}],
        ['web__shout', { text: 'from the web' }],
      ],
      [['local__fork', {}]],
    ]);
    const offered = model.requests[0]?.body.tools?.map((tool) => tool.function.name);
    expect(offered).toEqual(['read', 'local__echo', 'local__env', 'local__fork', 'web__shout', 'output']);
    expect(echo).toContain('from the server');
    expect(shout).toContain('FROM THE WEB');
    expect(new Set(web.headers.map((headers) => headers['x-team']))).toEqual(new Set(['geese']));
    // It sees the private directory, and nothing of the worker's environment.
    expect(env).toContain(join(stack.data, 'work'));
    const names = Object.keys((JSON.parse(env ?? '') as { readonly env: object }).env);
    const known = /^(PATH|HOME|TMPDIR|LANG|LC_ALL|TZ|SKEIN_(TASK|TOOL_SERVER|LAUNCH))$/;
    expect(names.filter((name) => !known.test(name))).toEqual([]);
    const pids = fork?.match(/\d{2,}/g)?.map(Number) ?? [];
    expect(pids).toHaveLength(2);
    await eventually('what the server started is gone', () => !pids.some(isAlive));
  });

  it('that hang, flood, die or are not there are errors of their tools; the same worker runs the next task', async () => {
    const results = await play('faulty', [
      [
        ['dies__die', {}],
        ['exits__echo', {}],
        ['far__echo', {}],
        ['floods__flood_line', {}],
        ['hangs__echo', {}],
        ['sleeps__hang', {}],
        ['web__flood', {}],
        ['web__hang', {}],
      ],
    ]);
    expect(results.map((result) => (JSON.parse(result) as { readonly error: string }).error)).toEqual([
      'unavailable',
      'unavailable',
      'unavailable',
      'too_large',
      'deadline_exceeded',
      'deadline_exceeded',
      'too_large',
      'deadline_exceeded',
    ]);
    expect(systemTexts()[0]?.match(/^- tool server .*/gm)).toEqual([
      '- tool server exits: unavailable (unavailable)',
      '- tool server far: unavailable (unavailable)',
      '- tool server hangs: unavailable (deadline_exceeded)',
    ]);
    const next = await ended((await stack.submit('shell')).runId);
    const worker = (await stack.workers())[0];
    expect([next.status, next.steps[0]?.outputs['SAID'], next.steps[0]?.workerId]).toEqual([
      'succeeded',
      'still here',
      worker?.workerId,
    ]);
    expect([worker?.pid, isAlive(workerPid)]).toEqual([workerPid, true]);
  });
});

describe('a sub-agent', () => {
  it('does its part with its own soul and instructions, and answers its caller', async () => {
    const prompt = JSON.stringify([]);
    const [answer] = await play('boss', [[['delegate', { agent: 'helper', prompt }]]]);
    expect(answer).toContain('said');
    const [boss, helper, bossAgain] = systemTexts();
    expect(boss).toContain('# Soul: Calm\n\nYou are calm and exact.\n\n# Instructions\n\nYou are the boss.');
    expect(boss).toContain('- style: House style.');
    expect(helper).toContain('# Soul: Brash\n\nYou are loud and quick.\n\n# Instructions\n\nYou are the helper.');
    expect(helper).not.toMatch(/calm|the boss|House style/);
    expect(bossAgain).toBe(boss);
    const tools = model.requests.map(({ body }) => body.tools?.map((tool) => tool.function.name));
    expect(tools.slice(0, 2)).toEqual([['delegate', 'load_skill', 'output'], ['output']]);
  });
});

describe('the files of a skill, and all else that came with the snapshot', () => {
  it('are in the private directory from load_skill to the end of the task, and nowhere afterwards', async () => {
    const hold = (name: string): readonly [string, object] => [
      'bash',
      { command: `${ledger.note(name, 'here')}; ${ledger.hold(name)}` },
    ];
    const { runId } = await stack.submit('skilled', {
      turns: [
        [hold('before')],
        [['load_skill', { name: 'style' }]],
        [
          ['read', { path: 'skills/style/references/list.md' }],
          ['bash', { command: 'skills/style/scripts/count.sh a b; echo own > notes.txt' }],
        ],
        [hold('after')],
      ],
    });
    await ledger.written('before', 1);
    // What the task before this one had is removed after its result.
    await eventually('the private directory is empty', isEmptied);
    ledger.release('before');
    await ledger.written('after', 1);
    expect(workFolder().tasks.toSorted()).toEqual([
      'notes.txt',
      'skills',
      'skills/style',
      'skills/style/references',
      'skills/style/references/list.md',
      'skills/style/scripts',
      'skills/style/scripts/count.sh',
    ]);
    ledger.release('after');
    const run = await ended(runId);
    const said = JSON.stringify(run.steps[0]?.outputs['said']);
    expect(said).toContain('Write short lines');
    expect(said).toContain('geese, not ducks');
    expect(said).toContain('counted 2');
    await eventually('the private directory is gone', isEmptied);
    // What is left of all tasks of this file: the mark by which the launcher knows its processes.
    const { others } = workFolder();
    expect(others.map((path) => path.replace(/^.*\//, ''))).toEqual([expect.stringMatching(/^\.skein-launch\./)]);
    expect(readFileSync(join(stack.data, 'work', others[0] ?? ''), 'utf8')).toBe('');
  });

  it('stay in the verified cache of the worker: the next task is sent no bytes of them', async () => {
    await play('skilled', []);
    const received = async () => (await stack.client.workers.list())[0]?.snapshotBytesReceived;
    const before = await received();
    expect(before).toBeGreaterThan(0);
    await play('skilled', [
      [['load_skill', { name: 'style' }]],
      [['read', { path: 'skills/style/references/list.md' }]],
    ]);
    expect(await received()).toBe(before);
  });
});
