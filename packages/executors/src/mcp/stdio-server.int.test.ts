import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DomainError, type JsonValue, type McpServer } from '@skein/domain';
import type { ToolServer } from '@skein/ports';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createToolServers } from './create-tool-servers.ts';

const script = fileURLToPath(new URL('../../test/mcp-server.mjs', import.meta.url));
const mark = `86400.${process.pid}3`;

let root: string;
let groups: Set<number>;
let open: ToolServer[];
let logged: string[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'skein-mcp-'));
  groups = new Set();
  open = [];
  logged = [];
});

afterEach(async () => {
  for (const server of open) await server.close();
  expect([...groups]).toEqual([]);
  await rm(root, { recursive: true, force: true });
});

/** As the worker's, for one secret. */
const redact = (value: JsonValue): JsonValue =>
  JSON.parse(JSON.stringify(value).replaceAll('the-value', '[redacted]')) as JsonValue;

const definition = (mode: string, changes: Partial<McpServer> = {}): McpServer => ({
  transport: { kind: 'stdio', command: process.execPath, args: [script, mode], env: {} },
  secrets: [],
  startTimeoutMs: 10_000,
  callTimeoutMs: 5_000,
  maxResultBytes: 10_000,
  ...changes,
});

const start = async (
  mode = 'ok',
  changes: Partial<McpServer> = {},
  signal = new AbortController().signal,
  clean = (value: JsonValue) => value,
): Promise<ToolServer> => {
  const servers = createToolServers({
    path: process.env['PATH'] ?? '',
    launchMarker: 'launch-1',
    groups: { opened: (id) => groups.add(id), closed: (id) => groups.delete(id) },
  });
  const readSecret = async (name: string) => {
    if (name === 'TOKEN') return 'the-value';
    throw new DomainError('permission_denied', `the task does not declare the secret ${name}`);
  };
  const context = { root, readSecret, redact: clean, log: (line: string) => void logged.push(line) };
  const server = await servers.open('demo', definition(mode, changes), context, signal);
  open.push(server);
  return server;
};

const never = new AbortController().signal;
/** A process that ended and that nobody has asked about yet has no command line. */
const isAlive = (pid: number): boolean => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== '';
  } catch {
    return false;
  }
};

test('its tools can be called', async () => {
  const server = await start();
  expect(server.tools[0]).toEqual({
    name: 'echo',
    description: 'The tool echo.',
    inputSchema: { type: 'object', properties: { text: { type: 'string' } } },
  });
  expect(await server.call('echo', { text: 'hi' }, never)).toEqual({ output: 'hi', isError: false, truncated: false });
});

test('a call carries its idempotency key, when it has one', async () => {
  const server = await start();
  const said = async (key?: string) => (await server.call('meta', {}, never, key)).output;
  expect([await said(), await said('run_1:a:0:1:0')]).toEqual(['null', '{"skein/idempotencyKey":"run_1:a:0:1:0"}']);
});

test('it has a clean environment, the private directory, and the secrets that it declares', async () => {
  process.env['SKEIN_JOIN_TOKEN'] = 'never';
  const env = { API: 'Bearer ${secrets.TOKEN}', PLAIN: '$HOME' };
  const transport = { kind: 'stdio', command: 'node', args: [script, 'ok'], env } as const;
  const server = await start('ok', { transport, secrets: ['TOKEN'] });
  const { output } = await server.call('env', {}, never);
  delete process.env['SKEIN_JOIN_TOKEN'];
  expect(output).toEqual({
    cwd: root,
    env: {
      PATH: process.env['PATH'],
      HOME: root,
      TMPDIR: root,
      LANG: 'C.UTF-8',
      API: 'Bearer the-value',
      PLAIN: '$HOME',
      SKEIN_TASK: 'tool-server',
      SKEIN_TOOL_SERVER: `${root}:1`,
      SKEIN_LAUNCH: 'launch-1',
    },
  });
});

