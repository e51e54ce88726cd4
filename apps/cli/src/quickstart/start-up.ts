import { spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DomainError } from '@skein/domain';
import { createClient, type SkeinClient } from '@skein/sdk';
import { type Endpoint, readEndpoint } from '../cli/find-endpoint.ts';
import { exitWithParent } from '../up/program-paths.ts';

/** A `skein up` of our own. */
export interface StartedUp {
  readonly endpoint: Endpoint;
  readonly client: SkeinClient;
  readonly pid: number;
  readonly logFile: string;
  /** Ends it with all its processes; idempotent. */
  stop(): Promise<void>;
  /** Lets it go on when this process ends. */
  leave(): void;
}

/** What to start. */
export interface StartUpOptions {
  readonly dataDir: string;
  readonly project: string;
  readonly workers: number;
  readonly env: { readonly [name: string]: string | undefined };
  /** Stays when this process ends. */
  readonly keep: boolean;
  readonly signal: AbortSignal;
}

const startLimitMs = 90_000;
const skein = fileURLToPath(new URL('../../bin/skein.mjs', import.meta.url));

/** Starts `skein up` as a process of its own and waits until it is ready. Throws `unavailable` with what it said when it is not. */
export const startUp = async (options: StartUpOptions): Promise<StartedUp> => {
  const logFile = join(options.dataDir, 'up.log');
  const log = await open(logFile, 'a', 0o600);
  const { dataDir, project, workers } = options;
  const flags = ['--project', project, '--data', dataDir, '--workers', String(workers)];
  const child = spawn(
    process.execPath,
    [...(options.keep ? [] : exitWithParent), skein, 'up', ...flags, '--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0'],
    {
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      env: { ...options.env, NO_COLOR: '1' },
    },
  );
  await log.close();
  let ended = false;
  const gone = new Promise<void>((done) => {
    const end = () => {
      ended = true;
      done();
    };
    child.once('exit', end).once('error', end);
  });
  const stop = async () => {
    if (!ended) child.kill('SIGTERM');
    await gone;
  };
  try {
    const endpoint = await waitForEndpoint(join(dataDir, 'endpoint.json'), () => ended, options.signal);
    const token = (await readFile(endpoint.adminTokenFile, 'utf8')).trim();
    return {
      endpoint,
      client: createClient({ url: endpoint.http, token }),
      pid: child.pid ?? 0,
      logFile,
      stop,
      leave: () => child.unref(),
    };
  } catch (error) {
    await stop();
    const said = (await readFile(logFile, 'utf8').catch(() => '')).trim();
    if (said === '' || options.signal.aborted) throw error;
    throw new DomainError('unavailable', `skein up did not start:\n${said.split('\n').slice(-20).join('\n')}`);
  }
};

const waitForEndpoint = async (path: string, hasEnded: () => boolean, signal: AbortSignal): Promise<Endpoint> => {
  for (let waitedMs = 0; waitedMs < startLimitMs; waitedMs += 50) {
    const endpoint = await readEndpoint(path);
    if (endpoint !== undefined) return endpoint;
    if (hasEnded()) throw new DomainError('unavailable', 'skein up ended before it was ready');
    if (signal.aborted) throw new DomainError('cancelled', 'the quickstart was given up');
    await sleep(50);
  }
  throw new DomainError('unavailable', `skein up was not ready within ${startLimitMs / 1_000} s`);
};
