import { spawn, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createMemoryLog } from '@skein/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { captureCli, runCommand } from '../../test/capture.ts';
import { readEndpoint } from '../cli/find-endpoint.ts';
import { runCli } from '../cli/run-cli.ts';
import { readConfig } from '../config.ts';
import { type Fleet, type FleetOptions, startFleet } from './start-fleet.ts';

// Real processes: the built programs of apps/*, so `npm run build` comes first.

const project = fileURLToPath(new URL('../../../../examples/hello', import.meta.url));
const skeinBin = fileURLToPath(new URL('../../bin/skein.mjs', import.meta.url));
let dataDir: string;
let fleet: Fleet;

const optionsFor = (dir: string, more: Partial<FleetOptions> = {}): FleetOptions => ({
  dataDir: dir,
  http: '127.0.0.1:0',
  grpc: '127.0.0.1:0',
  workers: 2,
  project,
  insecure: false,
  config: readConfig({ PATH: process.env['PATH'], SKEIN_LOG_LEVEL: 'silent' }, false),
  log: createMemoryLog(),
  output: 'inherit',
  signal: new AbortController().signal,
  ...more,
});

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'skein-fleet-'));
  fleet = await startFleet(optionsFor(dataDir));
});

afterAll(async () => {
  await fleet?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

const skein = (...args: string[]) => runCommand([...args, '--data', dataDir]);
const json = async (...args: string[]) =>
  JSON.parse((await skein(...args, '--json')).out) as { [key: string]: unknown };

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

const eventually = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
};

test('each part is a process of its own, and the files with secrets are private', async () => {
  const pids = fleet.pids();
  expect(Object.keys(pids)).toEqual(['coordinator', 'scheduler', 'worker-1', 'worker-2']);
  expect(new Set(Object.values(pids)).size).toBe(4);
  expect(Object.values(pids).every((pid) => pid !== undefined && isAlive(pid))).toBe(true);
  for (const file of ['admin-token', 'join-token', 'endpoint.json']) {
    expect((await stat(join(dataDir, file))).mode & 0o077, file).toBe(0);
  }
  expect(await readEndpoint(join(dataDir, 'endpoint.json'))).toEqual(fleet.endpoint);
});

test('runs a DAG from the command line and answers in the machine-readable form', async () => {
  const run = await json('run', 'hello', '-p', 'who=geese', '--wait');
  expect(run).toMatchObject({ dag: 'hello', status: 'succeeded', params: { who: 'geese' } });
  const runId = String(run['runId']);
  expect((await skein('logs', runId, 'shout')).out).toBe('HELLO, GEESE!\n');
  expect((await skein('logs', runId, 'shout', '--follow')).out).toBe('HELLO, GEESE!\n');
  expect((await skein('runs', 'show', runId)).out).toMatch(/^shout\s+succeeded\s+1\s+wrk_…/m);
  expect((await skein('runs', '--limit', '1')).out).toContain(runId);
  expect((await skein('run', 'hello', '--follow')).out).toMatch(/^shout {2}succeeded/m);
  expect(await skein('cancel', runId)).toMatchObject({ code: 1 });
  expect(await skein('run', 'nothing')).toMatchObject({ code: 2 });
  expect(await skein('run', 'hello', 'whom=x')).toMatchObject({ code: 2, err: expect.stringContaining('whom') });
});

test('tokens work until they are revoked, and a wrong one is told apart from nobody there', async () => {
  const created = await json('tokens', 'create', 'ci');
  const asCi = () => runCommand(['dags', '--url', fleet.endpoint.http, '--token', String(created['token'])]);
  expect((await asCi()).code).toBe(0);
  expect((await skein('tokens', 'list')).out).not.toContain(String(created['token']));
  expect((await skein('tokens', 'revoke', String(created['tokenId']))).code).toBe(0);
  expect((await asCi()).code).toBe(2);
});

test('lists, previews and examines', async () => {
  expect((await skein('dags')).out).toMatch(/^hello\s+2\s+sha256:/m);
  expect((await skein('dags', 'show', 'hello')).out).toContain('The smallest DAG');
  expect((await skein('workers')).out.match(/connected/g)?.length).toBeGreaterThanOrEqual(2);
  expect((await skein('schedule', 'next')).out).toContain('no schedules');
  expect((await skein('doctor')).code).toBe(0);
  expect(await json('apply', project, '--dry-run')).toMatchObject({ dryRun: true, dags: [{ change: 'unchanged' }] });
});

test.each(['coordinator', 'scheduler', 'worker-1'])(
  'a killed %s is started again, on the same addresses',
  async (name) => {
    const before = fleet.pids()[name] ?? 0;
    process.kill(before, 'SIGKILL');
    await eventually(() => {
      const now = fleet.pids()[name];
      return now !== undefined && now !== before;
    });
    await eventually(async () => (await skein('run', 'hello', '--wait')).code === 0);
    expect((await fleet.client.readiness()).status).toBe('ready');
  },
);

test('a second fleet on the same data folder is refused and leaves the first alone', async () => {
  await expect(startFleet(optionsFor(dataDir))).rejects.toMatchObject({ code: 'unavailable' });
  expect(await readEndpoint(join(dataDir, 'endpoint.json'))).toEqual(fleet.endpoint);
  expect((await skein('run', 'hello', '--wait')).code).toBe(0);
});

/** The built command as a process of its own. */
const start = (args: readonly string[], cwd = tmpdir()) => {
  const env = { PATH: process.env['PATH'], SKEIN_LOG_LEVEL: 'silent' };
  const child = spawn(process.execPath, [skeinBin, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (said.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said.err += chunk.toString()));
  const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve) =>
    child.once('close', (code) => resolve({ code, ...said })),
  );
  return { child, said, ended };
};