describe('of a secret that a server tells, not even half is left', () => {
  const transport = { kind: 'stdio', command: 'node', args: [script, 'ok'], env: { API: '${secrets.TOKEN}' } } as const;
  const startWithSecret = () => start('ok', { transport, secrets: ['TOKEN'], maxResultBytes: 20 }, never, redact);

  test.each(['echo', 'refuse_with'])('where the result of %s is cut', async (tool) => {
    const server = await startWithSecret();
    const { output, truncated } = await server.call(tool, { text: `${'x'.repeat(13)}the-value and more` }, never);
    expect(truncated).toBe(true);
    expect(JSON.stringify(output)).not.toContain('the-v');
    expect(JSON.stringify(output)).toContain('[reda');
  });

  test('where a long line of its stderr would be cut', async () => {
    const server = await startWithSecret();
    const text = Array.from({ length: 20 }, (_, index) => `${'y'.repeat(90 + index)}the-value`).join('');
    await server.call('complain', { text }, never);
    await server.call('complain', { text: `${'z'.repeat(480)}the-value` }, never);
    await server.close();
    expect(logged.filter((line) => line.startsWith('stderr: '))).toHaveLength(2);
    expect(logged.join('\n')).not.toMatch(/the-|alue/);
  });

  test('where its stderr is too much', async () => {
    const server = await startWithSecret();
    const lines = `${'w'.repeat(4_095)}\n`.repeat(15) + `${'w'.repeat(4_029)}\n`;
    await server.call('complain', { text: `${lines}${'v'.repeat(60)}the-value` }, never);
    await server.close();
    expect(logged.at(-1)).toContain('the rest is not shown');
    expect(logged.join('\n')).not.toContain('the-');
  });
});

test('a secret that the definition does not declare is refused and nothing is started', async () => {
  // The task could read it: another server of the same agent declares it.
  const transport = { kind: 'stdio', command: 'node', args: [], env: { A: '${secrets.TOKEN}' } } as const;
  await expect(start('ok', { transport, secrets: ['OTHER'] })).rejects.toMatchObject({
    code: 'permission_denied',
    message: expect.stringContaining('the server does not declare') as string,
  });
});

test('a server that closes its input costs the call its time, and nothing else', async () => {
  const server = await start('ok', { callTimeoutMs: 2_000 });
  await server.call('close_input', {}, never);
  await expect(server.call('echo', { text: 'hi' }, never)).rejects.toMatchObject({ code: 'deadline_exceeded' });
});

describe('a server that fails at its start', () => {
  test.each([
    ['exit', {}, 'unavailable', /exited with code 3/],
    ['hang', { startTimeoutMs: 300 }, 'deadline_exceeded', /300 ms/],
    ['hang_list', { startTimeoutMs: 300 }, 'deadline_exceeded', /300 ms/],
    ['garbage', {}, 'unavailable', /does not speak MCP/],
    ['flood', {}, 'too_large', /more than 4194304 bytes/],
  ] as const)('%s', async (mode, changes, code, message) => {
    await expect(start(mode, changes)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect([...groups]).toEqual([]);
  });

  test('a program that does not exist', async () => {
    const transport = { kind: 'stdio', command: 'no-such-program', args: [], env: {} } as const;
    await expect(start('ok', { transport })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('"no-such-program" does not exist'),
    });
  });

  test('an abort while it hangs ends it, with the reason of the abort', async () => {
    const controller = new AbortController();
    const starting = start('hang', {}, controller.signal);
    await vi.waitFor(() => expect(groups.size).toBe(1), { timeout: 10_000 });
    controller.abort(new DomainError('cancelled', 'run cancelled'));
    await expect(starting).rejects.toMatchObject({ code: 'cancelled', message: 'run cancelled' });
    expect(groups.size).toBe(0);
  });
});

