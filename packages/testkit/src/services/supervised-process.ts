import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/**
 * Starts the server each time it is told to, says its process id, and lives until its input ends: whatever becomes of the process that
 * asked, the server goes, and then its folder.
 */
const script = `
signal=$1; folder=$2; shift 2
pid=
while read -r word; do
  case $word in
    start) "$@" >>"$folder/log" 2>&1 & pid=$!; echo "$pid" ;;
    reap) wait "$pid"; pid=; echo gone ;;
  esac
done
if [ -n "$pid" ]; then
  kill -CONT "$pid" 2>/dev/null
  kill "-$signal" "$pid" 2>/dev/null
  wait "$pid"
fi
cd / && rm -rf "$folder"
`;

/** Whom a process runs as, when that is not the one who starts it. */
export interface ProcessUser {
  readonly uid: number;
  readonly gid: number;
}

/** What to start, and how to end it. */
export interface SupervisedCommand {
  readonly command: readonly [program: string, ...args: string[]];
  /** Removed when all is over. What the server says stands in `log` there. */
  readonly folder: string;
  /** How the server is told to stop in the end. */
  readonly signal: 'QUIT' | 'TERM' | 'KILL';
  readonly user?: ProcessUser;
}

/** A server that does not outlive this process, however it ends. POSIX only. */
export class SupervisedProcess {
  readonly #shell: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;
  #pid: number | undefined;

  constructor({ command, folder, signal, user }: SupervisedCommand) {
    this.#shell = spawn('/bin/sh', ['-c', script, 'sh', signal, folder, ...command], {
      stdio: ['pipe', 'pipe', 'ignore'],
      cwd: folder,
      // In a group of its own, so that Ctrl-C in a terminal does not come before the order to end.
      detached: true,
      ...user,
    });
    this.#ended = once(this.#shell, 'exit');
    this.#ended.catch(() => {});
    const { stdout, stdin } = this.#shell;
    if (stdout === null || stdin === null) throw new Error('the shell has no pipes');
    stdin.on('error', () => {});
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
    this.#hold(false);
  }

  /** Of the server, while it runs. */
  get pid(): number | undefined {
    return this.#pid;
  }

  /** Starts the server; whether it works is the caller's to find out. */
  async start(): Promise<number> {
    this.#pid = Number(await this.#ask('start'));
    return this.#pid;
  }

  /** Ends the server at once, as a crash would, and waits until it is gone. */
  async kill(): Promise<void> {
    if (this.#pid === undefined) return;
    try {
      this.signal('SIGKILL');
    } catch {
      // It has ended by itself.
    }
    await this.#ask('reap');
    this.#pid = undefined;
  }

  /** Sends a signal, such as `SIGSTOP`, to the server. */
  signal(signal: NodeJS.Signals): void {
    if (this.#pid === undefined) throw new Error('the server is not running');
    process.kill(this.#pid, signal);
  }

  /** Ends the server and removes its folder. Idempotent. */
  async stop(): Promise<void> {
    this.#hold(true);
    this.#shell.stdin?.end();
    if (this.#shell.exitCode === null && this.#shell.signalCode === null) await this.#ended;
    this.#pid = undefined;
  }

  async #ask(word: string): Promise<string> {
    this.#hold(true);
    this.#shell.stdin?.write(`${word}\n`);
    const { value, done } = await this.#lines.next();
    this.#hold(false);
    if (done === true) throw new Error('the shell of a server is gone');
    return value;
  }

  /** A server that nobody stopped must not keep this process alive; what is awaited of it must. */
  #hold(held: boolean): void {
    const { stdin, stdout } = this.#shell;
    for (const handle of [this.#shell, stdin, stdout]) {
      const one = handle as { ref?: () => void; unref?: () => void } | null;
      if (held) one?.ref?.();
      else one?.unref?.();
    }
  }
}
