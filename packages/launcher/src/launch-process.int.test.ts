import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { LaunchedProcess } from '@skein/ports';
import { createMemoryLog } from '@skein/testkit';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { ProcessFamily } from './family.ts';
import { launchProcess } from './launch-process.ts';
import { findMarked, signalProcess } from './process-table.ts';

const patience = { timeout: 10_000, interval: 10 };
const alive = (pid: number): boolean => signalProcess(pid, 0 as never);

let dir: string;
let started: { readonly process: LaunchedProcess; readonly marker: string }[];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'skein-launch-'));
  started = [];
});

afterEach(async () => {
  for (const { process } of started) process.kill('SIGKILL');
  for (const { process, marker } of started) {
    await process.exited;
    expect(await findMarked(marker)).toEqual([]);
  }
  rmSync(dir, { recursive: true, force: true });
});

const launch = (program: string, options: { readonly censusMs?: number; readonly args?: readonly string[] } = {}) => {
  const marker = `lch_${randomUUID()}`;
  const log = createMemoryLog();
  const process = launchProcess({
    command: 'sh',
    args: ['-c', program, ...(options.args ?? [])],
    env: { PATH: globalThis.process.env['PATH'], DIR: dir },
    stdio: 'ignore',
    log,
    marker,
    ...(options.censusMs === undefined ? {} : { censusMs: options.censusMs }),
  });
  started.push({ process, marker });
  return { process, marker, log };
};

const pidsIn = (file: string): readonly number[] => {
  try {
    const lines = readFileSync(join(dir, file), 'utf8').split('\n');
    // The shell makes the file before it writes the line.
    return lines.slice(0, -1).map(Number);
  } catch {
    return [];
  }
};

test('reports an exit code and a signal', async () => {
  expect(await launch('exit 7').process.exited).toEqual({ exitCode: 7 });
  const sleeper = launch('exec sleep 1000').process;
  sleeper.kill('SIGTERM');
  expect(await sleeper.exited).toEqual({ signal: 'SIGTERM' });
});

test('reports a program that does not exist as exit code 127', async () => {
  const log = createMemoryLog();
  const process = launchProcess({ command: join(dir, 'nothing'), args: [], env: {}, log, marker: 'lch_none' });
  process.kill('SIGKILL');
  expect(await process.exited).toEqual({ exitCode: 127 });
  expect(log.lines.map(({ level }) => level)).toEqual(['error']);
});

test('gives the child exactly the environment that it was given, and the marker', async () => {
  const { marker, process } = launch('env > "$DIR/env"');
  await process.exited;
  const names = readFileSync(join(dir, 'env'), 'utf8').split('\n');
  expect(names).toContain(`SKEIN_LAUNCH=${marker}`);
  expect(names.filter((line) => line.startsWith('HOME='))).toEqual([]);
});

test('nested launches are found by the outer marker too', async () => {
  const marker = `lch_${randomUUID()}`;
  const process = launchProcess({
    command: 'sleep',
    args: ['1000'],
    env: { PATH: globalThis.process.env['PATH'], SKEIN_LAUNCH: `${marker}/between` },
    log: createMemoryLog(),
    marker: `lch_${randomUUID()}`,
  });
  started.push({ process, marker });
  await expect.poll(() => findMarked(marker), patience).toEqual([process.pid]);
});

const tree = `
  note() { echo "$1" >> "$DIR/pids"; }
  sleep 1000 & note $!
  nohup sleep 1000 >/dev/null 2>&1 & note $!
  setsid sh -c 'echo $$ >> "$DIR/pids"; exec sleep 1000' &
  setsid sh -c 'echo $$ >> "$DIR/pids"; trap "" TERM HUP INT; while :; do sleep 1; done' &
  (setsid sh -c '(sh -c "echo \\$\\$ >> \\"\\$DIR/pids\\"; exec sleep 1000" &) ; exit 0' &)
  (sh -c '(echo; exec nohup setsid sh -c "echo \\$\\$ >> \\"\\$DIR/pids\\"; exec sleep 1000" >/dev/null 2>&1) &' ; exit 0)
  touch "$DIR/ready"
  while :; do sleep 1; done
`;
const treeSize = 6;

test('after kill -9, everything that the child left behind is dead before `exited` resolves', async () => {
  const { log, marker, process } = launch(tree);
  await expect.poll(() => pidsIn('pids').length, patience).toBe(treeSize);
  const pids = pidsIn('pids');
  expect(pids.filter(alive)).toEqual(pids);
  const killedAt = performance.now();
  signalProcess(process.pid, 'SIGKILL');
  expect(await process.exited).toEqual({ signal: 'SIGKILL' });
  const tookMs = performance.now() - killedAt;
  expect(await findMarked(marker)).toEqual([]);
  expect(pids.filter(alive).filter((pid) => !isZombie(pid))).toEqual([]);
  expect(log.lines.at(-1)).toMatchObject({ message: 'killed what a process left behind' });
  console.info(`kill -9 to last of ${treeSize} orphans dead: ${tookMs.toFixed(0)} ms`);
  expect(tookMs).toBeLessThan(8_000);
});

test('a child that ends well takes its stragglers with it as well', async () => {
  const { marker, process } = launch('setsid nohup sleep 1000 >/dev/null 2>&1 & exit 0');
  expect(await process.exited).toEqual({ exitCode: 0 });
  expect(await findMarked(marker)).toEqual([]);
});

