import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { freePort } from './free-port.ts';
import { findPostgres, type PostgresBinaries } from './postgres-binaries.ts';
import { SupervisedProcess } from './supervised-process.ts';

const run = promisify(execFile);
const user = 'skein';
const startMs = 60_000;
const portAttempts = 5;

/** A PostgreSQL of one's own, that may be killed and started again. */
export interface PostgresServer {
  /** Of the database `postgres`; its user may do everything. */
  readonly url: string;
  readonly port: number;
  /** Of the postmaster, while it runs. */
  readonly pid: number | undefined;
  /** Ends it as a crash would: all its connections break. */
  kill(): Promise<void>;
  /** Lets it stand still (`SIGSTOP`) or go on (`SIGCONT`): the postmaster and what it started stay connected. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
  /** Starts it again, at the same port, over the same data; resolves when it answers. */
  start(): Promise<void>;
  /** Ends it and removes its data. Idempotent. */
  stop(): Promise<void>;
}

/** How the server is started. */
export interface PostgresServerOptions {
  /** Waits for the disk at each commit, as a real one does; a test that kills processes only needs no disk. */
  readonly fsync?: boolean;
  readonly maxConnections?: number;
  /** Further settings, `NAME=VALUE`. */
  readonly settings?: readonly string[];
}

/** Starts a PostgreSQL on a free port of the loopback, with its data in a temporary folder: both go with this process, however it ends. */
export const startPostgresServer = async (options: PostgresServerOptions = {}): Promise<PostgresServer> => {
  const folder = await mkdtemp(join(tmpdir(), 'skein-postgres-'));
  let server: SupervisedProcess | undefined;
  try {
    const binaries = await findPostgres(folder);
    if (binaries.user !== undefined) await chown(folder, binaries.user.uid, binaries.user.gid);
    const password = randomBytes(12).toString('hex');
    await initialise(binaries, folder, password);
    for (let attempt = 1; ; attempt += 1) {
      const port = await freePort();
      const supervised = new SupervisedProcess({
        command: [binaries.postgres, '-D', join(folder, 'data'), '-p', String(port), ...flagsOf(options)],
        folder,
        signal: 'QUIT',
        ...(binaries.user === undefined ? {} : { user: binaries.user }),
      });
      server = supervised;
      const url = `postgres://${user}:${password}@127.0.0.1:${port}/postgres`;
      const failure = await startOnce(supervised, url, folder);
      if (failure === undefined) return postgresServerOf(supervised, url, port, folder);
      // Somebody took the port meanwhile.
      if (!/already in use/i.test(failure) || attempt === portAttempts) throw new Error(failure);
      await supervised.kill();
    }
  } catch (error) {
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
};

const postgresServerOf = (server: SupervisedProcess, url: string, port: number, folder: string): PostgresServer => ({
  url,
  port,
  get pid() {
    return server.pid;
  },
  kill: () => server.kill(),
  signal: (signal) => server.signal(signal),
  start: async () => {
    const deadline = performance.now() + startMs;
    for (;;) {
      const failure = await startOnce(server, url, folder);
      if (failure === undefined) return;
      // What the postmaster that was killed had started takes a moment to see it.
      if (!/shared memory block/.test(failure) || performance.now() > deadline) throw new Error(failure);
      await server.kill();
    }
  },
  stop: () => server.stop(),
});

const initialise = async (binaries: PostgresBinaries, folder: string, password: string): Promise<void> => {
  const passwordFile = join(folder, 'password');
  await writeFile(passwordFile, `${password}\n`, { mode: 0o644 });
  const args = ['--auth=scram-sha-256', `--username=${user}`, `--pwfile=${passwordFile}`, '--no-sync'];
  // A test opens many connections, and its password is as random as a key.
  args.push('--set=scram_iterations=1');
  const where = [`--pgdata=${join(folder, 'data')}`, '--encoding=UTF8', '--locale=C'];
  await run(binaries.initdb, [...args, ...where], {
    cwd: folder,
    env: { ...process.env, LC_ALL: 'C' },
    ...binaries.user,
  });
  await rm(passwordFile);
  await chmod(folder, 0o755);
};

const flagsOf = ({ fsync = false, maxConnections = 200, settings = [] }: PostgresServerOptions): string[] =>
  [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    `max_connections=${maxConnections}`,
    'shared_buffers=64MB',
    // Nothing is left behind in /dev/shm when it is killed.
    'dynamic_shared_memory_type=mmap',
    'logging_collector=off',
    `fsync=${fsync ? 'on' : 'off'}`,
    `full_page_writes=${fsync ? 'on' : 'off'}`,
    ...settings,
  ].flatMap((setting) => ['-c', setting]);

const startOnce = async (server: SupervisedProcess, url: string, folder: string): Promise<string | undefined> => {
  // What an earlier start said is no failure of this one.
  await rm(join(folder, 'log'), { force: true });
  return whenReady(url, folder, await server.start());
};

/** What went wrong, or undefined once it answers. What is fatal to one connection only, and not to the postmaster (`pid`), is nothing wrong. */
const whenReady = async (url: string, folder: string, pid: number): Promise<string | undefined> => {
  const fatal = new RegExp(`\\[${pid}\\] FATAL:|aborting startup`);
  const deadline = performance.now() + startMs;
  for (;;) {
    const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
    client.on('error', () => {});
    try {
      await client.connect();
      await client.query('select 1');
      return undefined;
    } catch (error) {
      const log = await readFile(join(folder, 'log'), 'utf8').catch(() => '');
      if (fatal.test(log) || performance.now() > deadline)
        return `PostgreSQL does not start: ${String(error)}\n${lastLines(log)}`;
      await delay(30);
    } finally {
      await client.end().catch(() => {});
    }
  }
};

const lastLines = (log: string): string => log.split('\n').slice(-12).join('\n');
