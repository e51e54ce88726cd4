import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from './free-port.ts';
import { SupervisedProcess } from './supervised-process.ts';
import { readTestEnvironment } from './test-environment.ts';

const run = promisify(execFile);
const startMs = 30_000;
const install = `command -v redis-server || {
  apt-get update && apt-get install -y --no-install-recommends redis-server
}`;
const portAttempts = 5;

/** A Redis that tests may fill and empty; of one's own, unless `TEST_REDIS_URL` names one. */
export interface RedisServer {
  readonly url: string;
  /** False: it is not ours, so it can neither be killed nor started; use keys that nobody else has. */
  readonly own: boolean;
  readonly pid: number | undefined;
  /** Ends it as a crash would. Throws when it is not ours. */
  kill(): Promise<void>;
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
  /** Starts it again at the same port, with what was on its disk. Throws when it is not ours. */
  start(): Promise<void>;
  /** Ends it and removes its folder. Idempotent. */
  stop(): Promise<void>;
}

/** How the server is started. */
export interface RedisServerOptions {
  /** Keeps an append-only file, so that what it acknowledged is there after a crash. */
  readonly appendOnly?: boolean;
  /** Further flags, such as `--requirepass SECRET`. */
  readonly flags?: readonly string[];
}

let found: Promise<boolean> | undefined;

/**
 * True when a Redis can be had: one that `TEST_REDIS_URL` names, or a `redis-server` in the path, which continuous integration installs as
 * root when it is missing. False says so on the console; with `REQUIRE_SERVICES=1` it throws instead.
 */
export const hasRedis = (): Promise<boolean> => {
  found ??= findRedis();
  return found;
};

/** Starts a Redis on a free port of the loopback; it goes with this process, however it ends. Call `hasRedis` first. */
export const startRedis = async (options: RedisServerOptions = {}): Promise<RedisServer> => {
  const { redisUrl } = readTestEnvironment();
  if (redisUrl !== undefined) return foreignRedis(redisUrl);
  if (!(await hasRedis())) throw new Error('there is no redis-server');
  const folder = await mkdtemp(join(tmpdir(), 'skein-redis-'));
  let server: SupervisedProcess | undefined;
  try {
    for (let attempt = 1; ; attempt += 1) {
      const port = await freePort();
      server = new SupervisedProcess({ command: commandOf(port, folder, options), folder, signal: 'KILL' });
      await server.start();
      const failure = await whenReady(port, folder);
      if (failure === undefined) return redisServerOf(server, port, folder);
      if (!/already in use/i.test(failure) || attempt === portAttempts) throw new Error(failure);
      await server.kill();
    }
  } catch (error) {
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
};

const commandOf = (
  port: number,
  folder: string,
  { appendOnly = false, flags = [] }: RedisServerOptions,
): [string, ...string[]] => [
  'redis-server',
  '--port',
  String(port),
  '--bind',
  '127.0.0.1',
  '--dir',
  folder,
  '--save',
  '',
  '--appendonly',
  appendOnly ? 'yes' : 'no',
  ...flags,
];

const redisServerOf = (server: SupervisedProcess, port: number, folder: string): RedisServer => ({
  url: `redis://127.0.0.1:${port}`,
  own: true,
  get pid() {
    return server.pid;
  },
  kill: () => server.kill(),
  signal: (signal) => server.signal(signal),
  start: async () => {
    await server.start();
    const failure = await whenReady(port, folder);
    if (failure !== undefined) throw new Error(failure);
  },
  stop: () => server.stop(),
});

const foreignRedis = (url: string): RedisServer => {
  const refuse = (): never => {
    throw new Error('this Redis is not ours');
  };
  return { url, own: false, pid: undefined, kill: refuse, signal: refuse, start: refuse, stop: async () => {} };
};

/** What went wrong, or undefined once it answers; `-NOAUTH` is an answer too. */
const whenReady = async (port: number, folder: string): Promise<string | undefined> => {
  const deadline = performance.now() + startMs;
  for (;;) {
    const answer = await ping(port);
    if (answer.startsWith('+PONG') || answer.startsWith('-NOAUTH')) return undefined;
    const log = await readFile(join(folder, 'log'), 'utf8').catch(() => '');
    if (/in use|Fatal|Bad directive/i.test(log) || performance.now() > deadline) return `Redis does not start\n${log}`;
    await delay(20);
  }
};

const ping = (port: number): Promise<string> =>
  new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    socket.setTimeout(1_000, () => socket.destroy());
    socket.on('error', () => {});
    socket.on('close', () => resolve(''));
    socket.once('data', (bytes: Buffer) => {
      resolve(bytes.toString());
      socket.destroy();
    });
    socket.write('PING\r\n');
  });

const isInstalled = (): Promise<boolean> =>
  run('redis-server', ['--version']).then(
    () => true,
    () => false,
  );

const findRedis = async (): Promise<boolean> => {
  const { redisUrl, required, mayInstall } = readTestEnvironment();
  if (redisUrl !== undefined || (await isInstalled())) return true;
  let why = 'there is no redis-server in the path, and TEST_REDIS_URL names none';
  if (mayInstall && process.getuid?.() === 0) {
    // The run level keeps the package from starting a server of its own.
    const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' } };
    try {
      // Files of tests run side by side: the lock lets one install, and the others find it.
      await run('flock', [join(tmpdir(), 'skein-install-redis.lock'), 'sh', '-c', install], options);
      if (await isInstalled()) return true;
    } catch (error) {
      why = `${why}; apt-get could not install it: ${String(error)}`;
    }
  }
  if (required) throw new Error(why);
  console.warn(`\nSKIPPED: ${why}.\n`);
  return false;
};