const anyPorts = ['--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0'];

test('a start that fails says why, once, and is 1; a wrong call is 2', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'skein-fleet-fails-'));
  try {
    await mkdir(join(dir, 'bad', 'dags'), { recursive: true });
    await writeFile(join(dir, 'bad/dags/a.yaml'), 'steps:\n  - name: a\n    comand: x\n');
    const inUse = new URL(fleet.endpoint.http).host;
    const up = async (...args: string[]) => start(['up', ...args], dir).ended;
    const folder = await up('--data', dataDir, ...anyPorts);
    expect(folder).toMatchObject({ code: 1, out: '', err: expect.stringContaining('data folder is in use') });
    expect(folder.err).not.toContain('started again');
    const port = await up('--data', join(dir, 'a'), '--http', inUse, '--grpc', '127.0.0.1:0');
    expect(port).toMatchObject({ code: 1, err: expect.stringContaining(`cannot listen on ${inUse} (EADDRINUSE)`) });
    const project = await up('--data', join(dir, 'b'), '--project', join(dir, 'bad'), ...anyPorts);
    expect(project).toMatchObject({ code: 1, err: expect.stringContaining('dags/a.yaml:3:5') });
    expect(await up('--data', join(dir, 'c'), '--http', 'nowhere')).toMatchObject({ code: 2 });
    expect(await up('--data', join(dir, 'd'), '--project', join(dir, 'none'))).toMatchObject({ code: 2 });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

test('a reader that has enough ends a command well; an answer that is lost does not', async () => {
  for (let count = 0; count < 3; count += 1) await skein('run', 'hello', '--wait');
  const list = start(['runs', '--data', dataDir]);
  list.child.stdout.destroy();
  expect(await list.ended).toMatchObject({ code: 0, err: '' });
  const full = spawnSync('sh', [
    '-c',
    'exec "$0" "$@" > /dev/full',
    process.execPath,
    skeinBin,
    'runs',
    '--data',
    dataDir,
  ]);
  expect(full.status).toBe(1);
  expect(full.stderr.toString()).toContain('ENOSPC');
});

test('a start that is interrupted, and one whose reader leaves, leave no process and no endpoint', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'skein-fleet-interrupted-'));
  try {
    const flags = ['up', '--data', dir, ...anyPorts, '--workers', '1'];
    const early = start(flags);
    await eventually(async () => (await readdir(dir)).length > 0);
    early.child.kill('SIGINT');
    early.child.kill('SIGINT');
    expect(await early.ended).toMatchObject({ code: 1, err: expect.stringContaining('given up') });
    const left = start(flags);
    left.child.stdout.destroy();
    expect((await left.ended).code).toBe(0);
    expect(await readEndpoint(join(dir, 'endpoint.json'))).toBeUndefined();
    // The data folder is free again, so nothing of both is alive.
    const again = start([...flags, '--json']);
    await eventually(() => again.said.out.includes('}}'));
    again.child.kill('SIGHUP');
    expect((await again.ended).code).toBe(0);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

test('a fleet that starts removes the endpoint of one that crashed, and at its end leaves that of another', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'skein-fleet-stale-'));
  const path = join(dir, 'endpoint.json');
  const stale = '{"http":"http://127.0.0.1:1","grpc":"127.0.0.1:2","adminTokenFile":"x"}';
  await writeFile(path, stale);
  const up = start(['up', '--json', '--data', dir, ...anyPorts, '--workers', '1']);
  await eventually(async () => (await readEndpoint(path))?.http !== 'http://127.0.0.1:1');
  await eventually(() => up.said.out.includes('}}'));
  expect(up.said.out).toContain((await readEndpoint(path))?.http);
  // As if another had taken the folder over meanwhile.
  await writeFile(path, stale);
  up.child.kill('SIGTERM');
  expect((await up.ended).code).toBe(0);
  expect((await readEndpoint(path))?.http).toBe('http://127.0.0.1:1');
  await rm(dir, { recursive: true, force: true });
});

test('following all logs of a run that goes on shows steps that begin later', async () => {
  const { said, cli } = captureCli();
  const run = await json('run', 'hello');
  expect(await runCli(cli, ['logs', String(run['runId']), '-f', '--data', dataDir])).toBe(0);
  expect(said.out).toContain('HELLO');
  expect(await skein('logs', String(run['runId']), 'nothing', '-f')).toMatchObject({ code: 2 });
});

test('a project that is not valid starts nothing', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'skein-fleet-bad-'));
  try {
    await expect(startFleet(optionsFor(dir, { project: dir }))).rejects.toMatchObject({ code: 'invalid_argument' });
    expect(await readEndpoint(join(dir, 'endpoint.json'))).toBeUndefined();
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

test('a stop leaves no process and no endpoint file', async () => {
  const pids = Object.values(fleet.pids()).filter((pid) => pid !== undefined);
  await fleet.stop();
  expect(pids.filter(isAlive)).toEqual([]);
  expect(await readEndpoint(join(dataDir, 'endpoint.json'))).toBeUndefined();
  expect((await skein('runs')).code).toBe(3);
});

test('a command that is killed outright leaves no process either', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'skein-fleet-killed-'));
  const flags = ['--json', '--data', dir, '--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0', '--workers', '1'];
  const up = spawn(process.execPath, [skeinBin, 'up', ...flags], { stdio: ['ignore', 'pipe', 'ignore'] });
  const line = await new Promise<string>((resolve) =>
    up.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString())),
  );
  const { pids } = JSON.parse(line) as { pids: { [name: string]: number } };
  expect(Object.values(pids).every(isAlive)).toBe(true);
  up.kill('SIGKILL');
  await eventually(() => !Object.values(pids).some(isAlive));
  await rm(dir, { recursive: true, force: true });
});
