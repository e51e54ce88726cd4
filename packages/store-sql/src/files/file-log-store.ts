import { appendFile, mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { RunId, StepPath, TenantId } from '@skein/domain';
import type { Log, LogKey, LogStore } from '@skein/ports';
import { fileError, isMissing } from './file-error.ts';
import { maxLogBytes, withinLog } from './log-limit.ts';
import { safeName } from './safe-name.ts';

interface OpenLog {
  chunks: Uint8Array[];
  /** Bytes in `chunks`. */
  waiting: number;
  /** Bytes in the file and in `chunks`; unknown until the file was looked at. */
  size: number | undefined;
  writing: Promise<void> | undefined;
  /** The write under way. */
  pass: Promise<void>;
}

/**
 * Step logs as files: `ROOT/TENANT/RUN/STEP.ATTEMPT.log`. Appends are buffered while the write before runs.
 * L1 Bytes of one log are written in the order of the calls. L2 A log that cannot be written loses bytes, never a task.
 * L3 No more than a whole log waits in memory: what would be cut anyway is not kept.
 * L4 A reader waits for what came before it, not for a log or a store that never rests.
 */
export class FileLogStore implements LogStore {
  readonly #root: string;
  readonly #log: Log;
  readonly #open = new Map<string, OpenLog>();

  constructor(deps: { readonly root: string; readonly log: Log }) {
    this.#root = deps.root;
    this.#log = deps.log;
  }

  append(key: LogKey, bytes: Uint8Array): void {
    const path = this.#path(key);
    const open = this.#open.get(path) ?? {
      chunks: [],
      waiting: 0,
      size: undefined,
      writing: undefined,
      pass: Promise.resolve(),
    };
    this.#open.set(path, open);
    if (open.waiting > maxLogBytes) return; // L3
    open.chunks.push(bytes.slice());
    open.waiting += bytes.length;
    open.writing ??= this.#write(path, open);
  }

  async read(
    key: LogKey,
    offset: number,
    limit: number,
  ): Promise<{ readonly bytes: Uint8Array; readonly next: number }> {
    const path = this.#path(key);
    await this.#settle(path);
    try {
      const file = await open(path, 'r');
      try {
        const rest = Math.max(0, (await file.stat()).size - offset);
        const buffer = new Uint8Array(Math.min(limit, rest));
        const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
        return { bytes: buffer.subarray(0, bytesRead), next: offset + bytesRead };
      } finally {
        await file.close();
      }
    } catch (error) {
      if (isMissing(error)) return { bytes: new Uint8Array(), next: offset };
      throw fileError(error);
    }
  }

  async attempts(tenant: TenantId, runId: RunId, step: StepPath): Promise<readonly number[]> {
    const folder = join(this.#root, safeName(tenant), safeName(runId));
    const open = [...this.#open.keys()].filter((path) => dirname(path) === folder);
    await Promise.all(open.map((path) => this.#settle(path)));
    let names: string[];
    try {
      names = await readdir(folder);
    } catch (error) {
      if (isMissing(error)) return [];
      throw fileError(error);
    }
    const prefix = `${safeName(step)}.`;
    return names
      .filter((name) => name.startsWith(prefix) && /^\d+\.log$/.test(name.slice(prefix.length)))
      .map((name) => Number.parseInt(name.slice(prefix.length), 10))
      .toSorted((a, b) => a - b);
  }

  async remove(tenant: TenantId, runId: RunId): Promise<void> {
    const folder = join(this.#root, safeName(tenant), safeName(runId));
    const open = [...this.#open].filter(([path]) => dirname(path) === folder);
    // What was appended before goes too; a write that began would make the folder again.
    await Promise.all(open.map(([, { writing }]) => writing ?? Promise.resolve()));
    try {
      await rm(folder, { recursive: true, force: true });
    } catch (error) {
      throw fileError(error);
    }
  }

  async flush(): Promise<void> {
    while (this.#open.size > 0)
      await Promise.all([...this.#open.values()].map(({ writing }) => writing ?? Promise.resolve()));
  }

  /** Waits for the write under way and the one that takes what waits now. L4 */
  async #settle(path: string): Promise<void> {
    const log = this.#open.get(path);
    for (let pass = 0; pass < 3 && log !== undefined && this.#open.get(path) === log; pass += 1) await log.pass;
  }

  #path({ tenant, runId, step, attempt }: LogKey): string {
    return join(this.#root, safeName(tenant), safeName(runId), `${safeName(step)}.${attempt}.log`);
  }

  /** Writes until nothing is left, then forgets the log. Never rejects. */
  async #write(path: string, log: OpenLog): Promise<void> {
    // What is appended in the same turn leaves in one write.
    await Promise.resolve();
    try {
      while (log.chunks.length > 0) {
        const pass = this.#writeWaiting(path, log);
        log.pass = pass.catch(() => {});
        await pass;
      }
    } catch (error) {
      this.#log.warn('a step log cannot be written', { path, error: fileError(error).message });
    }
    this.#open.delete(path);
  }

  async #writeWaiting(path: string, log: OpenLog): Promise<void> {
    log.size ??= await this.#sizeOf(path);
    const chunks = log.chunks;
    log.chunks = [];
    log.waiting = 0;
    await appendFile(path, this.#within(log, Buffer.concat(chunks)));
  }

  async #sizeOf(path: string): Promise<number> {
    await mkdir(dirname(path), { recursive: true });
    try {
      return (await stat(path)).size;
    } catch (error) {
      if (isMissing(error)) return 0;
      throw error;
    }
  }

  #within(log: OpenLog, bytes: Buffer): Buffer {
    const size = log.size ?? 0;
    log.size = size + bytes.length;
    return withinLog(size, bytes);
  }
}
