import { spawn, spawnSync } from 'node:child_process';
import { hasRedis, startRedis } from '@skein/testkit';

/** A Redis of one test, which can be treated badly. */
export interface LocalRedis {
  readonly port: number;
  readonly url: string;
  /** Starts it again, on the same port, with what was on its disk. */
  start(): Promise<void>;
  kill(): Promise<void>;
  pause(): void;
  resume(): void;
  /** Answers nobody for so long. */
  sleep(seconds: number): Promise<void>;
  /** One command, by `redis-cli`. */
  cli(...words: string[]): string;
  remove(): Promise<void>;
}

/** False where only a Redis of somebody else is to be had, or none: these tests kill theirs. */
export const hasOwnRedis = async (): Promise<boolean> =>
  process.env['TEST_REDIS_URL'] === undefined && (await hasRedis());

/** Starts a server with these flags. */
export const startLocalRedis = async (...flags: string[]): Promise<LocalRedis> => {
  const server = await startRedis({ flags });
  const port = Number(new URL(server.url).port);
  return {
    port,
    url: server.url,
    start: () => server.start(),
    kill: () => server.kill(),
    pause: () => server.signal('SIGSTOP'),
    resume: () => server.signal('SIGCONT'),
    sleep: (seconds) =>
      new Promise((resolve) => {
        spawn('redis-cli', ['-p', `${port}`, 'DEBUG', 'SLEEP', `${seconds}`], { stdio: 'ignore' }).once('exit', () =>
          resolve(),
        );
      }),
    cli: (...words) =>
      spawnSync('redis-cli', ['-p', `${port}`, ...words], { encoding: 'utf8', timeout: 5_000 }).stdout.trim(),
    remove: () => server.stop(),
  };
};
