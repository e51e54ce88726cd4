import { type Digest, isDomainError, type TenantId } from '@skein/domain';
import type { BlobStore } from '@skein/ports';

/** The bytes of a part, or undefined when the blob store has none. */
export const readStoredPart = async (
  blobs: BlobStore,
  tenant: TenantId,
  digest: Digest,
): Promise<Uint8Array | undefined> => {
  try {
    return await blobs.get(tenant, digest);
  } catch (error) {
    if (isDomainError(error) && error.code === 'not_found') return undefined;
    throw error;
  }
};
