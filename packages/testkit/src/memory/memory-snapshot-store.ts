import type { Digest, Manifest, TenantId } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { CollectedSnapshots, Hasher, SnapshotStore } from '@skein/ports';

/** Sealed snapshots in memory. */
export class MemorySnapshotStore implements SnapshotStore {
  readonly #hasher: Hasher;
  readonly #manifests = new Map<string, string>();
  readonly #parts = new Map<string, Uint8Array>();

  constructor(deps: { readonly hasher: Hasher }) {
    this.#hasher = deps.hasher;
  }

  async save(
    tenant: TenantId,
    digest: Digest,
    manifest: Manifest,
    parts: ReadonlyMap<Digest, Uint8Array>,
  ): Promise<void> {
    for (const part of manifest.parts) {
      const bytes = parts.get(part.digest);
      if (bytes === undefined) {
        throw new DomainError('invalid_argument', 'a part of the manifest has no bytes', { digest: part.digest });
      }
      if (this.#hasher.digest(bytes) !== part.digest) {
        throw new DomainError('digest_mismatch', 'a part does not match its digest', { digest: part.digest });
      }
    }
    for (const part of manifest.parts) {
      const bytes = parts.get(part.digest);
      if (bytes !== undefined) this.#parts.set(`${tenant}\u0000${part.digest}`, bytes.slice());
    }
    this.#manifests.set(`${tenant}\u0000${digest}`, JSON.stringify(manifest));
  }

  async find(tenant: TenantId, digest: Digest): Promise<Manifest | undefined> {
    const text = this.#manifests.get(`${tenant}\u0000${digest}`);
    return text === undefined ? undefined : (JSON.parse(text) as Manifest);
  }

  /** True if the snapshot is stored; for the append that pins it, which must not await. */
  holds(tenant: TenantId, digest: Digest): boolean {
    return this.#manifests.has(`${tenant}\u0000${digest}`);
  }

  async collect(): Promise<CollectedSnapshots> {
    return { snapshots: [], parts: 0, bytes: 0 };
  }

  async readPart(tenant: TenantId, digest: Digest): Promise<Uint8Array | undefined> {
    return this.#parts.get(`${tenant}\u0000${digest}`)?.slice();
  }
}