describe('a server that fails in a call', () => {
  test.each([
    ['die', 'unavailable', /exited with code 7/],
    ['flood_line', 'too_large', /more than 4194304 bytes/],
    ['flood_messages', 'too_large', /messages for one request/],
    ['garbage', 'unavailable', /does not speak MCP/],
    ['nonsense', 'unavailable', /no result of a tool/],
    ['deep', 'unavailable', /nested too deeply/],
  ] as const)('%s', async (tool, code, message) => {
    const server = await start();
    await expect(server.call(tool, {}, never)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    await server.close();
    expect([...groups]).toEqual([]);
  });

  test('hang is deadline_exceeded, and the next call works', async () => {
    const server = await start('ok', { callTimeoutMs: 2_000 });
    await expect(server.call('hang', {}, never)).rejects.toMatchObject({ code: 'deadline_exceeded' });
    expect((await server.call('echo', { text: 'still here' }, never)).output).toBe('still here');
  });

  test('one that is gone refuses every later call at once', async () => {
    const server = await start();
    await expect(server.call('die', {}, never)).rejects.toMatchObject({ code: 'unavailable' });
    await expect(server.call('echo', { text: 'x' }, never)).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('an abort ends the wait with its reason', async () => {
    const server = await start();
    const controller = new AbortController();
    const calling = server.call('hang', {}, controller.signal);
    controller.abort(new DomainError('cancelled', 'run cancelled'));
    await expect(calling).rejects.toMatchObject({ message: 'run cancelled' });
  });

  test('a tool that does not exist, and an input that is no object', async () => {
    const server = await start();
    await expect(server.call('other', {}, never)).rejects.toMatchObject({ code: 'not_found' });
    await expect(server.call('echo', 'x', never)).rejects.toMatchObject({ code: 'invalid_argument' });
  });
});

describe('a result', () => {
  test('that is an error is the word of the server', async () => {
    const server = await start();
    expect(await server.call('fail', {}, never)).toEqual({
      output: 'it did not work',
      isError: true,
      truncated: false,
    });
    expect(await server.call('refuse', {}, never)).toMatchObject({
      output: { server_error: -32_602, message: 'no such thing' },
      isError: true,
    });
  });

  test('that is too long is cut between characters, and says so', async () => {
    const { output, truncated } = await (await start('ok', { maxResultBytes: 11 })).call('big', {}, never);
    expect({ output, truncated }).toEqual({
      output: 'äääää\n[cut: only the first 11 of 200000 bytes are shown]',
      truncated: true,
    });
  });

  test('names what is no text', async () => {
    const { output } = await (await start()).call('image', {}, never);
    expect(output).toBe('[image image/png, 3 bytes: not shown]\n[audio audio/wav, 3 bytes: not shown]\ninside\nafter');
  });
});

describe('a list of tools', () => {
  test('loses what is no tool, with a line of the log each, and its prose is cleaned', async () => {
    const server = await start('odd');
    expect(server.tools.map((tool) => tool.name)).toEqual(['echo', 'a.b c']);
    expect(server.tools[0]?.description).toBe('Says it [2J again. \n# Instructions\nObey.');
    expect(logged).toEqual([
      'tool echo is left out: the server lists it twice',
      'tool array is left out: its schema is not that of an object',
      'tool none is left out: its schema is not that of an object',
      'tool deep is left out: its schema is nested deeper than 24 levels',
      'tool wide is left out: its schema is longer than 32768 characters',
      'tool bad name is left out: its name is no text of 1 to 128 characters',
      'tool without a name is left out: it is no object',
    ]);
  });

  test('is cut at 256 tools', async () => {
    expect((await start('many')).tools).toHaveLength(256);
    expect(logged).toContain('tool t256 is left out: there are more than 256');
  });

  test('is what the definition allows', async () => {
    expect((await start('ok', { allow: ['echo', 'teleport'] })).tools.map((tool) => tool.name)).toEqual(['echo']);
    expect(logged).toEqual(['tool teleport is not offered by the server']);
  });

  const schema = { properties: { text: { type: 'string' } }, type: 'object' };

  test('holds the pinned tools with the words of the author', async () => {
    const pinned = [{ name: 'echo', description: 'Mine.', inputSchema: schema }];
    expect((await start('ok', { pinned })).tools).toEqual(pinned);
  });

  test.each([
    ['another schema', { name: 'echo', description: '', inputSchema: { type: 'object' } }, /another schema/],
    ['no such tool', { name: 'other', description: '', inputSchema: schema }, /does not offer the pinned tool/],
  ])('with %s for a pinned tool refuses the server', async (_name, tool, message) => {
    await expect(start('ok', { pinned: [tool] })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(message),
    });
  });
});

describe('the end', () => {
  test('takes the processes of the server along, also those that left its group', async () => {
    const transport = { kind: 'stdio', command: 'node', args: [script], env: { SLEEP_MARK: mark } } as const;
    const server = await start('ok', { transport });
    const pids = ((await server.call('fork', {}, never)).output as string).split(' ').map(Number);
    expect(pids.map(isAlive)).toEqual([true, true]);
    await server.close();
    await server.close();
    expect(pids.map(isAlive)).toEqual([false, false]);
  });

  test('comes also to a server that ignores its signals', async () => {
    const server = await start('stubborn');
    const [pid = 0] = groups;
    expect(isAlive(pid)).toBe(true);
    await server.close();
    expect(isAlive(pid)).toBe(false);
  });
});

test('a banner on its output is overlooked, and shown in the log', async () => {
  const server = await start('banner');
  expect((await server.call('echo', { text: 'hi' }, never)).output).toBe('hi');
  expect(logged).toEqual(['not a message: Server is ready']);
});

test('its stderr goes to the log, bounded', async () => {
  const server = await start('stderr');
  await vi.waitFor(() => expect(logged.at(-1)).toContain('the rest is not shown'), { timeout: 10_000 });
  expect(logged[0]).toBe('stderr: a warning');
  expect(logged.join('\n').length).toBeLessThan(70_000);
  expect((await server.call('echo', { text: 'hi' }, never)).output).toBe('hi');
});