test('kills descendants that keep forking', async () => {
  const { marker, process } = launch(
    `setsid sh -c 'while :; do (sleep 1000 &) ; sleep 0.01; done' & setsid sh -c 'while :; do (sleep 1000 &) ; sleep 0.01; done' & wait`,
  );
  await expect.poll(async () => (await findMarked(marker)).length, patience).toBeGreaterThan(12);
  process.kill('SIGKILL');
  await process.exited;
  expect(await findMarked(marker)).toEqual([]);
});

test('kills a descendant that cleared its environment and left the session, once a census saw it', async (context) => {
  if (process.platform !== 'linux') context.skip('needs /proc');
  const { marker, process: child } = launch(
    `env -i setsid sh -c 'echo $$ >> '"$DIR"'/pids; exec sleep 1000' & while :; do sleep 1; done`,
    { censusMs: 0 },
  );
  await expect.poll(() => pidsIn('pids').length, patience).toBe(1);
  const [pid] = pidsIn('pids') as [number];
  const family = new ProcessFamily(child.pid, marker);
  family.census();
  signalProcess(child.pid, 'SIGKILL');
  await child.exited;
  expect([alive(pid), await findMarked(marker)]).toEqual([true, []]);
  const { killed, left } = await family.killAll(5_000, pause);
  expect({ killed, left }).toEqual({ killed: 1, left: 0 });
  expect(alive(pid) && !isZombie(pid)).toBe(false);
});

test('takes a census by itself while the process lives', async (context) => {
  if (process.platform !== 'linux') context.skip('needs /proc');
  const { process: child } = launch(
    `env -i setsid sh -c 'sleep 0.5; echo $$ >> '"$DIR"'/pids; exec sleep 1000' & while :; do sleep 1; done`,
    { censusMs: 20 },
  );
  await expect.poll(() => pidsIn('pids').length, patience).toBe(1);
  const [pid] = pidsIn('pids') as [number];
  signalProcess(child.pid, 'SIGKILL');
  await child.exited;
  expect(alive(pid) && !isZombie(pid)).toBe(false);
});

test('kills those that cleared their environment and stayed in a session of the launch, or hold its file', async (context) => {
  if (process.platform !== 'linux') context.skip('needs /proc');
  const child = launch(
    `setsid sh -c '(env -i sh -c "echo \\$\\$ >> $DIR/pids; exec sleep 1000" &); exec sleep 1000' & ` +
      `exec 9> "$DIR/.skein-launch.outer+$SKEIN_LAUNCH"; ` +
      `env -i setsid sh -c "echo \\$\\$ >> $DIR/pids; exec sleep 1000" & wait`,
    { censusMs: 0 },
  );
  await expect.poll(() => pidsIn('pids').length, patience).toBe(2);
  const pids = pidsIn('pids');
  signalProcess(child.process.pid, 'SIGKILL');
  await child.process.exited;
  expect(pids.filter((pid) => alive(pid) && !isZombie(pid))).toEqual([]);
});

test('kills those that cleared their environment in a session whose leader is gone', async (context) => {
  if (process.platform !== 'linux') context.skip('needs /proc');
  const child = launch(
    `setsid sh -c '(sleep 1000 &); (env -i sh -c "echo \\$\\$ >> $DIR/pids; exec sleep 1000" &)'; echo 0 >> "$DIR/ended"; exec sleep 1000`,
    { censusMs: 0 },
  );
  await expect.poll(() => [...pidsIn('pids'), ...pidsIn('ended')].length, patience).toBe(2);
  const [pid] = pidsIn('pids') as [number];
  signalProcess(child.process.pid, 'SIGKILL');
  await child.process.exited;
  const isLeft = alive(pid) && !isZombie(pid);
  if (isLeft) signalProcess(pid, 'SIGKILL');
  expect(isLeft).toBe(false);
});

test('of a session that somebody else leads it kills only what carries the marker', async (context) => {
  if (process.platform !== 'linux') context.skip('needs /proc');
  const { process: child, marker } = launch('exec sleep 1000', { censusMs: 0 });
  const foreign = spawn(
    'sh',
    ['-c', 'SKEIN_LAUNCH="$MARK" sleep 1000 & echo $! >> "$DIR/marked"; sleep 1000 & echo $! >> "$DIR/sibling"; wait'],
    { detached: true, env: { PATH: process.env['PATH'], DIR: dir, MARK: marker }, stdio: 'ignore' },
  );
  const leader = foreign.pid as number;
  const ended = new Promise((resolve) => foreign.once('exit', resolve));
  onTestFinished(async () => {
    signalProcess(-leader, 'SIGKILL');
    await ended;
  });
  await expect.poll(() => [...pidsIn('marked'), ...pidsIn('sibling')].length, patience).toBe(2);
  const [marked, sibling] = [...pidsIn('marked'), ...pidsIn('sibling')] as [number, number];
  await expect.poll(() => findMarked(marker), patience).toContain(marked);
  child.kill('SIGKILL');
  await child.exited;
  const lives = (pid: number): boolean => alive(pid) && !isZombie(pid);
  expect([marked, sibling, leader].map(lives)).toEqual([false, true, true]);
});

test('leaves processes of other launches alone', async () => {
  const other = launch('setsid sleep 1000 & echo $! >> "$DIR/other"; wait');
  await expect.poll(() => pidsIn('other').length, patience).toBe(1);
  const first = launch('exec sleep 1000');
  first.process.kill('SIGKILL');
  await first.process.exited;
  expect((await findMarked(other.marker)).length).toBeGreaterThanOrEqual(1);
  expect(pidsIn('other').filter(alive)).toEqual(pidsIn('other'));
});

const isZombie = (pid: number): boolean => {
  try {
    return / [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};
