import type { RunId, StepPath, TenantId } from '@skein/domain';
import type { LogKey, LogStore } from '@skein/ports';

const prefixOf = (tenant: TenantId, runId: RunId, step: StepPath): string =>
  `${tenant}\u0000${runId}\u0000${step}\u0000`;

const defaultMaxBytes = 8 * 1024 * 1024;

/** Step logs in memory. */
export class MemoryLogStore implements LogStore {
  readonly #maxBytes: number;
  readonly #logs = new Map<string, { chunks: Uint8Array[]; size: number; full: boolean }>();

  constructor(options: { readonly maxBytes?: number } = {}) {
    this.#maxBytes = options.maxBytes ?? defaultMaxBytes;
  }

  append(key: LogKey, bytes: Uint8Array): void {
    const name = prefixOf(key.tenant, key.runId, key.step) + key.attempt;
    const log = this.#logs.get(name) ?? { chunks: [], size: 0, full: false };
    this.#logs.set(name, log);
    if (log.full) return;
    const room = this.#maxBytes - log.size;
    log.chunks.push(bytes.slice(0, room));
    log.size += Math.min(room, bytes.length);
    if (bytes.length <= room) return;
    log.full = true;
    log.chunks.push(new TextEncoder().encode(`\n[log cut at ${this.#maxBytes} bytes]\n`));
  }

  async read(
    key: LogKey,
    offset: number,
    limit: number,
  ): Promise<{ readonly bytes: Uint8Array; readonly next: number }> {
    const log = this.#logs.get(prefixOf(key.tenant, key.runId, key.step) + key.attempt);
    const whole = log === undefined ? Buffer.alloc(0) : Buffer.concat(log.chunks);
    if (log !== undefined) log.chunks = [whole];
    const bytes = new Uint8Array(whole.subarray(offset, offset + limit));
    return { bytes, next: offset + bytes.length };
  }

  async attempts(tenant: TenantId, runId: RunId, step: StepPath): Promise<readonly number[]> {
    const prefix = prefixOf(tenant, runId, step);
    const names = [...this.#logs.keys()].filter((name) => name.startsWith(prefix));
    return names.map((name) => Number(name.slice(prefix.length))).toSorted((a, b) => a - b);
  }

  async remove(tenant: TenantId, runId: RunId): Promise<void> {
    const prefix = `${tenant}\u0000${runId}\u0000`;
    for (const name of this.#logs.keys()) if (name.startsWith(prefix)) this.#logs.delete(name);
  }

  async flush(): Promise<void> {}
}
