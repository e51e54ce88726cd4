import type { Digest, Manifest, TenantId } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { CollectedSnapshots, Hasher, SnapshotStore } from '@skein/ports';

interface Sealed {
  readonly tenant: TenantId;
  readonly digest: Digest;
  readonly manifest: string;
  /** Heads of runs that are not terminal and name it. */
  refs: number;
  lastUsedAt: number;
}

const key = (tenant: TenantId, digest: Digest): string => `${tenant}\u0000${digest}`;

const partKeysOf = ({ tenant, manifest }: Sealed): readonly string[] =>
  (JSON.parse(manifest) as Manifest).parts.map(({ digest }) => key(tenant, digest));

/** Sealed snapshots in memory. What appends do to them does not await. */
export class MemorySnapshotStore implements SnapshotStore {
  readonly #hasher: Hasher;
  readonly #sealed = new Map<string, Sealed>();
  readonly #parts = new Map<string, Uint8Array>();

  constructor(deps: { readonly hasher: Hasher }) {
    this.#hasher = deps.hasher;
  }

  async save(
    tenant: TenantId,
    digest: Digest,
    manifest: Manifest,
    parts: ReadonlyMap<Digest, Uint8Array>,
    at: number,
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
      if (bytes !== undefined) this.#parts.set(key(tenant, part.digest), bytes.slice());
    }
    const known = this.#sealed.get(key(tenant, digest));
    if (known !== undefined) known.lastUsedAt = Math.max(known.lastUsedAt, at);
    else {
      const sealed = { tenant, digest, manifest: JSON.stringify(manifest), refs: 0, lastUsedAt: at };
      this.#sealed.set(key(tenant, digest), sealed);
    }
  }

  async find(tenant: TenantId, digest: Digest): Promise<Manifest | undefined> {
    const sealed = this.#sealed.get(key(tenant, digest));
    return sealed === undefined ? undefined : (JSON.parse(sealed.manifest) as Manifest);
  }

  async listDigests(tenant: TenantId, prefix: string, limit: number): Promise<readonly Digest[]> {
    const digests = [...this.#sealed.values()].filter((sealed) => sealed.tenant === tenant).map(({ digest }) => digest);
    return digests
      .filter((digest) => digest.startsWith(prefix))
      .toSorted()
      .slice(0, limit);
  }

  async readPart(tenant: TenantId, digest: Digest): Promise<Uint8Array | undefined> {
    return this.#parts.get(key(tenant, digest))?.slice();
  }

  async collect(unusedSince: number, limit: number): Promise<CollectedSnapshots> {
    const unused = [...this.#sealed.values()]
      .filter(({ refs, lastUsedAt }) => refs === 0 && lastUsedAt < unusedSince)
      .toSorted((a, b) => a.lastUsedAt - b.lastUsedAt)
      .slice(0, limit);
    for (const { tenant, digest } of unused) this.#sealed.delete(key(tenant, digest));
    const listed = new Set([...this.#sealed.values()].flatMap(partKeysOf));
    let parts = 0;
    let bytes = 0;
    for (const part of new Set(unused.flatMap(partKeysOf))) {
      if (listed.has(part)) continue;
      parts += 1;
      bytes += this.#parts.get(part)?.length ?? 0;
      this.#parts.delete(part);
    }
    return { snapshots: unused.map(({ tenant, digest }) => ({ tenant, digest })), parts, bytes };
  }

  /** True if the snapshot is stored. */
  holds(tenant: TenantId, digest: Digest): boolean {
    return this.#sealed.has(key(tenant, digest));
  }

  /** Counts one more open run that refers to it. */
  take(tenant: TenantId, digest: Digest): void {
    const sealed = this.#sealed.get(key(tenant, digest));
    if (sealed !== undefined) sealed.refs += 1;
  }

  /** Counts one less, at the end of a run. */
  release(tenant: TenantId, digest: Digest, at: number): void {
    const sealed = this.#sealed.get(key(tenant, digest));
    if (sealed === undefined) return;
    sealed.refs -= 1;
    sealed.lastUsedAt = Math.max(sealed.lastUsedAt, at);
  }
}
