import { type Digest, DomainError, type TenantId } from '@skein/domain';
import type { BlobStore, Hasher } from '@skein/ports';
import type { Queries } from '../sql/schema.ts';
import { PgBytes } from './pg-bytes.ts';
import type { SidePool } from './side-connection.ts';

/** Blobs in PostgreSQL. */
export class PgBlobStore implements BlobStore {
  readonly #bytes: PgBytes;

  constructor(deps: { readonly pool: SidePool; readonly queries: Queries; readonly hasher: Hasher }) {
    this.#bytes = new PgBytes({ ...deps, kind: 'blob' });
  }

  put(tenant: TenantId, bytes: Uint8Array): Promise<Digest> {
    return this.#bytes.put(tenant, bytes);
  }

  async get(tenant: TenantId, digest: Digest): Promise<Uint8Array> {
    const bytes = await this.#bytes.read(tenant, digest);
    if (bytes === undefined) throw new DomainError('not_found', 'unknown blob', { digest });
    return bytes;
  }

  async has(tenant: TenantId, digest: Digest): Promise<boolean> {
    return (await this.#bytes.size(tenant, digest)) !== undefined;
  }
}
