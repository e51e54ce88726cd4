import { spawn } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createMemoryLog } from '@skein/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCommand } from '../../test/capture.ts';
import { readEndpoint } from '../cli/find-endpoint.ts';
import { readConfig } from '../config.ts';
import { type Fleet, type FleetOptions, startFleet } from './start-fleet.ts';

// Real processes: the built programs of apps/*, so `npm run build` comes first.

const project = fileURLToPath(new URL('../../../../examples/hello', import.meta.url));
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
}, 60_000);

afterAll(async () => {
  await fleet?.stop();
  await rm(dataDir, { recursive: true, force: true });
}, 60_000);

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
  const bin = fileURLToPath(new URL('../../bin/skein.mjs', import.meta.url));
  const flags = ['--json', '--data', dir, '--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0', '--workers', '1'];
  const up = spawn(process.execPath, [bin, 'up', ...flags], { stdio: ['ignore', 'pipe', 'ignore'] });
  const line = await new Promise<string>((resolve) =>
    up.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString())),
  );
  const { pids } = JSON.parse(line) as { pids: { [name: string]: number } };
  expect(Object.values(pids).every(isAlive)).toBe(true);
  up.kill('SIGKILL');
  await eventually(() => !Object.values(pids).some(isAlive));
  await rm(dir, { recursive: true, force: true });
});
