import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A Redis server of our own, in a temporary folder. */
export interface LocalRedis {
  readonly port: number;
  stop(): Promise<void>;
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() =>
        typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });

const hasRedis = (): boolean => spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).status === 0;

/** Debian and root only: installs the package; anywhere else the caller is told. */
const installRedis = (): void => {
  if (process.getuid?.() !== 0 || spawnSync('apt-get', ['--version'], { stdio: 'ignore' }).status !== 0) return;
  spawnSync('apt-get', ['update', '-qq'], { stdio: 'ignore' });
  spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'redis-server'], {
    stdio: 'ignore',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
};

/** How durable it is. */
export type RedisDurability = 'none' | 'everysec' | 'always';

/** Starts `redis-server` on a free port, installing it where that is possible; undefined where it is not to be had. */
export const startRedis = async (durability: RedisDurability = 'none'): Promise<LocalRedis | undefined> => {
  if (!hasRedis()) installRedis();
  if (!hasRedis()) return undefined;
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'skein-bench-redis-'));
  const appendOnly =
    durability === 'none' ? ['--appendonly', 'no'] : ['--appendonly', 'yes', '--appendfsync', durability];
  const child = spawn(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', ...appendOnly],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  const killWithParent = () => child.kill('SIGKILL');
  process.once('exit', killWithParent);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    void exited.then(() => reject(new Error('redis-server ended at its start')));
    let seen = '';
    child.stdout.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
      if (seen.includes('Ready to accept connections')) resolve();
    });
  });
  return {
    port,
    stop: async () => {
      process.off('exit', killWithParent);
      child.kill('SIGTERM');
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
};
