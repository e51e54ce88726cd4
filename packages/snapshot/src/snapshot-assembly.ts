import type { Digest, Manifest, ManifestPart } from '@skein/domain';
import type { AgentStores } from '@skein/ports';
import { decodeEnvelope } from './envelope.ts';
import { storesOf } from './hydrate.ts';
import { missingPartsBySize, parseManifest } from './manifest.ts';
import type { PartCache } from './part-cache.ts';
import { partLabel } from './part-content.ts';
import { SnapshotContents } from './snapshot-contents.ts';
import { snapshotInvalid } from './snapshot-error.ts';
import { checkDigest, type VerifyDeps } from './verify-snapshot.ts';

/** One opening of one snapshot, from wherever its bytes come: every part is verified and read once, when it arrives. */
export class SnapshotAssembly {
  readonly #deps: VerifyDeps;
  readonly #cache: PartCache;
  readonly #digest: Digest;
  readonly #contents: SnapshotContents;
  /** Verified parts, held here whatever the cache evicts meanwhile. */
  readonly #parts = new Map<Digest, Uint8Array>();
  /** What the manifest lists, by digest. */
  readonly #entries = new Map<Digest, ManifestPart[]>();
  #sealed: { readonly manifest: Manifest; readonly bytes: Uint8Array } | undefined;

  constructor(deps: VerifyDeps, cache: PartCache, digest: Digest) {
    this.#deps = deps;
    this.#cache = cache;
    this.#digest = digest;
    this.#contents = new SnapshotContents(deps.limits);
  }

  /** Takes in what an envelope brings; nothing of it enters the cache yet. Throws what `decodeEnvelope`, `checkDigest` and `SnapshotContents` throw. */
  takeEnvelope(envelope: Uint8Array): void {
    const arrived = decodeEnvelope(envelope, this.#deps.limits, this.#deps.formats);
    if (this.#sealed === undefined) {
      checkDigest(this.#deps.hasher, arrived.manifestBytes, this.#digest, 'the snapshot');
      this.#seal(arrived.manifest, arrived.manifestBytes.slice());
    }
    for (const [digest, parts] of this.#entries) {
      const bytes = arrived.parts.get(digest);
      if (bytes === undefined || this.#parts.has(digest)) continue;
      checkDigest(this.#deps.hasher, bytes, digest, partLabel(parts[0] as ManifestPart));
      // A copy, so that what stays is this part and not the whole envelope.
      this.#take(digest, this.#cache.borrow(digest) ?? bytes.slice());
    }
  }

  /** Takes in what the cache holds. Throws `snapshot_invalid` with `bad_length` for a manifest that lies about the size of a part. */
  takeHeld(): void {
    if (this.#sealed === undefined) {
      const bytes = this.#cache.borrow(this.#digest);
      if (bytes === undefined) return;
      this.#seal(parseManifest(bytes, this.#deps.limits), bytes);
    }
    for (const digest of this.#entries.keys()) {
      const bytes = this.#parts.has(digest) ? undefined : this.#cache.borrow(digest);
      if (bytes !== undefined) this.#take(digest, bytes);
    }
  }

  /** Lets what was verified and read so far enter the cache, so that it need not come again if the rest fails. */
  keepParts(): void {
    this.#cache.adoptParts(this.#parts);
  }

  /** Takes in, and keeps, one verified part that nobody changes any more. */
  takePart(part: ManifestPart, bytes: Uint8Array): void {
    if (this.#parts.has(part.digest)) return;
    this.#take(part.digest, bytes);
    this.#cache.adoptParts(new Map([[part.digest, bytes]]));
  }

  /** What is still lacking; undefined while not even the manifest is known. */
  missing(): ReturnType<typeof missingPartsBySize> | undefined {
    return this.#sealed === undefined ? undefined : missingPartsBySize(this.#sealed.manifest, this.#parts.keys());
  }

  /** The stores, once nothing is missing, with the sum of all parts' sizes; the snapshot then is in the cache. Throws `snapshot_invalid` with `missing_part`. */
  finish(): { readonly stores: AgentStores; readonly bytes: number } {
    const sealed = this.#sealed;
    if (sealed === undefined) throw snapshotInvalid('missing_snapshot', `no bytes came for ${this.#digest}`);
    const { manifest, bytes: manifestBytes } = sealed;
    const lacking = manifest.parts.find((part) => !this.#parts.has(part.digest));
    if (lacking !== undefined) {
      throw snapshotInvalid('missing_part', `${lacking.digest} is neither sent nor held`, partLabel(lacking));
    }
    const stores = storesOf(this.#digest, this.#contents.closed());
    this.#cache.adopt({ digest: this.#digest, manifestBytes, parts: this.#parts });
    return { stores, bytes: manifest.parts.reduce((sum, part) => sum + part.size, 0) };
  }

  #seal(manifest: Manifest, bytes: Uint8Array): void {
    this.#sealed = { manifest, bytes };
    for (const part of manifest.parts) {
      const entries = this.#entries.get(part.digest);
      if (entries === undefined) this.#entries.set(part.digest, [part]);
      else entries.push(part);
    }
  }

  #take(digest: Digest, bytes: Uint8Array): void {
    for (const part of this.#entries.get(digest) ?? []) {
      if (bytes.length !== part.size) {
        throw snapshotInvalid('bad_length', `${bytes.length} bytes, not ${part.size}`, partLabel(part));
      }
      this.#contents.take(part, bytes);
    }
    this.#parts.set(digest, bytes);
  }
}
