import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { rootFolder } from '../e2e/stack.ts';

type App = 'coordinator' | 'scheduler' | 'worker';

/** Longer than the longest orderly end, a worker's: 25 s for its steps, and some for what they leave. */
const patientMs = 60_000;

/** One process of a fleet, started as an operator's supervisor would: with its environment, and again after it ended. */
export class FleetProcess {
  readonly name: string;
  readonly app: App;
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;
  #output = '';
  #isClosed = false;

  constructor(app: App, name: string, env: Readonly<Record<string, string>>) {
    this.app = app;
    this.name = name;
    this.#env = env;
  }

  /** Throws while it runs, and once the fleet was ended: nobody would end this process. */
  start(): void {
    if (this.isRunning) throw new Error(`${this.name} runs already`);
    if (this.#isClosed) throw new Error(`the fleet was ended, ${this.name} is not started again`);
    const child = spawn(process.execPath, [join(rootFolder, `apps/${this.app}/dist/main.js`)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...this.#env },
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString()).slice(-200_000);
      });
  }

  get pid(): number {
    return this.#child?.pid ?? -1;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get output(): string {
    return this.#output;
  }

  /** Sends a signal; false when it is not running. */
  signal(signal: NodeJS.Signals): boolean {
    return this.isRunning && (this.#child?.kill(signal) ?? false);
  }

  /** `kill -9`; resolves when it is gone. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL', 10_000);
  }

  /** `SIGTERM`, and by force when it is still there after so long. Gives the exit code; null: ended by a signal. */
  async stop(withinMs = patientMs): Promise<number | null> {
    await this.#end('SIGTERM', withinMs);
    return this.#child?.exitCode ?? null;
  }

  /** Ends it for good: as `stop`, and it cannot be started again. Gives whether it took force. */
  async close(withinMs = patientMs): Promise<boolean> {
    this.#isClosed = true;
    return this.#end('SIGTERM', withinMs);
  }

  /** Gives whether it was still there after so long. */
  async #end(signal: NodeJS.Signals, withinMs: number): Promise<boolean> {
    const child = this.#child;
    if (child === undefined || !this.isRunning) return false;
    let isForced = false;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    const force = setTimeout(() => {
      isForced = true;
      child.kill('SIGKILL');
    }, withinMs);
    await ended;
    clearTimeout(force);
    return isForced;
  }
}
