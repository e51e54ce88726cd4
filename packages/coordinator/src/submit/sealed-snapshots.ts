import type { Digest, Manifest, ManifestPart, TenantId } from '@skein/domain';
import { DomainError, defaultSnapshotLimits } from '@skein/domain';
import type { SnapshotStore } from '@skein/ports';
import type { SnapshotFormat } from '@skein/snapshot';
import { encodePartMember, formatOf, missingParts, snapshotFormats } from '@skein/snapshot';
import { LRUCache } from 'lru-cache';

/** A sealed snapshot in memory. */
export interface SealedSnapshot {
  readonly digest: Digest;
  readonly manifest: Manifest;
  readonly parts: ReadonlyMap<Digest, Uint8Array>;
}

/** Bytes of parts, and of envelopes, that stay in memory. */
const maxCachedBytes = 128 * 1024 * 1024;

/** Bytes of parts on their own, compressed, that stay in memory. */
const maxMemberBytes = 64 * 1024 * 1024;

const sizeOf = ({ manifest }: SealedSnapshot): number => manifest.parts.reduce((sum, { size }) => sum + size, 1024);

/**
 * Snapshots that runs use now, their encoded envelopes by what the receiver lacks, and their large parts, each compressed on its own:
 * a thousand workers cost one encoding. All bounded by bytes.
 */
export class SealedSnapshots {
  readonly #store: SnapshotStore;
  readonly #sealed = new LRUCache<Digest, SealedSnapshot>({ maxSize: maxCachedBytes, sizeCalculation: sizeOf });
  readonly #loading = new Map<string, Promise<SealedSnapshot>>();
  readonly #envelopes = new LRUCache<string, Uint8Array>({
    maxSize: maxCachedBytes,
    sizeCalculation: (bytes) => bytes.byteLength + 256,
  });

  readonly #members = new LRUCache<Digest, Uint8Array>({
    maxSize: maxMemberBytes,
    sizeCalculation: (bytes) => bytes.byteLength + 256,
  });
  readonly #memberBytes = new LRUCache<Digest, number>({ max: 10_000 });

  constructor(store: SnapshotStore) {
    this.#store = store;
  }

  find(digest: Digest): SealedSnapshot | undefined {
    return this.#sealed.get(digest);
  }

  keep(sealed: SealedSnapshot): void {
    this.#sealed.set(sealed.digest, sealed);
  }

  /** Forgets a snapshot that the store no longer has. */
  drop(digest: Digest): void {
    this.#sealed.delete(digest);
    for (const key of this.#envelopes.keys()) if (key.startsWith(`${digest} `)) this.#envelopes.delete(key);
  }

  /** From memory or from the store; those who ask at the same time share one read. Throws `not_found`, `unavailable`. */
  async load(tenant: TenantId, digest: Digest): Promise<SealedSnapshot> {
    const known = this.#sealed.get(digest);
    if (known !== undefined) return known;
    const key = `${tenant} ${digest}`;
    let loading = this.#loading.get(key);
    if (loading === undefined) {
      loading = this.#load(tenant, digest).finally(() => this.#loading.delete(key));
      this.#loading.set(key, loading);
    }
    return loading;
  }

  async #load(tenant: TenantId, digest: Digest): Promise<SealedSnapshot> {
    const manifest = await this.#store.find(tenant, digest);
    if (manifest === undefined) throw new DomainError('not_found', `there is no snapshot ${digest}`, { digest });
    const parts = new Map<Digest, Uint8Array>();
    for (const part of manifest.parts) {
      const bytes = parts.get(part.digest) ?? (await this.#store.readPart(tenant, part.digest));
      if (bytes === undefined)
        throw new DomainError('not_found', `the snapshot lacks its part ${part.kind} ${part.name}`, { digest });
      parts.set(part.digest, bytes);
    }
    const sealed = { digest, manifest, parts };
    this.#sealed.set(digest, sealed);
    return sealed;
  }

  /** All that a receiver lacks who holds these digests, large parts too: the form of a file. The bytes are shared: nobody may change them. */
  envelope(sealed: SealedSnapshot, held: Iterable<Digest>): Uint8Array {
    return this.#encode(sealed, missingParts(sealed.manifest, held), formatOf(1, snapshotFormats));
  }

  /** What one message brings: the manifest, and those of the parts that travel inside envelopes. Shared bytes, as above. */
  attachment(sealed: SealedSnapshot, small: readonly Digest[], format: SnapshotFormat): Uint8Array {
    return this.#encode(sealed, small, format);
  }

  /** One part on its own, compressed once for all who ask. Shared bytes, as above. Throws `not_found` for a part of another snapshot. */
  async member(sealed: SealedSnapshot, part: Digest): Promise<Uint8Array> {
    const bytes = sealed.parts.get(part);
    if (bytes === undefined) throw new DomainError('not_found', 'the snapshot has no such part', { digest: part });
    const known = this.#members.get(part);
    if (known !== undefined) return known;
    const member = encodePartMember(bytes);
    this.#members.set(part, member);
    this.#memberBytes.set(part, member.byteLength);
    return member;
  }

  /** Bytes that a part takes on its own; its uncompressed size when it was never compressed here. */
  memberBytes({ digest, size }: ManifestPart): number {
    return this.#memberBytes.get(digest) ?? size;
  }

  #encode(sealed: SealedSnapshot, parts: readonly Digest[], format: SnapshotFormat): Uint8Array {
    const isAll = parts.length === sealed.parts.size;
    const key = `${sealed.digest} ${format.version} ${isAll ? '*' : parts.join(' ')}`;
    let bytes = this.#envelopes.get(key);
    if (bytes === undefined) {
      bytes = format.encode(sealed.manifest, sealed.parts, defaultSnapshotLimits, parts);
      this.#envelopes.set(key, bytes);
    }
    return bytes;
  }
}
