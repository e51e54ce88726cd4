// Steps that are processes: `shell` commands, a `script`, one `exec` argv.
// The attempt's private directory holds `work` (working directory and HOME), value files, the script and the outputs file;
// it is TMPDIR as well. References reach shell text only as environment variables (compileShellText).
import { mkdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DomainError, isDomainError, type JsonObject, maxOutputsBytes, toErrorData } from '@skein/domain';
import type { ExecutionContext, ExecutionResult, StepExecutor } from '@skein/ports';
import { cutMarginBytes, OutputCapture } from '../process/output-capture.ts';
import { type ProcessGroups, unwatchedGroups } from '../process/process-groups.ts';
import { type ProcessOutcome, runProcess } from '../process/run-process.ts';
import { commandCount, commandLine } from './command-lines.ts';
import { applyDeclaredOutputs, readOutputs } from './read-outputs.ts';
import { StepEnvironment } from './step-environment.ts';
import { ValueFiles } from './value-files.ts';

/** What every process of this worker gets. */
export interface ShellExecutorConfig {
  /** All that processes see of the worker's own environment: PATH, LANG and the like. Never a secret (S3). */
  readonly baseEnv: { readonly [name: string]: string };
  /** `SKEIN_LAUNCH` of the worker, passed on so that the worker's launcher finds what the worker leaves behind. */
  readonly launchMarker?: string;
  /** Between SIGTERM and SIGKILL, ms. */
  readonly killGraceMs?: number;
  /** The same when the lease is lost: then nobody waits for an orderly end. */
  readonly fencedKillGraceMs?: number;
  /** Log bytes that are passed on per attempt; whoever takes them marks the cut. */
  readonly maxLogBytes?: number;
  readonly groups?: ProcessGroups;
}

const defaults = { killGraceMs: 5_000, fencedKillGraceMs: 500, maxLogBytes: 8 * 1024 * 1024 };

/** Runs `shell`, `script` and `exec` steps. */
export const createShellExecutor = (config: ShellExecutorConfig): StepExecutor => ({
  kinds: ['shell', 'script', 'exec'],
  execute: async (context, signal) => {
    const attempt = new Attempt({ ...defaults, groups: unwatchedGroups, ...config }, context);
    try {
      return await attempt.run(signal);
    } catch (error) {
      if (signal.aborted) return attempt.aborted(signal);
      if (isDomainError(error) && !(error.code === 'unavailable' && !attempt.hasBegun)) return attempt.failed(error);
      throw error;
    }
  },
});

type FullConfig = ShellExecutorConfig & typeof defaults & { readonly groups: ProcessGroups };

const stderrTailBytes = 1_024;
const keptStderrBytes = stderrTailBytes + cutMarginBytes;

class Attempt {
  readonly #config: FullConfig;
  readonly #context: ExecutionContext;
  readonly #stdout = new OutputCapture(maxOutputsBytes);
  #stderrTail: Buffer = Buffer.alloc(0);
  #logged = 0;
  #hasBegun = false;
  #ended: ProcessOutcome | undefined;

  constructor(config: FullConfig, context: ExecutionContext) {
    this.#config = config;
    this.#context = context;
  }

  /** Some code of the step ran. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  async run(signal: AbortSignal): Promise<ExecutionResult> {
    const { offer, workDir } = this.#context;
    const step = offer.definition;
    const outputsPath = join(workDir, 'outputs');
    const environment = await this.#environment(outputsPath);
    const cwd = await this.#workingDir(environment);
    const count = commandCount(step);
    for (let index = 0; index < count; index += 1) {
      const line = await commandLine(step, index, environment, workDir);
      signal.throwIfAborted();
      this.#hasBegun = true;
      this.#context.sink.started();
      this.#ended = await this.#runProcess({ ...line, cwd }, signal);
      if (signal.aborted) return this.aborted(signal);
      if (this.#ended.exitCode !== 0) return this.#exited(this.#ended, index, count, await lenientOutputs(outputsPath));
    }
    const outputs = applyDeclaredOutputs(step.outputs, await readOutputs(outputsPath));
    this.#noteCut();
    return { ...this.#evidence(), outcome: { status: 'succeeded' }, outputs };
  }

  /** The process was ended because the signal said so. */
  aborted(signal: AbortSignal): ExecutionResult {
    const reason: unknown = signal.reason;
    const timedOut = isDomainError(reason) && reason.code === 'deadline_exceeded';
    const outcome = timedOut
      ? ({ status: 'failed', error: toErrorData(reason) } as const)
      : ({ status: 'cancelled' } as const);
    return { ...this.#evidence(), outcome, outputs: {} };
  }

  failed(error: DomainError): ExecutionResult {
    // The shells' own codes for "cannot be found" and "cannot be executed", so that a retry policy can name them.
    const startCode = error.code === 'not_found' ? 127 : error.code === 'permission_denied' ? 126 : undefined;
    const exitCode = this.#ended?.exitCode ?? startCode;
    const evidence = this.#evidence();
    return {
      ...evidence,
      ...(exitCode === undefined ? {} : { exitCode }),
      outcome: { status: 'failed', error: toErrorData(error) },
      outputs: {},
    };
  }

  #exited(ended: ProcessOutcome, index: number, count: number, outputs: JsonObject): ExecutionResult {
    const which = count > 1 ? `command ${index + 1} of ${count}` : 'the command';
    const how = ended.signal === undefined ? `exited with code ${ended.exitCode}` : `was ended by ${ended.signal}`;
    const details = {
      reason: ended.signal === undefined ? 'exit_code' : 'signal',
      exitCode: ended.exitCode,
      ...(ended.signal === undefined ? {} : { signal: ended.signal }),
      ...(this.#stderrTail.length === 0 ? {} : { stderr: this.#stderr() }),
    };
    this.#noteCut();
    const error = { code: 'unprocessable', message: `${which} ${how}`, details } as const;
    return { ...this.#evidence(), outcome: { status: 'failed', error }, outputs };
  }

  /** Secrets are taken out before the text is cut: half of one would not be found any more. */
  #redact(text: string): string {
    return this.#context.redact(text) as string;
  }

  #stderr(): string {
    const text = this.#redact(this.#stderrTail.toString('utf8').replaceAll('\0', ''));
    return Buffer.from(text).subarray(-stderrTailBytes).toString('utf8');
  }

