import { existsSync, readdirSync, readFileSync, readlinkSync, renameSync } from 'node:fs';
import { chmod, link, mkdir, mkdtemp, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DomainError } from '@skein/domain';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createNodeToolHost } from './node-tool-host.ts';

const host = createNodeToolHost({ path: process.env['PATH'] ?? '/usr/bin:/bin' });
const live = new AbortController().signal;
const patience = { timeout: 20_000 };
const bytes = (text: string) => new TextEncoder().encode(text);
const request = (command: string) => ({ command, timeoutMs: 20_000, maxOutputBytes: 10_000 });

let base: string;
let root: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'skein-tool-host-'));
  root = join(base, 'private');
  await mkdir(root);
  await writeFile(join(base, 'secret.txt'), 'secret');
});
afterEach(() => rm(base, { recursive: true, force: true }));

const refused = (code: string) => expect.objectContaining({ name: 'DomainError', code });

describe('files', () => {
  test('a written file is read again, with its folders and its mode bits', async () => {
    await host.writeFile(root, 'a/b/run.sh', bytes('echo hi\n'), 0o755);
    expect(await host.readFile(root, 'a/b/run.sh', 100)).toEqual({
      text: 'echo hi\n',
      bytes: 8,
      truncated: false,
      mode: 0o755,
    });
    expect((await stat(join(root, 'a/b/run.sh'))).mode & 0o777).toBe(0o755);
  });

  test('writing replaces the whole file and its mode bits', async () => {
    await host.writeFile(root, 'note', bytes('a long text'), 0o644);
    await host.writeFile(root, 'note', bytes('short'), 0o600);
    expect(await readFile(join(root, 'note'), 'utf8')).toBe('short');
    expect((await stat(join(root, 'note'))).mode & 0o777).toBe(0o600);
  });

  test('a long file is cut between characters and says so', async () => {
    await host.writeFile(root, 'long', bytes('ab\u{1f9f6}cd'), 0o644);
    expect(await host.readFile(root, 'long', 4)).toEqual({ text: 'ab', bytes: 8, truncated: true, mode: 0o644 });
  });

  test.each(['../secret.txt', 'a/../../secret.txt', '/etc/passwd', '..'])('refuses the path %s', async (path) => {
    await expect(host.readFile(root, path, 10)).rejects.toEqual(refused('permission_denied'));
    await expect(host.writeFile(root, path, bytes('x'), 0o644)).rejects.toEqual(refused('permission_denied'));
    expect(await readFile(join(base, 'secret.txt'), 'utf8')).toBe('secret');
  });

  test('refuses a symbolic link to a file outside, for reading and for writing', async () => {
    await symlink(join(base, 'secret.txt'), join(root, 'link'));
    await expect(host.readFile(root, 'link', 10)).rejects.toEqual(refused('permission_denied'));
    await expect(host.writeFile(root, 'link', bytes('x'), 0o644)).rejects.toEqual(refused('permission_denied'));
    expect(await readFile(join(base, 'secret.txt'), 'utf8')).toBe('secret');
  });

  test('refuses a symbolic link to a folder outside and makes nothing behind it', async () => {
    await symlink(base, join(root, 'out'));
    await expect(host.readFile(root, 'out/secret.txt', 10)).rejects.toEqual(refused('permission_denied'));
    await expect(host.writeFile(root, 'out/new/file', bytes('x'), 0o644)).rejects.toEqual(refused('permission_denied'));
    expect(existsSync(join(base, 'new'))).toBe(false);
  });

  test('a private directory whose parent is reached through a link still works', async () => {
    await symlink(base, join(base, 'alias'));
    await host.writeFile(join(base, 'alias/private'), 'note', bytes('x'), 0o644);
    expect(await readFile(join(root, 'note'), 'utf8')).toBe('x');
  });

  test('a private directory that was exchanged for a link is not followed', async () => {
    await rename(root, join(base, 'moved'));
    await symlink(base, root);
    await expect(host.readFile(root, 'secret.txt', 10)).rejects.toEqual(refused('permission_denied'));
    await expect(host.writeFile(root, 'secret.txt', bytes('x'), 0o644)).rejects.toEqual(refused('permission_denied'));
    expect(await readFile(join(base, 'secret.txt'), 'utf8')).toBe('secret');
  });

  test('a folder that is exchanged for a link over and over never lets a call out', async () => {
    await mkdir(join(root, 'a'));
    await writeFile(join(root, 'a/secret.txt'), 'inside');
    await symlink('..', join(root, 'out'));
    const moves = [
      ['a', 'b'],
      ['out', 'a'],
      ['a', 'out'],
      ['b', 'a'],
    ] as const;
    const seen = new Set<string>();
    let isOver = false;
    const use = async () => {
      for (let round = 0; round < 300; round += 1) {
        const read = host.readFile(root, 'a/secret.txt', 10);
        seen.add(await read.catch(() => ({ text: 'refused' })).then(({ text }) => text));
      }
      isOver = true;
    };
    // Two moves a turn: between any two awaits of a call, the folder may have become the link, and the link the folder.
    const exchange = async () => {
      for (let turn = 0; !isOver; turn += 2) {
        for (const [from, to] of [moves[turn % 4], moves[(turn + 1) % 4]] as (typeof moves)[number][]) {
          renameSync(join(root, from), join(root, to));
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await Promise.all([use(), exchange()]);
    expect([...seen]).toContain('inside');
    expect([...seen]).not.toContain('secret');
    expect(await readFile(join(base, 'secret.txt'), 'utf8')).toBe('secret');
  });

  test('a link to a folder inside is followed', async () => {
    await mkdir(join(root, 'real'));
    await symlink('real', join(root, 'link'));
    await host.writeFile(root, 'link/note', bytes('x'), 0o644);
    expect(await host.readFile(root, 'real/note', 10)).toMatchObject({ text: 'x' });
  });

  test('a file with another name outside is replaced, not written through', async () => {
    await link(join(base, 'secret.txt'), join(root, 'hard'));
    await host.writeFile(root, 'hard', bytes('mine'), 0o644);
    expect(await readFile(join(root, 'hard'), 'utf8')).toBe('mine');
    expect(await readFile(join(base, 'secret.txt'), 'utf8')).toBe('secret');
  });

  test('no call leaves a file or folder open', async () => {
    // Of this test's own: other code of the process opens files as well.
    const open = () => readdirSync('/proc/self/fd').filter((fd) => openFile(fd).startsWith(base));
    for (let round = 0; round < 20; round += 1) {
      await host.writeFile(root, 'a/b/c', bytes('x'), 0o644);
      await host.readFile(root, 'a/b/c', 10);
      await host.readFile(root, 'a/b/absent', 10).catch(() => {});
      await host.readFile(root, 'a/b', 10).catch(() => {});
    }
    expect(open()).toEqual([]);
  });

  test('what is no regular text file is refused without hanging', async () => {
    await host.runBash(root, request('mkfifo pipe && mkdir folder && printf "\\377" > binary'), live);
    await expect(host.readFile(root, 'pipe', 10)).rejects.toEqual(refused('invalid_argument'));
    await expect(host.writeFile(root, 'pipe', bytes('x'), 0o644)).rejects.toEqual(refused('invalid_argument'));
    await expect(host.readFile(root, 'folder', 10)).rejects.toEqual(refused('invalid_argument'));
    await expect(host.readFile(root, 'binary', 10)).rejects.toEqual(refused('invalid_argument'));
    await expect(host.readFile(root, 'absent', 10)).rejects.toEqual(refused('not_found'));
  });
});

describe('bash', () => {
  test('gives the exit code and both streams, run in the private directory', async () => {
    await chmod(root, 0o700);
    const result = await host.runBash(root, request('basename "$PWD"; echo oops >&2; exit 3'), live);
    expect(result).toMatchObject({ exitCode: 3, truncated: false, timedOut: false });
    expect(result.output).toContain('private\n');
    expect(result.output).toContain('oops\n');
  });

  test('commands see none of the worker’s environment', async () => {
    process.env['SKEIN_TEST_KEY'] = 'key-value';
    try {
      const { output } = await host.runBash(root, request('env'), live);
      expect(output).toContain('PATH=');
      expect(output).not.toContain('key-value');
    } finally {
      delete process.env['SKEIN_TEST_KEY'];
    }
  });

  test('is not started for a lease that may be over [crash 16]', async () => {
    const groups = { opened: () => undefined, closed: () => undefined, mayStart: () => false };
    const fenced = createNodeToolHost({ path: process.env['PATH'] ?? '/usr/bin:/bin', groups });
    await expect(fenced.runBash(root, request('touch done'), live)).rejects.toEqual(refused('stale_fencing_token'));
    expect(readdirSync(root)).toEqual([]);
  });

  test('knows its idempotency key, when it has one', async () => {
    const said = async (key: object) =>
      (await host.runBash(root, { ...request('echo "[$SKEIN_IDEMPOTENCY_KEY]"'), ...key }, live)).output;
    expect([await said({}), await said({ idempotencyKey: 'run_1:a:0:1:0' })]).toEqual(['[]\n', '[run_1:a:0:1:0]\n']);
  });

  test('too much output is dropped and said, and the command still ends', async () => {
    const result = await host.runBash(root, { ...request('yes | head -c 100000'), maxOutputBytes: 1_000 }, live);
    expect(result).toMatchObject({ exitCode: 0, truncated: true });
    expect(result.output).toHaveLength(1_000);
  });

  test('a command past its time is killed with what it started', async () => {
    const result = await host.runBash(root, { ...request('sleep 60 & echo $!; wait'), timeoutMs: 300 }, live);
    expect(result.timedOut).toBe(true);
    await expect.poll(() => isRunning(Number(result.output.trim())), patience).toBe(false);
  });

  test('the end of a command leaves one beside it in the same directory alone', async () => {
    const first = host.runBash(root, request('until [ -e begun ]; do sleep 0.01; done'), live);
    const second = host.runBash(root, request('touch begun; until [ -e ended ]; do sleep 0.01; done; echo done'), live);
    expect(await first).toMatchObject({ exitCode: 0 });
    await writeFile(join(root, 'ended'), '');
    expect(await second).toMatchObject({ exitCode: 0, output: 'done\n' });
  });

  test('an abort rejects with its reason once the command is gone', async () => {
    const controller = new AbortController();
    const reason = new DomainError('cancelled', 'stop');
    const running = host.runBash(root, request('echo $$ > pid; exec sleep 60'), controller.signal);
    await expect.poll(() => readFile(join(root, 'pid'), 'utf8').catch(() => ''), patience).toMatch(/\d+\n/);
    controller.abort(reason);
    await expect(running).rejects.toBe(reason);
    const pid = Number(await readFile(join(root, 'pid'), 'utf8'));
    await expect.poll(() => isRunning(pid), patience).toBe(false);
  });
});

/** What a descriptor of this process is of. */
const openFile = (fd: string): string => {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return '';
  }
};

/** A zombie that nobody has reaped yet does not run. */
const isRunning = (pid: number): boolean => {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};
