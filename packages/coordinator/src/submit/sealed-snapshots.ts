import type { Digest, Manifest, TenantId } from '@skein/domain';
import { DomainError, defaultSnapshotLimits } from '@skein/domain';
import type { SnapshotStore } from '@skein/ports';
import { encodeEnvelope, missingParts } from '@skein/snapshot';
import { LRUCache } from 'lru-cache';

/** A sealed snapshot in memory. */
export interface SealedSnapshot {
  readonly digest: Digest;
  readonly manifest: Manifest;
  readonly parts: ReadonlyMap<Digest, Uint8Array>;
}

/** Bytes of parts, and of envelopes, that stay in memory. */
const maxCachedBytes = 128 * 1024 * 1024;

const sizeOf = ({ manifest }: SealedSnapshot): number => manifest.parts.reduce((sum, { size }) => sum + size, 1024);

/** Snapshots that runs use now, and their encoded envelopes by what the receiver lacks: a thousand workers cost one encoding. */
export class SealedSnapshots {
  readonly #store: SnapshotStore;
  readonly #sealed = new LRUCache<Digest, SealedSnapshot>({ maxSize: maxCachedBytes, sizeCalculation: sizeOf });
  readonly #loading = new Map<string, Promise<SealedSnapshot>>();
  readonly #envelopes = new LRUCache<string, Uint8Array>({
    maxSize: maxCachedBytes,
    sizeCalculation: (bytes) => bytes.byteLength + 256,
  });

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

  /** The envelope for a receiver that holds these digests. The bytes are shared: nobody may change them. */
  envelope(sealed: SealedSnapshot, held: Iterable<Digest>): Uint8Array {
    const lacking = missingParts(sealed.manifest, held);
    const key = `${sealed.digest} ${lacking.length === sealed.parts.size ? '*' : lacking.join(' ')}`;
    let bytes = this.#envelopes.get(key);
    if (bytes === undefined) {
      bytes = encodeEnvelope(sealed.manifest, sealed.parts, defaultSnapshotLimits, lacking);
      this.#envelopes.set(key, bytes);
    }
    return bytes;
  }
}
