import type { Digest, Manifest, ManifestPart, TenantId } from '@skein/domain';
import { DomainError, defaultSnapshotLimits } from '@skein/domain';
import type { SnapshotStore } from '@skein/ports';
import type { Pause, SnapshotFormat } from '@skein/snapshot';
import { encodePartMemberSlowly, formatOf, missingParts, snapshotFormats } from '@skein/snapshot';
import { LRUCache } from 'lru-cache';
import { recentValues } from '../engine/recent-values.ts';

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

/** Uncompressed bytes of parts that may be packed within a turn: some tens of milliseconds. */
const maxPackedAtOnce = 1024 * 1024;

const sizeOf = ({ manifest }: SealedSnapshot): number => manifest.parts.reduce((sum, { size }) => sum + size, 1024);

/**
 * Snapshots that runs use now, their encoded envelopes by what the receiver lacks, and their large parts, each compressed on its own:
 * a thousand workers cost one encoding. All bounded by bytes. What takes long to pack is packed in slices, with pauses between them.
 */
export class SealedSnapshots {
  readonly #store: SnapshotStore;
  readonly #pause: Pause;
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
  readonly #memberBytes = recentValues<Digest, number>(10_000);
  readonly #packing = new Map<string, Promise<Uint8Array>>();

  constructor(store: SnapshotStore, pause: Pause) {
    this.#store = store;
    this.#pause = pause;
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
  envelope(sealed: SealedSnapshot, held: Iterable<Digest>): Promise<Uint8Array> {
    return this.packed(sealed, missingParts(sealed.manifest, held), formatOf(1, snapshotFormats));
  }

  /**
   * What one message brings: the manifest and these parts. Shared bytes, as above. Undefined when they are not at hand and would take
   * longer to pack than an offer may wait: then the worker asks for them.
   */
  attachment(sealed: SealedSnapshot, parts: readonly ManifestPart[], format: SnapshotFormat): Uint8Array | undefined {
    const digests = parts.map(({ digest }) => digest);
    const key = keyOf(sealed, digests, format);
    const known = this.#envelopes.get(key);
    if (known !== undefined) return known;
    if (parts.reduce((sum, { size }) => sum + size, 0) > maxPackedAtOnce) return undefined;
    const bytes = format.encode(sealed.manifest, sealed.parts, defaultSnapshotLimits, digests);
    this.#envelopes.set(key, bytes);
    return bytes;
  }

  /** An envelope with these parts, packed once for all who ask. Shared bytes, as above. */
  async packed(sealed: SealedSnapshot, parts: readonly Digest[], format: SnapshotFormat): Promise<Uint8Array> {
    const { manifest, parts: all } = sealed;
    const key = keyOf(sealed, parts, format);
    const known = this.#envelopes.get(key);
    if (known !== undefined) return known;
    return this.#packOnce(key, async () => {
      const bytes =
        format.encodeSlowly === undefined
          ? format.encode(manifest, all, defaultSnapshotLimits, parts)
          : await format.encodeSlowly(manifest, all, defaultSnapshotLimits, parts, this.#pause);
      this.#envelopes.set(key, bytes);
      return bytes;
    });
  }

  /** One part on its own, compressed once for all who ask. Shared bytes, as above. Throws `not_found` for a part of another snapshot. */
  async member(sealed: SealedSnapshot, part: Digest): Promise<Uint8Array> {
    const bytes = sealed.parts.get(part);
    if (bytes === undefined) throw new DomainError('not_found', 'the snapshot has no such part', { digest: part });
    const known = this.#members.get(part);
    if (known !== undefined) return known;
    return this.#packOnce(part, async () => {
      const member = await encodePartMemberSlowly(bytes, this.#pause);
      this.#members.set(part, member);
      this.#memberBytes.set(part, member.byteLength);
      return member;
    });
  }

  /** Bytes that a part takes on its own; its uncompressed size when it was never compressed here. */
  memberBytes({ digest, size }: ManifestPart): number {
    return this.#memberBytes.get(digest) ?? size;
  }

  #packOnce(key: string, pack: () => Promise<Uint8Array>): Promise<Uint8Array> {
    let packing = this.#packing.get(key);
    if (packing === undefined) {
      packing = pack().finally(() => this.#packing.delete(key));
      this.#packing.set(key, packing);
    }
    return packing;
  }
}

const keyOf = (sealed: SealedSnapshot, parts: readonly Digest[], format: SnapshotFormat): string =>
  `${sealed.digest} ${format.version} ${parts.length === sealed.parts.size ? '*' : parts.join(' ')}`;