  #evidence(): { readonly exitCode?: number; readonly stdout: string } {
    const stdout = this.#stdout.text((text) => this.#redact(text)).replace(/\r?\n$/, '');
    return this.#ended === undefined ? { stdout } : { stdout, exitCode: this.#ended.exitCode };
  }

  /** Read before the step's code begins: what cannot be had charges no attempt. */
  async #secrets(): Promise<{ readonly [name: string]: string }> {
    const { offer, readSecret } = this.#context;
    const wanted = offer.definition.secrets ?? [];
    return Object.fromEntries(
      await Promise.all(wanted.map(async ({ env, secret }) => [env, await readSecret(secret)] as const)),
    );
  }

  async #environment(outputsPath: string): Promise<StepEnvironment> {
    const { offer, inputs, workDir } = this.#context;
    const { baseEnv, launchMarker } = this.#config;
    return StepEnvironment.create(new ValueFiles(workDir), {
      base: { ...baseEnv, HOME: join(workDir, 'work'), TMPDIR: workDir },
      inputs,
      declared: offer.definition.env,
      secrets: await this.#secrets(),
      fixed: {
        SKEIN_RUN_ID: offer.runId,
        SKEIN_STEP: offer.step,
        SKEIN_ATTEMPT: String(offer.attempt),
        SKEIN_OUTPUT: outputsPath,
        SKEIN_TASK: this.#marker(),
        ...(launchMarker === undefined ? {} : { SKEIN_LAUNCH: launchMarker }),
        ...(offer.traceparent === undefined ? {} : { TRACEPARENT: offer.traceparent }),
      },
    });
  }

  /** Stands in the environment of all that this attempt starts, and of nothing else. */
  #marker(): string {
    const { runId, step, token } = this.#context.offer;
    return `${runId}/${step}#${token}`;
  }

  async #workingDir(environment: StepEnvironment): Promise<string> {
    const work = join(this.#context.workDir, 'work');
    await mkdir(work, { recursive: true, mode: 0o700 });
    const { workingDir } = this.#context.offer.definition;
    if (workingDir === undefined) return work;
    const asked = await environment.render(workingDir, true);
    const path = resolve(work, asked);
    if (path.startsWith(`${work}/`)) await mkdir(path, { recursive: true, mode: 0o700 });
    const found = await stat(path).catch(() => undefined);
    if (found?.isDirectory() === true) return path;
    throw new DomainError('not_found', `the working directory "${asked}" does not exist on this worker`);
  }

  #runProcess(
    line: {
      readonly file: string;
      readonly args: readonly string[];
      readonly cwd: string;
      readonly env: { readonly [name: string]: string };
    },
    signal: AbortSignal,
  ): Promise<ProcessOutcome> {
    const { groups, killGraceMs, fencedKillGraceMs } = this.#config;
    return runProcess(
      {
        ...line,
        marker: `SKEIN_TASK=${this.#marker()}`,
        groups,
        killGraceMs: () => (isOrderly(signal.reason) ? killGraceMs : fencedKillGraceMs),
        onStdout: (chunk) => {
          this.#stdout.push(chunk);
          this.#log(chunk, 'stdout');
        },
        onStderr: (chunk) => {
          this.#stderrTail = Buffer.concat([this.#stderrTail, chunk.subarray(-keptStderrBytes)]).subarray(
            -keptStderrBytes,
          );
          this.#log(chunk, 'stderr');
        },
      },
      signal,
    );
  }

  #log(chunk: Buffer, stream: 'stdout' | 'stderr'): void {
    if (this.#logged > this.#config.maxLogBytes) return;
    this.#logged += chunk.length;
    this.#context.sink.log(chunk, stream);
  }

  #noteCut(): void {
    if (!this.#stdout.isCut) return;
    this.#context.sink.log(Buffer.from(`\n[skein] only the first ${maxOutputsBytes} bytes of stdout were captured\n`));
  }
}

const isOrderly = (reason: unknown): boolean =>
  isDomainError(reason) && (reason.code === 'cancelled' || reason.code === 'deadline_exceeded');

const lenientOutputs = (path: string): Promise<JsonObject> => readOutputs(path).catch(() => ({}));
