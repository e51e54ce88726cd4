import { DomainError } from '@skein/domain';
import type { Clock, LaunchedProcess, Log, ProcessExit, Random } from '@skein/ports';
import type { RestartPolicy } from './restart-policy.ts';
import { countFailures, defaultRestartPolicy, restartDelayMs } from './restart-policy.ts';

/** What to keep alive, and how. */
export interface SuperviseOptions {
  /** For the log: `coordinator`, `worker-2`. */
  readonly name: string;
  /** Starts the process; called again after each end. A throw counts as an immediate end. */
  readonly launch: () => LaunchedProcess;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly policy?: RestartPolicy;
  /** How long a stop waits after SIGTERM before it kills. Default 10,000. */
  readonly drainMs?: number;
  /** Called after each end, before the next start; must not throw. */
  readonly onExit?: (exit: ProcessExit) => void;
}

/** A process that is kept alive. */
export interface Supervisor {
  /** Pid of the process that runs now; undefined between an end and the next start. */
  readonly pid: number | undefined;
  /** Starts so far, the first included. */
  readonly starts: number;
  /** SIGTERM, the drain time, SIGKILL; resolves when nothing of it runs any more. Idempotent. */
  stop(): Promise<void>;
}

/** Starts a process and starts it again whenever it ends, with backoff, until it is stopped. */
export const superviseProcess = (options: SuperviseOptions): Supervisor => new ProcessSupervisor(options);

class ProcessSupervisor implements Supervisor {
  readonly #options: SuperviseOptions;
  readonly #stopping = new AbortController();
  readonly #ended: Promise<void>;
  #process: LaunchedProcess | undefined;
  #stopped: Promise<void> | undefined;
  #starts = 0;

  constructor(options: SuperviseOptions) {
    this.#options = options;
    this.#ended = this.#keepAlive();
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  get starts(): number {
    return this.#starts;
  }

  stop(): Promise<void> {
    return (this.#stopped ??= this.#drain());
  }

  async #keepAlive(): Promise<void> {
    const { clock, log, name, policy = defaultRestartPolicy, random } = this.#options;
    let failures = 0;
    while (!this.#stopping.signal.aborted) {
      const startedAt = clock.monotonicMs();
      const exit = await this.#runOnce();
      if (this.#stopping.signal.aborted) return;
      failures = countFailures(policy, failures, clock.monotonicMs() - startedAt);
      const delayMs = restartDelayMs(policy, failures, random.next());
      log.warn('a process ended and is started again', { name, ...exit, failures, delayMs });
      await clock.sleep(delayMs, this.#stopping.signal).catch(() => undefined);
    }
  }

  async #runOnce(): Promise<ProcessExit> {
    const { launch, log, name, onExit } = this.#options;
    this.#starts++;
    try {
      this.#process = launch();
    } catch (cause) {
      log.error('a process could not be started', { name, cause });
      const exit = { exitCode: 127 };
      onExit?.(exit);
      return exit;
    }
    const exit = await this.#process.exited;
    this.#process = undefined;
    onExit?.(exit);
    return exit;
  }

  async #drain(): Promise<void> {
    const { clock, drainMs = 10_000, log, name } = this.#options;
    this.#stopping.abort(new DomainError('cancelled', 'the supervisor stops'));
    const running = this.#process;
    if (running !== undefined) {
      running.kill('SIGTERM');
      const impatience = new AbortController();
      const late = clock.sleep(drainMs, impatience.signal).then(
        () => true,
        () => false,
      );
      const gone = running.exited.then(() => false);
      if (await Promise.race([gone, late])) {
        log.warn('a process did not end in time and is killed', { name, pid: running.pid, drainMs });
        running.kill('SIGKILL');
      }
      await gone;
      impatience.abort();
    }
    await this.#ended;
  }
}
