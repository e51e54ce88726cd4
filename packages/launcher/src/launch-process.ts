import type { StdioOptions } from 'node:child_process';
import { spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import type { LaunchedProcess, Log, ProcessExit } from '@skein/ports';
import { ProcessFamily } from './family.ts';
import { launchVariable, signalProcess } from './process-table.ts';

/** What to start. */
export interface LaunchOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the child; nothing is inherited besides. */
  readonly env: { readonly [name: string]: string | undefined };
  readonly cwd?: string;
  /** Default `inherit` for output, `ignore` for input. */
  readonly stdio?: StdioOptions;
  readonly log: Log;
  /** Names this launch; unique, for example an `lch_…` id. Descendants inherit it in `SKEIN_LAUNCH`. */
  readonly marker: string;
  /** How often descendants are noted while the process lives; 0 never. Default 1000. */
  readonly censusMs?: number;
  /** How long the cleaning up may take before it gives up and says so. Default 10,000. */
  readonly cleanUpMs?: number;
}

const notFoundCode = 127;

/**
 * Starts a process in a session of its own. `exited` resolves only after the process *and* everything that it left behind are dead,
 * which is what an exit report asserts. `SIGTERM` goes to the process alone, which ends its own children; `SIGKILL` to its group.
 */
export const launchProcess = (options: LaunchOptions): LaunchedProcess => {
  const { command, args, env, log, marker } = options;
  const outer = env[launchVariable];
  const child = spawn(command, [...args], {
    detached: true,
    env: { ...env, [launchVariable]: outer === undefined || outer === '' ? marker : `${outer}/${marker}` },
    stdio: options.stdio ?? ['ignore', 'inherit', 'inherit'],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const { pid } = child;
  if (pid === undefined) return { pid: 0, exited: failedStart(child, log), kill: () => undefined };

  const family = new ProcessFamily(pid, marker);
  const { censusMs = 1_000 } = options;
  const census = censusMs > 0 ? setInterval(() => family.census(), censusMs).unref() : undefined;
  let alive = true;
  child.on('error', (cause) => log.warn('a process could not be signalled', { pid, cause }));
  const exited = new Promise<ProcessExit>((resolve) => {
    child.once('exit', (exitCode, signal) => {
      alive = false;
      clearInterval(census);
      const exit = { ...(exitCode === null ? {} : { exitCode }), ...(signal === null ? {} : { signal }) };
      void cleanUp(family, options, pid).then(() => resolve(exit));
    });
  });
  return {
    pid,
    exited,
    kill: (signal) => {
      if (alive) signalProcess(signal === 'SIGKILL' ? -pid : pid, signal);
    },
  };
};

const cleanUp = async (family: ProcessFamily, options: LaunchOptions, pid: number): Promise<void> => {
  const startedAt = performance.now();
  try {
    const { killed, left } = await family.killAll(options.cleanUpMs ?? 10_000, pause);
    const tookMs = Math.round(performance.now() - startedAt);
    if (left > 0)
      options.log.error('processes survived the cleaning up', { pid, marker: options.marker, left, tookMs });
    else if (killed > 0) options.log.info('killed what a process left behind', { pid, killed, tookMs });
  } catch (cause) {
    options.log.error('the cleaning up after a process failed', { pid, marker: options.marker, cause });
  }
};

const failedStart = (child: ReturnType<typeof spawn>, log: Log): Promise<ProcessExit> =>
  new Promise((resolve) => {
    child.once('error', (cause) => {
      log.error('a process could not be started', { cause });
      resolve({ exitCode: notFoundCode });
    });
  });
