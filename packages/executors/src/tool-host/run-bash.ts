import { randomUUID } from 'node:crypto';
import { DomainError, isDomainError } from '@skein/domain';
import type { BashRequest, BashResult } from '@skein/ports';
import { OutputCapture } from '../process/output-capture.ts';
import type { ProcessGroups } from '../process/process-groups.ts';
import { runProcess } from '../process/run-process.ts';

/** Between SIGTERM and SIGKILL when a command is stopped, ms. */
const killGraceMs = 1_000;

/** Where commands run. */
export interface BashSurroundings {
  readonly path: string;
  readonly launchMarker?: string;
  readonly groups: ProcessGroups;
}

/** Runs one command with a clean environment; see `ToolHost.runBash`. */
export const runBash = async (
  { path, launchMarker, groups }: BashSurroundings,
  root: string,
  request: BashRequest,
  signal: AbortSignal,
): Promise<BashResult> => {
  if (signal.aborted) throw reasonOf(signal);
  // Not the root: calls that only read run together, and the end of one kills what carries its mark.
  const call = randomUUID();
  const output = new OutputCapture(request.maxOutputBytes);
  const stop = new AbortController();
  const onAbort = () => stop.abort();
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    stop.abort();
  }, request.timeoutMs);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const ended = await runProcess(
      {
        file: 'bash',
        args: ['--noprofile', '--norc', '-c', request.command],
        cwd: root,
        env: {
          PATH: path,
          HOME: root,
          TMPDIR: root,
          LANG: 'C.UTF-8',
          SKEIN_TOOL_ROOT: root,
          SKEIN_TOOL_CALL: call,
          ...(launchMarker === undefined ? {} : { SKEIN_LAUNCH: launchMarker }),
          ...(request.idempotencyKey === undefined ? {} : { SKEIN_IDEMPOTENCY_KEY: request.idempotencyKey }),
          ...(request.traceparent === undefined ? {} : { TRACEPARENT: request.traceparent }),
        },
        marker: `SKEIN_TOOL_CALL=${call}`,
        groups,
        killGraceMs: () => killGraceMs,
        onStdout: (chunk) => output.push(chunk),
        onStderr: (chunk) => output.push(chunk),
      },
      stop.signal,
    );
    if (signal.aborted) throw reasonOf(signal);
    const { exitCode, signal: endedBy } = ended;
    return {
      ...(endedBy === undefined ? { exitCode } : { signal: endedBy }),
      output: output.text(),
      truncated: output.isCut,
      timedOut,
    };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
};

const reasonOf = (signal: AbortSignal): DomainError =>
  isDomainError(signal.reason) ? signal.reason : new DomainError('cancelled', 'the command was stopped');
