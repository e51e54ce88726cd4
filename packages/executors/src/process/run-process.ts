// One child process with all that it starts.
// P1 The child leads a process group of its own; every signal goes to the group.
// P2 When this resolves, nothing of the group is left: what stayed in the background is killed after the leader is gone.
// P4 Nothing is started for a lease that may be over, also when this thread was not told so yet.
// P3 Output is read until the pipes close, but never waited for once the group is dead: a process that escaped may hold them open.
// P5 Between SIGTERM and SIGKILL, time in which this process stood still does not count, unless the lease may be over.
import { type StdioOptions, spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Writable } from 'node:stream';
import { DomainError } from '@skein/domain';
import { killEscaped } from './kill-escaped.ts';
import { startPatientTimer } from './patient-timer.ts';
import { type ProcessGroups, signalGroup } from './process-groups.ts';

/** What to start. */
export interface ProcessRequest {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: { readonly [name: string]: string };
  /** `NAME=value` that stands in `env` and in no other request's: what still carries it at the end is killed. */
  readonly marker: string;
  readonly groups: ProcessGroups;
  /** Between SIGTERM and SIGKILL, ms; a function is asked when the signal has aborted. */
  readonly killGraceMs: number | (() => number);
  readonly onStdout: (chunk: Buffer) => void;
  readonly onStderr: (chunk: Buffer) => void;
  /** Given the input of the process once it is started; without it there is no input. Errors of the stream are the receiver's. */
  readonly onStarted?: (stdin: Writable) => void;
}

/** How it ended. `exitCode` is the shells' convention: 128 + signal number for a signal. */
export interface ProcessOutcome {
  readonly exitCode: number;
  readonly signal?: NodeJS.Signals;
}

/** Shells keep 10 and above for themselves, from below; scripts use 3 to 9. */
const launchFileAt = 63;
/** After the leader's end: how long the rest of its group may still write before it is killed. */
const lingerMs = 200;
/** How long pipes may stay open after the whole group is dead. */
const pipesMs = 500;

/**
 * Runs it to its end, or to the end of `signal`. Throws `not_found` or `permission_denied` when the program cannot be started,
 * `stale_fencing_token` when the lease may be over, `too_large` when arguments and environment are too large for the system; never because of how it ended.
 */
export const runProcess = async (request: ProcessRequest, signal: AbortSignal): Promise<ProcessOutcome> => {
  signal.throwIfAborted();
  const mayStart = (): boolean => request.groups.mayStart?.() !== false;
  if (!mayStart()) throw new DomainError('stale_fencing_token', 'the lease of the task may be over'); // P4
  const { child, spawned } = start(request);
  const ended = new Promise<ProcessOutcome>((resolve) => {
    child.once('exit', (code, name) => resolve(outcomeOf(code, name)));
  });
  const closed = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
  });
  if (child.pid !== undefined) request.groups.opened(child.pid); // before anything else can happen in this thread
  await spawned;
  const groupId = child.pid as number;
  let cancelKill: (() => void) | undefined;
  const onAbort = (): void => {
    const { killGraceMs } = request;
    const graceMs = typeof killGraceMs === 'number' ? killGraceMs : killGraceMs();
    signalGroup(groupId, 'SIGTERM');
    cancelKill = startPatientTimer(graceMs, () => signalGroup(groupId, 'SIGKILL'), mayStart); // P5
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  const outcome = await ended;
  signal.removeEventListener('abort', onAbort);
  await within(closed, lingerMs);
  signalGroup(groupId, 'SIGKILL'); // P2
  cancelKill?.();
  await killEscaped(request.marker, groupId);
  if (!(await within(closed, pipesMs))) {
    child.stdout?.destroy(); // P3
    child.stderr?.destroy();
  }
  request.groups.closed(groupId);
  return outcome;
};

const start = ({ file, args, cwd, env, groups, onStdout, onStderr, onStarted }: ProcessRequest) => {
  try {
    const stdio = descriptors(onStarted === undefined ? 'ignore' : 'pipe', groups.launchFile);
    const child = spawn(file, args, { cwd, env, detached: true, stdio }); // P1
    child.stdout?.on('data', onStdout);
    child.stderr?.on('data', onStderr);
    const spawned = new Promise<void>((resolve, reject) => {
      child.once('spawn', () => {
        if (child.stdin !== null) onStarted?.(child.stdin);
        resolve();
      });
      child.once('error', (error) => reject(startError(file, error)));
    });
    return { child, spawned };
  } catch (error) {
    throw startError(file, error);
  }
};

/** Input or none, both outputs, and the launch's file where no program looks for its own. */
const descriptors = (input: 'ignore' | 'pipe', launchFile: number | undefined): StdioOptions => {
  const own: ('ignore' | 'pipe' | number)[] = [input, 'pipe', 'pipe'];
  if (launchFile === undefined) return own;
  for (let fd = own.length; fd < launchFileAt; fd += 1) own.push('ignore'); // stays closed
  return [...own, launchFile];
};

const startError = (file: string, error: unknown): DomainError => {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return new DomainError('not_found', `the program "${file}" does not exist`, {}, error);
  if (code === 'EACCES') return new DomainError('permission_denied', `"${file}" may not be executed`, {}, error);
  if (code === 'E2BIG') {
    const limit = 2 * 1024 * 1024;
    return new DomainError('too_large', 'arguments and environment are too large for a process', { limit }, error);
  }
  if (code === 'EAGAIN' || code === 'ENOMEM' || code === 'EMFILE' || code === 'ENFILE') {
    return new DomainError('resource_exhausted', `no process could be started (${code})`, {}, error);
  }
  return new DomainError('unprocessable', `"${file}" could not be started`, { reason: String(code) }, error);
};

const outcomeOf = (code: number | null, name: NodeJS.Signals | null): ProcessOutcome =>
  name === null ? { exitCode: code ?? 1 } : { exitCode: 128 + constants.signals[name], signal: name };

const within = async (done: Promise<void>, ms: number): Promise<boolean> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const inTime = await Promise.race([done.then(() => true), late]);
  clearTimeout(timer);
  return inTime;
};
