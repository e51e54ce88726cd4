// A server as a child process. It is started like every other process of a step: a group of its own, the launch's mark and file, a
// clean environment. What it says is read in bounded lines; a server that breaks a bound is killed at once.
import type { Writable } from 'node:stream';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { DomainError, isDomainError } from '@skein/domain';
import type { ProcessGroups } from '../process/process-groups.ts';
import { runProcess } from '../process/run-process.ts';
import { BoundedLines } from './bounded-lines.ts';
import { MessageGate, maxMessageBytes } from './message-gate.ts';
import type { ServerTransport } from './server-transport.ts';
import { StderrLines } from './stderr-lines.ts';

/** What to start, and where. */
export interface StdioServer {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: { readonly [name: string]: string };
  /** See `ProcessRequest.marker`. */
  readonly marker: string;
  readonly groups: ProcessGroups;
  readonly log: (line: string) => void;
}

/** After its input was closed: how long a server may take to end by itself, ms. */
const leaveMs = 300;
/** Between SIGTERM and SIGKILL, ms. */
const killGraceMs = 1_000;

/** Speaks with a server over its input and output. */
export class StdioTransport implements ServerTransport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;

  readonly #server: StdioServer;
  readonly #stop = new AbortController();
  readonly #lines = new BoundedLines(maxMessageBytes);
  readonly #gate: MessageGate;
  readonly #stderr: StderrLines;
  #failure: DomainError | undefined;
  #stdin: Writable | undefined;
  #ended: Promise<void> | undefined;
  #hasEnded = false;
  #isClosing = false;

  constructor(server: StdioServer) {
    this.#server = server;
    this.#gate = new MessageGate(server.log);
    this.#stderr = new StderrLines(server.log);
  }

  get failure(): DomainError | undefined {
    return this.#failure;
  }

  /** Resolves when the process runs. Throws `unavailable` when it cannot be started. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#ended = this.#run(resolve).catch((thrown: unknown) => {
        this.#end(new DomainError('unavailable', `the server cannot be started: ${reasonOf(thrown)}`, {}, thrown));
        reject(this.#failure);
      });
    });
  }

  send(message: JSONRPCMessage): Promise<void> {
    if (this.#stdin === undefined || this.#hasEnded) return Promise.reject(this.#failure ?? ended('it is not running'));
    if ('id' in message && 'method' in message) this.#gate.asked();
    this.#stdin.write(`${JSON.stringify(message)}\n`);
    return Promise.resolve();
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    if (!this.#hasEnded) {
      this.#stdin?.end();
      const timer = setTimeout(() => this.#stop.abort(), this.#failure === undefined ? leaveMs : 0);
      await this.#ended;
      clearTimeout(timer);
    }
    await this.#ended;
    this.#end(undefined);
  }

  async #run(started: () => void): Promise<void> {
    const { command, args, cwd, env, marker, groups } = this.#server;
    const outcome = await runProcess(
      {
        file: command,
        args,
        cwd,
        env,
        marker,
        groups,
        killGraceMs: () => (this.#failure === undefined ? killGraceMs : 0),
        onStdout: (chunk) => this.#hear(chunk),
        onStderr: (chunk) => this.#stderr.push(chunk),
        onStarted: (stdin) => {
          stdin.on('error', () => undefined); // it ended; its exit says so
          this.#stdin = stdin;
          started();
        },
      },
      this.#stop.signal,
    );
    this.#stderr.end();
    const { exitCode, signal } = outcome;
    this.#end(ended(signal === undefined ? `it exited with code ${exitCode}` : `${signal} ended it`));
  }

  #hear(chunk: Buffer): void {
    if (this.#failure !== undefined || this.#isClosing) return;
    try {
      for (const line of this.#lines.push(chunk)) {
        const message = line.trim() === '' ? undefined : this.#gate.read(line);
        if (message !== undefined) this.onmessage?.(message);
      }
    } catch (thrown) {
      this.#failure = isDomainError(thrown) ? thrown : ended('what it said could not be read');
      this.#stop.abort();
      this.onclose?.(); // who waits for an answer need not wait for the process
    }
  }

  #end(failure: DomainError | undefined): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    if (!this.#isClosing) this.#failure ??= failure;
    this.onclose?.();
  }
}

const ended = (how: string): DomainError => new DomainError('unavailable', `the server is gone: ${how}`);

const reasonOf = (thrown: unknown): string => (isDomainError(thrown) ? thrown.message : 'unknown reason');
