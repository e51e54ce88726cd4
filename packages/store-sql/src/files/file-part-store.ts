import { type Digest, isDomainError, type TenantId } from '@skein/domain';
import type { BlobStore } from '@skein/ports';
import type { FileBlobStore } from './file-blob-store.ts';
import type { PartHold, PartStore, PartSweep } from './part-store.ts';
import { readStoredPart } from './read-stored-part.ts';

/**
 * The parts of snapshots, in a folder of their own: nothing else lives there, so that to remove a part that no snapshot lists can never
 * take bytes from an agent version, an output or an artifact. Parts of earlier versions lie among the other blobs, are still read
 * there, and stay.
 *
 * P1 A part is held from before its bytes are written until the rows that list it are stored, or given up.
 * P2 A sweep removes no part that was held at its beginning or later; a save that ended before has stored its rows before, so that
 *    the sweep has read them.
 * P3 A save waits for the removal of its parts that is under way, and then writes them anew.
 * The claims are in memory: one process has the data folder.
 */
export class FilePartStore implements PartStore {
  readonly #files: FileBlobStore;
  readonly #earlier: BlobStore;
  /** Saves that hold a part, by its file's name. */
  readonly #holds = new Map<string, number>();
  readonly #removals = new Map<string, Promise<unknown>>();
  readonly #sweeps = new Set<Set<string>>();

  constructor(deps: { readonly files: FileBlobStore; readonly earlier: BlobStore }) {
    this.#files = deps.files;
    this.#earlier = deps.earlier;
  }

  /** Holds the parts; none of them is removed before the release. */
  async hold(tenant: TenantId, digests: readonly Digest[]): Promise<PartHold> {
    const names = new Set(digests.flatMap((digest) => this.#files.nameOf(tenant, digest) ?? []));
    for (;;) {
      const removals = [...names].flatMap((name) => this.#removals.get(name) ?? []);
      if (removals.length === 0) break;
      await Promise.allSettled(removals); // P3
    }
    for (const name of names) {
      this.#holds.set(name, (this.#holds.get(name) ?? 0) + 1);
      for (const held of this.#sweeps) held.add(name);
    }
    return {
      release: () => {
        for (const name of names) {
          const rest = (this.#holds.get(name) ?? 0) - 1;
          if (rest > 0) this.#holds.set(name, rest);
          else this.#holds.delete(name);
        }
        names.clear();
      },
    };
  }

  /** Durable when it resolves; bytes that are damaged or gone are written anew. The caller holds the part. */
  async put(tenant: TenantId, bytes: Uint8Array): Promise<void> {
    await this.#files.put(tenant, bytes);
  }

  /** Undefined when it is stored nowhere. Throws `digest_mismatch` when all that is stored is damaged. */
  async read(tenant: TenantId, digest: Digest): Promise<Uint8Array | undefined> {
    try {
      const bytes = await readStoredPart(this.#files, tenant, digest);
      if (bytes !== undefined) return bytes;
    } catch (error) {
      if (!isDomainError(error) || error.code !== 'digest_mismatch') throw error;
      const older = await readStoredPart(this.#earlier, tenant, digest).catch(() => undefined);
      if (older === undefined) throw error;
      return older;
    }
    return readStoredPart(this.#earlier, tenant, digest);
  }

  /** Name of a part's file. */
  nameOf(tenant: TenantId, digest: Digest): string | undefined {
    return this.#files.nameOf(tenant, digest);
  }

  /** Names of all files, with what puts that died left behind. */
  names(): Promise<readonly string[]> {
    return this.#files.names();
  }

  /** Begins a sweep. P2 */
  sweep(): PartSweep {
    const held = new Set(this.#holds.keys());
    this.#sweeps.add(held);
    return {
      remove: async (name) => {
        const part = partOf(name);
        if (held.has(part)) return undefined;
        // One after the other for one part, so that what a save waits for is all that is under way.
        const before = this.#removals.get(part) ?? Promise.resolve();
        const removal = before
          .then(() => this.#files.remove(name))
          .finally(() => {
            if (this.#removals.get(part) === removal) this.#removals.delete(part);
          });
        this.#removals.set(part, removal);
        return removal;
      },
      end: () => {
        this.#sweeps.delete(held);
      },
    };
  }
}

/** The name of the part that a file belongs to; digests have no dot. */
export const partOf = (name: string): string => {
  const folder = name.lastIndexOf('/') + 1;
  const dot = name.indexOf('.', folder);
  return dot < 0 ? name : name.slice(0, dot);
};
