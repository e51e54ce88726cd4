import { type Digest, DomainError, type TenantId } from '@skein/domain';
import type { BlobStore, Hasher } from '@skein/ports';

/** Blobs in memory. */
export class MemoryBlobStore implements BlobStore {
  readonly #hasher: Hasher;
  readonly #blobs = new Map<string, Uint8Array>();

  constructor(deps: { readonly hasher: Hasher }) {
    this.#hasher = deps.hasher;
  }

  async put(tenant: TenantId, bytes: Uint8Array): Promise<Digest> {
    const digest = this.#hasher.digest(bytes);
    this.#blobs.set(`${tenant}\u0000${digest}`, bytes.slice());
    return digest;
  }

  async get(tenant: TenantId, digest: Digest): Promise<Uint8Array> {
    const bytes = this.#blobs.get(`${tenant}\u0000${digest}`);
    if (bytes === undefined) throw new DomainError('not_found', 'unknown blob', { digest });
    return bytes.slice();
  }

  async has(tenant: TenantId, digest: Digest): Promise<boolean> {
    return this.#blobs.has(`${tenant}\u0000${digest}`);
  }
}
